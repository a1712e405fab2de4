package bench

import (
	"slices"
	"testing"
	"time"
)

// rounds is how often the things compared take turns, and perRound for how long
// each is measured in one.
const (
	rounds   = 15
	perRound = 20 * time.Millisecond
)

// inTurn measures the functions in turn (A B C A B C …), so that a machine whose
// speed drifts slows down all of them, and reports for each the median time, the
// median of its ratio to limit in the same round, and its allocations. limit is
// measured twice a round: the ratio of the two, "a/a", tells what a ratio is worth.
func inTurn(b *testing.B, limit string, run map[string]func()) {
	b.Helper()
	names := []string{limit}
	for name := range run {
		if name != limit {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	n := make(map[string]int)
	for _, name := range names {
		n[name] = calibrate(run[name])
	}
	ns, ratios := make(map[string][]float64), make(map[string][]float64)
	for range rounds {
		base := measure(run[limit], n[limit])
		ratios["a/a"] = append(ratios["a/a"], measure(run[limit], n[limit])/base)
		ns[limit] = append(ns[limit], base)
		for _, name := range names[1:] {
			t := measure(run[name], n[name])
			ns[name] = append(ns[name], t)
			ratios[name] = append(ratios[name], t/base)
		}
	}
	for _, name := range names {
		allocs := testing.AllocsPerRun(1000, run[name])
		b.Run(name, func(b *testing.B) {
			for range b.N { // the framework wants to time something itself
				run[name]()
			}
			b.ReportMetric(median(ns[name]), "ns/op")
			b.ReportMetric(allocs, "allocs/op")
			if name == limit {
				b.ReportMetric(median(ratios["a/a"]), "a/a")
				return
			}
			b.ReportMetric(median(ratios[name]), "x-limit")
		})
	}
}

// calibrate finds how many calls take about perRound.
func calibrate(f func()) int {
	n := 1
	for {
		start := time.Now()
		for range n {
			f()
		}
		if took := time.Since(start); took > perRound/4 {
			return max(1, int(float64(n)*float64(perRound)/float64(took)))
		}
		n *= 2
	}
}

// measure returns the nanoseconds per call.
func measure(f func(), n int) float64 {
	start := time.Now()
	for range n {
		f()
	}
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

func median(xs []float64) float64 {
	if len(xs) == 0 {
		panic("no measurements")
	}
	s := slices.Clone(xs)
	slices.Sort(s)
	return s[len(s)/2]
}
