// Package resource is what locks guard in a real run: a process of the test's own that
// accepts writes by fence and writes down what it decided, in which order. It needs no
// clock for that, and no trust in anybody.
package resource
