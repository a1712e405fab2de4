//go:build !race

package sim

const defaultSchedules = 5000
