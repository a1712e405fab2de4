package check

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
)

var fifo = Rule{
	Name: "fifo",
	Doc: "who has a place in the queue of a name and stays is not overtaken: neither by one who queues later nor by one who does not queue; " +
		"fences tell the order, as far as the store lost no data",
	Check: checkFIFO,
}

func checkFIFO(events []history.Event, cfg Config, r *Result) {
	if cfg.MayLose {
		return // places may be lost too
	}
	keys, groups := group(ops(events, history.Seam), func(o *op) string { return o.key })
	pushes := make(map[string][]*op)
	for i, e := range events {
		if e.Layer == history.Seam && e.Op == opPush && e.Holder != "" {
			pushes[e.Key] = append(pushes[e.Key], &op{call: e, ret: e, callAt: i, retAt: i, done: true, client: e.Client, key: e.Key})
		}
	}
	for _, key := range keys {
		q := newLine(groups[key], pushes[key])
		r.Violations = append(r.Violations, q.overtakings(key)...)
	}
}

// granted is a lease, and who first showed that it is given.
type granted struct {
	holder string
	fence  uint64
	asked  int // the place in the history of the holder's first request
	shown  *op
}

// line is what is known of the queue of one name.
type line struct {
	asks   map[string][]*op // requests by holder
	looks  map[string][]*op // by client
	leaves map[string]int   // where each holder's first Leave or Release began
	evicts bool
	grants []granted
}

func newLine(all, pushes []*op) *line {
	q := &line{asks: make(map[string][]*op), looks: make(map[string][]*op), leaves: make(map[string]int)}
	for _, o := range all {
		switch o.call.Op {
		case opAcquire, opEnqueue:
			q.asks[o.call.Holder] = append(q.asks[o.call.Holder], o)
		case opLook:
			q.looks[o.call.Holder] = append(q.looks[o.call.Holder], o)
		case opLeave, opRelease:
			if _, ok := q.leaves[o.call.Holder]; !ok {
				q.leaves[o.call.Holder] = o.callAt
			}
		case opEvict:
			q.evicts = true
		}
	}
	q.findGrants(append(slices.Clone(all), pushes...))
	return q
}

// findGrants finds for each lease the first event that shows it.
func (q *line) findGrants(all []*op) {
	type id struct {
		holder string
		fence  uint64
	}
	seen := make(map[id]bool)
	slices.SortStableFunc(all, func(a, b *op) int { return cmp.Compare(a.retAt, b.retAt) })
	show := func(holder string, fence uint64, o *op) {
		asks := q.asks[holder]
		if fence == 0 || seen[id{holder, fence}] || len(asks) == 0 {
			return
		}
		seen[id{holder, fence}] = true
		q.grants = append(q.grants, granted{holder, fence, asks[0].callAt, o})
	}
	for _, o := range all {
		if o.outcome() == history.OK || o.call.Op == opPush {
			if o.ret.Fence != 0 {
				show(cmp.Or(o.call.Holder, o.ret.Holder), o.ret.Fence, o)
			}
			for _, g := range o.ret.Grants {
				show(g.Holder, g.Fence, o)
			}
		}
	}
}

// overtakings finds who was granted a later request while an earlier one stayed.
func (q *line) overtakings(key string) []Violation {
	var found []Violation
	for _, a := range q.grants {
		place := q.place(a)
		if place == nil {
			continue
		}
		stays := q.stays(place, a.holder)
		for _, b := range q.grants {
			if b.fence < a.fence && b.asked > place.retAt && b.shown.retAt < stays.until && b.shown.ret.T < stays.patience {
				found = append(found, violation("fifo", key, gather(place, q.asks[b.holder][0], b.shown, a.shown),
					"%s, who asked later, was given fence %d before %s, who stood in the queue, was given %d", b.holder, b.fence, a.holder, a.fence))
				break
			}
		}
	}
	return found
}

// place returns the Enqueue that gave the holder the place in the queue from which it
// was granted; nil if there is none, or if it was granted from there once before, or may
// have been, unseen.
func (q *line) place(a granted) *op {
	for _, b := range q.grants {
		if b.holder == a.holder && b.fence < a.fence {
			return nil // this one comes from a request that arrived once more
		}
	}
	if at, ok := q.leaves[a.holder]; ok && at < a.shown.callAt {
		return nil // so does this one: the place had been given up
	}
	var place *op
	asks := 0
	for _, o := range q.asks[a.holder] {
		if o.callAt > a.shown.retAt {
			break
		}
		asks++
		if o.call.Op == opEnqueue && o.outcome() == history.Held && o.retAt < a.shown.retAt {
			place = o
		}
	}
	if place == nil {
		return nil
	}
	// The lease of an earlier grant has run out if it was not to be seen any more.
	if asks > 1 && (q.evicts || a.shown.ret.T >= plus(q.asks[a.holder][0].call.T, place.call.TTL)) {
		return nil
	}
	return place
}

// stay is how long a place is kept for certain.
type stay struct {
	until    int           // where in the history it is given up
	patience time.Duration // and when it is lost for want of a sign of life
}

func (q *line) stays(place *op, holder string) stay {
	s := stay{until: math.MaxInt, patience: leastPatience(place)}
	if at, ok := q.leaves[holder]; ok {
		s.until = at
	}
	for _, o := range q.looks[driver.ClientOf(holder)] {
		if o.callAt > place.retAt && o.outcome() == history.OK && o.ret.T < s.patience {
			s.patience = max(s.patience, leastPatience(o))
		}
	}
	return s
}

// leastPatience is until when a request keeps a place at least, for a store whose clock
// does not run quite like ours and counts in milliseconds.
func leastPatience(o *op) time.Duration {
	return leastDeadline(o.call.T, o.call.Patience) - time.Millisecond
}
