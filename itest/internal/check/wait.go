package check

import (
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

const (
	// storeTimeout is how long the root package waits for the store's answer to one
	// request, and how much longer a wait may take because of that.
	storeTimeout = 5 * time.Second

	// cleanUpPatience is how long it then waits for what it undoes.
	cleanUpPatience = 50 * time.Millisecond
)

var waitBound = Rule{
	Name:  "wait-bound",
	Doc:   "an acquisition ends when the time to wait is over; a request that the store leaves without an answer can make it 5 s longer",
	Check: checkWait,
}

func checkWait(events []history.Event, cfg Config, r *Result) {
	b := newWaits(events)
	for _, o := range only(ops(events, history.User), history.Acquire) {
		if !o.done || o.call.Wait == history.Forever {
			continue
		}
		due := plus(o.call.T, o.call.Wait)
		bound := plus(due, b.extra(o, due)+cleanUpPatience+cfg.Slack+b.paused(o))
		if o.ret.T > bound {
			r.Violations = append(r.Violations, violation("wait-bound", o.subject(), gather(o),
				"an acquisition that was to wait for %v took %v", o.call.Wait, o.ret.T-o.call.T))
		}
	}
}

// waits knows what can make a wait longer.
type waits struct {
	requests map[string][]*op // of each client
	pauses   map[string][]*op // times in which faults kept each client from doing anything
	faults   bool             // there were some
}

func newWaits(events []history.Event) *waits {
	b := &waits{requests: make(map[string][]*op), pauses: make(map[string][]*op)}
	for _, o := range ops(events, history.Seam) {
		if o.call.Op == opAcquire || o.call.Op == opEnqueue {
			b.requests[o.client] = append(b.requests[o.client], o)
		}
	}
	for _, o := range ops(events, history.Fault) {
		b.pauses[o.call.Target] = append(b.pauses[o.call.Target], o)
	}
	for _, e := range events {
		b.faults = b.faults || e.Layer == history.Fault
	}
	return b
}

// extra is how much longer the acquisition may take because of a request that is under
// way when its time to wait is over. Where there are faults, or there is no record of the
// seam, any may be: a fault can keep it from ever getting as far as the seam.
func (b *waits) extra(o *op, due time.Duration) time.Duration {
	all, recorded := b.requests[o.client]
	if !recorded || b.faults || o.call.Wait == 0 {
		return storeTimeout
	}
	var most time.Duration
	for _, q := range all {
		if q.call.T <= due && q.end() >= due && names(q.key, o.verb, o.key) {
			most = max(most, min(q.end()-due, storeTimeout))
		}
	}
	return most
}

// paused is how much of the time of an operation faults took.
func (b *waits) paused(o *op) time.Duration {
	var sum time.Duration
	for _, target := range []string{o.client, history.AllClients} {
		for _, p := range b.pauses[target] {
			if d := min(p.end(), o.ret.T) - max(p.call.T, o.call.T); d > 0 {
				sum += d
			}
		}
	}
	return sum
}
