package check

import (
	"cmp"
	"slices"

	"github.com/go-cachify/cachify/itest/internal/history"
)

var resourceFence = Rule{
	Name: "resource-fence",
	Doc: "the fences that the guarded resource accepts for a key never fall, and each belongs to one acquisition; " +
		"it needs no clock: the resource itself put its decisions in order",
	Check: func(events []history.Event, _ Config, r *Result) {
		var notes []history.Event
		for _, e := range events {
			if e.Layer == history.Resource && e.Op == history.Write && e.Outcome == history.OK && e.Fence != 0 {
				notes = append(notes, e)
			}
		}
		slices.SortStableFunc(notes, func(a, b history.Event) int { return cmp.Compare(a.Seq, b.Seq) })
		type keyFence struct {
			key   string
			fence uint64
		}
		last := make(map[string]history.Event)
		owner := make(map[keyFence]history.Event)
		for _, e := range notes {
			key := subject(e.Verb, e.Key)
			// The holders of a pool write side by side.
			if p, ok := last[key]; ok && e.Fence < p.Fence && e.Verb != history.Pool {
				r.Violations = append(r.Violations, violation("resource-fence", e.Key, history.Sorted([]history.Event{p, e}),
					"the resource accepted fence %d of %s after %d of %s", e.Fence, e.Holder, p.Fence, p.Holder))
			}
			last[key] = e
			id := keyFence{key, e.Fence}
			if p, ok := owner[id]; !ok {
				owner[id] = e
			} else if p.Holder != e.Holder {
				r.Violations = append(r.Violations, violation("resource-fence", e.Key, history.Sorted([]history.Event{p, e}),
					"the resource accepted fence %d of %s and of %s", e.Fence, p.Holder, e.Holder))
			}
		}
	},
}

var believedWrite = Rule{
	Name: "believed-write",
	Doc:  "the guarded resource refuses no write of who believes to hold a lock from before the write until after it",
	Check: func(events []history.Event, cfg Config, r *Result) {
		of := make(map[leaseID]*hold)
		for _, hs := range holds(events) {
			for _, h := range hs {
				for _, a := range h.acquires {
					of[leaseID{a.client, a.call.ID}] = h
				}
			}
		}
		for _, w := range only(ops(events, history.User), history.Write) {
			h := of[leaseID{w.client, w.call.Lease}]
			if h == nil || h.limit > 1 || w.outcome() != history.Refused || !h.believed(w.call.T, w.ret.T) {
				continue
			}
			shown := history.Sorted(append(slices.Clone(h.events), w.events()...))
			v := violation("believed-write", h.first().subject(), shown,
				"the resource refused fence %d of %s although it believed to hold until %v", w.call.Fence, h.holder, h.end)
			v.From, v.To = w.call.T, w.ret.T
			r.overlap(v, cfg)
		}
	},
}
