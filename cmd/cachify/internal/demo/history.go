// Package demo lets processes fight for a lock and a pool, kills one of them, and
// checks and draws what happened.
package demo

import (
	"maps"
	"slices"
	"time"
)

// Kind is what happened to a worker.
type Kind string

// The kinds of events, in the order in which they happen.
const (
	Wants  Kind = "wants"  // is about to ask
	Queued Kind = "queued" // was refused, and stands in the queue by now
	In     Kind = "in"     // holds it, from some time before
	Out    Kind = "out"    // is about to give it back, or has lost it
	Killed Kind = "killed" // the process has ended, by kill -9
)

// Event is one line of the history. Its place there says what was before what; At is
// only for drawing.
type Event struct {
	At     time.Duration `json:"-"` // since the start
	Worker string        `json:"worker"`
	Kind   Kind          `json:"kind"`
	What   string        `json:"what,omitempty"`  // Lock or Pool; empty for Killed
	Fence  uint64        `json:"fence,omitempty"` // for In
}

// What the workers fight for.
const (
	Lock = "lock"
	Pool = "pool"
)

// PoolSize is how many slots the pool has.
const PoolSize = 3

// turn is one acquisition of a worker, made of its events. The numbers are the places
// of those in the history; -1: it did not happen.
type turn struct {
	worker, what string
	fence        uint64

	wants, queued, in, out int
	wantsAt, inAt, outAt   time.Duration
	killed                 bool // out is where its process was killed
}

// turns are the acquisitions of one thing, in the order in which they were begun.
func turns(history []Event, what string) []*turn {
	var all []*turn
	open := map[string]*turn{}
	for i, e := range history {
		t := open[e.Worker]
		if e.Kind == Killed && t != nil {
			t.out, t.outAt, t.killed = i, e.At, true
			delete(open, e.Worker)
		}
		if e.What != what {
			continue
		}
		if t == nil || e.Kind == Wants {
			t = &turn{worker: e.Worker, what: what, wants: i, wantsAt: e.At, queued: -1, in: -1, out: -1}
			open[e.Worker] = t
			all = append(all, t)
		}
		switch e.Kind {
		case Queued:
			t.queued = i
		case In:
			t.in, t.inAt, t.fence = i, e.At, e.Fence
		case Out:
			t.out, t.outAt = i, e.At
			delete(open, e.Worker)
		case Wants, Killed:
		}
	}
	return all
}

// workers are the names of all workers, sorted.
func workers(history []Event) []string {
	names := map[string]bool{}
	for _, e := range history {
		names[e.Worker] = true
	}
	return slices.Sorted(maps.Keys(names))
}
