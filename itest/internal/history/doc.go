// Package history is what clients of a store saw, written down: who asked for what and
// when, what came back and when, and what was broken meanwhile. The checks in package
// check decide from it alone whether the promises were kept.
package history
