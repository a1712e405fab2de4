package check

import (
	"cmp"
	"slices"

	"github.com/go-cachify/cachify/itest/internal/history"
)

var fencesRise = Rule{
	Name: "fences-rise",
	Doc:  "of two acquisitions of a key of which one was done before the other was asked for, the later one has the larger fence, and no two have the same",
	Check: func(events []history.Event, _ Config, r *Result) {
		for _, layer := range []history.Layer{history.User, history.Seam} {
			keys, groups := group(acquired(events, layer), (*op).subject)
			for _, key := range keys {
				r.Violations = append(r.Violations, falling(key, groups[key])...)
				r.Violations = append(r.Violations, shared(key, groups[key])...)
			}
		}
	},
}

// acquired finds the acquisitions that were answered with a fence. Each began when its
// holder asked first: a slot may have been handed to it since.
func acquired(events []history.Event, layer history.Layer) []*op {
	type asker struct{ key, holder string }
	first := make(map[asker]int)
	var all []*op
	for _, o := range ops(events, layer) {
		if o.call.Op != history.Acquire && o.call.Op != opEnqueue {
			continue
		}
		if layer == history.Seam {
			id := asker{o.key, o.call.Holder}
			if at, ok := first[id]; ok {
				o.callAt = at
			}
			first[id] = o.callAt
		}
		if o.outcome() == history.OK && o.ret.Fence != 0 {
			all = append(all, o)
		}
	}
	return all
}

// falling goes through the acquisitions of one key in the order of their calls, and
// compares each with the largest fence that had been returned by then.
func falling(key string, all []*op) []Violation {
	calls := slices.SortedFunc(slices.Values(all), func(a, b *op) int { return cmp.Compare(a.callAt, b.callAt) })
	returns := slices.SortedFunc(slices.Values(all), func(a, b *op) int { return cmp.Compare(a.retAt, b.retAt) })
	var found []Violation
	var largest *op
	for _, o := range calls {
		for len(returns) > 0 && returns[0].before(o) {
			if p := returns[0]; largest == nil || p.ret.Fence > largest.ret.Fence {
				largest = p
			}
			returns = returns[1:]
		}
		// The same holder may get its lease once more.
		if largest != nil && o.ret.Fence <= largest.ret.Fence && o.ret.Fence != firstFence(all, o) {
			found = append(found, violation("fences-rise", key, gather(largest, o),
				"fence %d was given to %s after %d to %s", o.ret.Fence, o.ret.Holder, largest.ret.Fence, largest.ret.Holder))
		}
	}
	return found
}

// firstFence returns the fence that the holder of o got before; 0: it had none.
func firstFence(all []*op, o *op) uint64 {
	if o.ret.Holder == "" {
		return 0
	}
	for _, p := range all {
		if p.ret.Holder == o.ret.Holder && p.ret.Fence == o.ret.Fence && p.callAt < o.callAt {
			return p.ret.Fence
		}
	}
	return 0
}

// shared finds fences that two holders have.
func shared(key string, all []*op) []Violation {
	var found []Violation
	owner := make(map[uint64]*op)
	for _, o := range all {
		p := owner[o.ret.Fence]
		if p == nil {
			owner[o.ret.Fence] = o
		} else if p.ret.Holder != o.ret.Holder {
			found = append(found, violation("fences-rise", key, gather(p, o),
				"fence %d was given to %s and to %s", o.ret.Fence, p.ret.Holder, o.ret.Holder))
		}
	}
	return found
}
