//go:build race

package sim

// defaultSchedules take about half a minute with the race detector on two cores.
const defaultSchedules = 1500
