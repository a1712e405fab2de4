//go:build !race

package cachify_test

const maxHitAllocs = 0
