package main

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// A contestant is one of the things compared. measure is called once a round.
type contestant struct {
	name    string
	kind    kind
	module  string // whose version is shown; empty: this repository
	measure func() sample
}

// A sample is what was measured in a round, and what besides.
type sample struct {
	value   float64
	besides map[string]float64
}

// inTurn fills in the rows of g. The order rotates, so that nobody is always the
// neighbour of the same one. The subject is measured twice a round.
func (l *lab) inTurn(g *Group, rounds int, all []contestant) *Group {
	for _, c := range all {
		if c.name == g.Subject {
			c.name, c.kind = c.name+", again (A/A)", again
			all = append(all, c)
			break
		}
	}
	for _, c := range all {
		g.Rows = append(g.Rows, &Row{Name: c.name, Kind: c.kind, Version: versionOf(c.module), Besides: map[string][]float64{}})
	}
	for round := range l.times(rounds) {
		for i := range all {
			i = (i + round) % len(all)
			s, r := all[i].measure(), g.Rows[i]
			r.Values = append(r.Values, s.value)
			for key, x := range s.besides {
				r.Besides[key] = append(r.Besides[key], x)
			}
			l.must(l.ctx.Err())
		}
	}
	return g
}

// allocations is what timed measures besides.
var allocations = Column{Key: "allocs", Title: "allocations"}

// timed makes a measure of a function that takes little time: ns for a call, over
// 20 ms a round.
func (l *lab) timed(f func() error) func() sample {
	length := l.long(20 * time.Millisecond)
	call := func(n int) time.Duration {
		start := time.Now()
		for range n {
			if err := f(); err != nil {
				l.must(err)
			}
		}
		return time.Since(start)
	}
	n, took := 1, call(1)
	for took < length/4 {
		n *= 2
		took = call(n)
	}
	n = max(1, int(float64(n)*float64(length)/float64(took)))
	allocs := testing.AllocsPerRun(l.size(1000), func() { l.must(f()) })
	return func() sample {
		return sample{float64(call(n).Nanoseconds()) / float64(n), map[string]float64{"allocs": allocs}}
	}
}

// counts is how often each goroutine did something, and in what time.
type counts struct {
	each []int
	took time.Duration
}

func (c counts) total() (n int) {
	for _, x := range c.each {
		n += x
	}
	return n
}

func (c counts) perSecond() float64 { return float64(c.total()) / c.took.Seconds() }

// during lets the goroutines do f, which gets the goroutine's number. It counts from
// the moment at which each has done it once, or after a second, until length is over.
func (l *lab) during(goroutines int, length time.Duration, f func(i int) error) counts {
	c := counts{each: make([]int, goroutines)}
	var counting, over atomic.Bool
	var missing atomic.Int64
	missing.Store(int64(goroutines))
	all, stop := make(chan struct{}), make(chan error, 1)
	go func() {
		stop <- crowd(goroutines, func(i int) error {
			n := 0
			for first := true; !over.Load(); first = false {
				if err := f(i); err != nil {
					over.Store(true)
					return err
				}
				if counting.Load() {
					n++
				}
				if first && missing.Add(-1) == 0 {
					close(all)
				}
			}
			c.each[i] = n
			return nil
		})
	}()
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case <-all:
	case <-late.C:
	case err := <-stop:
		l.must(err)
	}
	start := time.Now()
	counting.Store(true)
	end := time.NewTimer(length)
	<-end.C
	c.took = time.Since(start)
	over.Store(true)
	l.must(<-stop)
	return c
}

// uneven is how often the goroutine that was served most was, for each time of the one
// that was served least; endless if that one was not served at all.
func (c counts) uneven() float64 {
	if slices.Min(c.each) == 0 {
		return endless
	}
	return float64(slices.Max(c.each)) / float64(slices.Min(c.each))
}

// endless stands for infinity, which JSON does not know.
const endless = math.MaxFloat64
