//go:build race

package cachify

// crowd is how many wait for one key. The race detector takes its time.
const crowd = 20_000
