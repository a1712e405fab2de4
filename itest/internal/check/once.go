package check

import (
	"slices"
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

var onceAlone = Rule{
	Name:  "once-alone",
	Doc:   "the function behind a once-guard does not begin while another run of it is under way whose lease lasts",
	Check: checkOnce,
}

func checkOnce(events []history.Event, cfg Config, r *Result) {
	var runs []*op
	for _, o := range only(ops(events, history.User), history.Run) {
		if o.verb == history.Once {
			runs = append(runs, o)
		}
	}
	if len(runs) == 0 {
		return
	}
	g := newGuards(events, cfg)
	keys, groups := group(runs, (*op).subject)
	for _, key := range keys {
		r.Histories++
		for _, v := range g.twice(key, groups[key]) {
			r.overlap(v, cfg)
		}
	}
}

// guards knows for how long a run of a once-guard is protected.
type guards struct {
	cfg       Config
	ended     map[leaseID]time.Duration
	leases    map[string][]*op // what each client asked the store for leases, and got
	evictions map[string][]eviction
	evicted   map[string][]eviction // by name in the store
	kills     []*op                 // of the store and all its users
}

func newGuards(events []history.Event, cfg Config) *guards {
	g := &guards{cfg: cfg, ended: make(map[leaseID]time.Duration), leases: make(map[string][]*op), evictions: evictionsOf(events), evicted: evictionsAtSeam(events), kills: killsOfAll(events)}
	for _, e := range events {
		if e.Layer == history.User && e.Op == history.Ended && e.Verb == history.Once {
			if id := (leaseID{e.Client, e.Lease}); g.ended[id] == 0 {
				g.ended[id] = e.T
			}
		}
	}
	for _, o := range ops(events, history.Seam) {
		switch o.call.Op {
		case opAcquire, opEnqueue, opExtend:
			g.leases[o.client] = append(g.leases[o.client], o)
		}
	}
	return g
}

// twice finds runs that begin while an earlier one is protected.
func (g *guards) twice(key string, runs []*op) []Violation {
	var found []Violation
	var last *op // the one that is protected longest
	var until time.Duration
	for _, o := range runs {
		end := g.protected(o)
		if end <= o.call.T {
			continue // its lease was over before it began
		}
		if last != nil && last.retAt > o.callAt && o.call.T < until {
			v := violation("once-alone", key, gather(last, o), "a run of %s began while one of %s was under way", o.client, last.client)
			v.From, v.To = o.call.T, min(end, until)
			found = append(found, v)
		}
		if last == nil || end > until {
			last, until = o, end
		}
	}
	return found
}

// protected is until when nobody else may run: the end of the run or of its lease. Its
// user is told of the latter, but only a simulation tells without delay. Otherwise it
// is known from what the client asked the store for: a lease lasts for its time at least,
// counted from when the client asked.
func (g *guards) protected(o *op) time.Duration {
	end := o.end()
	for _, k := range g.kills {
		if o.call.T <= k.call.T {
			end = min(end, k.call.T)
		}
	}
	if t, ok := g.ended[leaseID{o.client, o.call.ID}]; ok {
		end = min(end, t)
	}
	if g.cfg.Slack > 0 || !o.done {
		end = min(end, g.leased(o))
	}
	evictions := slices.Clone(g.evictions[o.subject()])
	for name, more := range g.evicted {
		if names(name, o.verb, o.key) {
			evictions = append(evictions, more...)
		}
	}
	for _, v := range evictions {
		// It may have come before the run's first event, but not before its lease,
		// which was not over then.
		if o.call.TTL == 0 || v.to > o.call.T-o.call.TTL {
			end = min(end, max(v.from, o.call.T))
		}
	}
	return end
}

// leased is until when the run's lease lasts at least, as far as its client knows.
func (g *guards) leased(o *op) time.Duration {
	var lease *op
	for _, q := range g.leases[o.client] {
		if q.call.Op != opExtend && q.outcome() == history.OK && q.retAt < o.callAt && names(q.key, history.Once, o.key) {
			lease = q
		}
	}
	if lease == nil {
		return 0
	}
	end := leastDeadline(lease.call.T, lease.call.TTL)
	for _, q := range g.leases[o.client] {
		if q.call.Op == opExtend && q.key == lease.key && q.call.Holder == lease.call.Holder && q.callAt < o.retAt {
			if next := leastDeadline(q.call.T, q.call.TTL); q.outcome() == history.OK {
				end = next
			} else {
				end = min(end, next)
			}
		}
	}
	return end
}
