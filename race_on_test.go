//go:build race

package cachify_test

// The race detector makes sync.Pool forget at random.
const maxHitAllocs = 4
