package demo

import (
	"fmt"
	"time"
)

// scene is a history as it is drawn: a row for each worker and thing.
type scene struct {
	end   time.Duration
	parts []part
	kills []Event
}

// part is what happened to the lock or to the pool.
type part struct {
	title string
	what  string
	rows  []row
	all   []*turn
}

// row is what one worker did there.
type row struct {
	worker string
	turns  []*turn
	killed time.Duration // -1: it was not

	// leaseEnd is when the next one got the lock that the killed one had held; 0: it
	// held none, or nobody did.
	leaseEnd time.Duration
}

func newScene(history []Event) scene {
	s := scene{}
	for _, e := range history {
		s.end = max(s.end, e.At)
		if e.Kind == Killed {
			s.kills = append(s.kills, e)
		}
	}
	for _, p := range []part{
		{title: "lock, held by one at a time", what: Lock},
		{title: fmt.Sprintf("pool of %d", PoolSize), what: Pool},
	} {
		p.all = turns(history, p.what)
		for _, w := range workers(history) {
			p.rows = append(p.rows, s.row(w, p))
		}
		s.parts = append(s.parts, p)
	}
	return s
}

func (s *scene) row(worker string, p part) row {
	r := row{worker: worker, killed: -1}
	for _, k := range s.kills {
		if k.Worker == worker {
			r.killed = k.At
		}
	}
	for _, t := range p.all {
		if t.worker != worker {
			continue
		}
		if t.out < 0 { // the history ends before
			t.outAt = s.end
		}
		r.turns = append(r.turns, t)
		if t.killed && t.in >= 0 && p.what == Lock {
			r.leaseEnd = next(p.all, t)
		}
	}
	return r
}

// next is when somebody got in after t; 0: nobody did.
func next(all []*turn, t *turn) time.Duration {
	var at time.Duration
	for _, other := range all {
		if other.in > t.in && (at == 0 || other.inAt < at) {
			at = other.inAt
		}
	}
	return at
}

// state is what a worker does at one moment.
type state int

const (
	elsewhere state = iota
	waiting
	inside
	dead   // it was killed at that moment
	orphan // it is dead, and its lease lasts
)

// at is the state in the middle of the time from one moment to another one; dead, if it
// was killed within that.
func (r row) at(from, to time.Duration) state {
	if r.killed >= from && r.killed < to {
		return dead
	}
	mid := (from + to) / 2
	if r.killed >= 0 && mid > r.killed {
		if mid < r.leaseEnd {
			return orphan
		}
		return elsewhere
	}
	for _, t := range r.turns {
		switch {
		case mid < t.wantsAt || mid >= t.outAt:
		case t.in >= 0 && mid >= t.inAt:
			return inside
		default:
			return waiting
		}
	}
	return elsewhere
}

// inUse is how many are inside at one moment.
func (p part) inUse(at time.Duration) int {
	n := 0
	for _, t := range p.all {
		if t.in >= 0 && t.inAt <= at && at < t.outAt {
			n++
		}
	}
	return n
}

// story says in words what happened to those who were killed.
func (s *scene) story() []string {
	var lines []string
	for _, p := range s.parts {
		for _, r := range p.rows {
			if r.leaseEnd > 0 {
				lines = append(lines, fmt.Sprintf("%s was killed with -9 at %v while it held the %s; the next one had it %v later, when the lease was over.",
					r.worker, seconds(r.killed), p.what, seconds(r.leaseEnd-r.killed)))
			}
		}
	}
	return lines
}

// seconds is a time with hundredths of a second.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
