//go:build !race

package cachify

// crowd is how many wait for one key.
const crowd = 100_000
