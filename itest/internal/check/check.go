// Package check decides from a history whether the promises were kept.
package check

import (
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// Config is what a rule has to know about the run besides its history.
type Config struct {
	// Slack is how much later than promised a thing may be done: what a busy machine
	// costs. 0 in a simulation.
	Slack time.Duration

	// Poll is the instances' LockPollInterval.
	Poll time.Duration

	// Late is how long after a client has sent it a request may reach the store. What a
	// refresh says of the time that the old result has left is wrong by as much.
	Late time.Duration

	// MayLose tells that a fault of this run can break exclusion by the engine's nature,
	// such as the fail-over to a replica that lags behind. Overlaps are then counted,
	// not violations; what the fences say is a violation all the same.
	MayLose bool

	// Eager tells that the store may hand over slots without a request for their name: when
	// it sweeps what is over, at any request. That it has done so is seen later.
	Eager bool

	// End is when all faults were over. What is left behind is judged some time later.
	End time.Duration
}

// Violation is a promise that was broken.
type Violation struct {
	Rule     string        // which, such as "exclusion"
	Key      string        // of what
	From, To time.Duration // when
	Text     string        // what happened, for people

	// Events are those that show it, in the order of time.
	Events []history.Event
}

// Result is what a check found.
type Result struct {
	Violations []Violation

	// Overlaps are those of leases which [Config.MayLose] excuses.
	Overlaps []Violation

	Histories  int // keys that were checked one by one
	Operations int // calls by users and in the seam

	// Undecided are the keys for which linearizability could not be decided within the
	// time for it. Not violations, but to be looked at: the keys' histories are too long.
	Undecided []string
}

// Rule is one check.
type Rule struct {
	Name  string
	Doc   string // the promise, in one sentence
	Check func(events []history.Event, cfg Config, r *Result)
}

// Rules returns all of them.
func Rules() []Rule {
	return []Rule{
		resourceFence, fencesRise, exclusion, believedWrite, onceAlone, cachedFresh, waitBound, fifo, nothingLeft,
		linearizableLeases, linearizableRecords,
	}
}

// Run applies all rules to a history, which is sorted.
func Run(events []history.Event, cfg Config) Result {
	var r Result
	for _, layer := range []history.Layer{history.User, history.Seam} {
		r.Operations += len(ops(events, layer))
	}
	for _, rule := range Rules() {
		rule.Check(events, cfg, &r)
	}
	return r
}
