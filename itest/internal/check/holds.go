package check

import (
	"math"
	"slices"
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// hold is one acquisition and the time in which its client believed that it held it:
// from the Acquire's return to the earliest of its Release's call, its end as the client
// noted it, and the deadline it had last. Re-entrant leases are one hold.
type hold struct {
	acquires   []*op // the first is the one that the store was asked for
	begin, end time.Duration
	fence      uint64
	holder     string
	limit      int
	slots      int
	events     []history.Event
}

func (h *hold) first() *op { return h.acquires[0] }

// believed reports whether the client believed all the time to hold it.
func (h *hold) believed(from, to time.Duration) bool { return h.begin <= from && to < h.end }

// margin is what a client takes off a lease's time for clocks that do not run alike.
func margin(ttl time.Duration) time.Duration { return ttl / 100 }

// plus is t+d, where history.Forever is for ever.
func plus(t, d time.Duration) time.Duration {
	if d > history.Forever-t {
		return history.Forever
	}
	return t + d
}

type leaseID struct {
	client string
	id     uint64
}

// holds finds all of them, by subject.
func holds(events []history.Event) map[string][]*hold {
	bySubject := make(map[string][]*hold)
	byLease := make(map[leaseID]*hold)
	byHolder := make(map[string]*hold)
	for _, o := range ops(events, history.User) {
		if o.call.Op != history.Acquire || o.outcome() != history.OK {
			continue
		}
		key := o.subject() + " " + o.ret.Holder
		h := byHolder[key]
		if h == nil || o.ret.Holder == "" {
			h = newHold(o)
			byHolder[key] = h
			bySubject[o.subject()] = append(bySubject[o.subject()], h)
		} else {
			h.acquires = append(h.acquires, o)
		}
		byLease[leaseID{o.client, o.call.ID}] = h
	}
	believe(events, byLease)
	evict(events, bySubject)
	kill(events, bySubject)
	return bySubject
}

func newHold(o *op) *hold {
	h := &hold{
		acquires: []*op{o}, begin: o.ret.T,
		fence: o.ret.Fence, holder: o.ret.Holder, limit: max(o.call.Limit, 1), slots: max(o.call.Slots, 1),
	}
	switch {
	case o.ret.Deadline != 0:
		h.end = o.ret.Deadline
	case o.call.TTL > 0 && o.call.Wait == 0:
		h.end = leastDeadline(o.call.T, o.call.TTL)
	}
	return h
}

// leastDeadline is the earliest deadline that a lease can have that was asked for
// after t, at once.
func leastDeadline(t, ttl time.Duration) time.Duration {
	if ttl == history.Forever {
		return history.Forever
	}
	return plus(t, ttl-margin(ttl))
}

// believe follows what the clients noted of their leases.
func believe(events []history.Event, byLease map[leaseID]*hold) {
	type state struct {
		bound    time.Duration // by an Extend under way; 0: none
		extend   uint64
		released int
		over     bool
	}
	states := make(map[*hold]*state)
	extends := make(map[leaseID]*hold)
	for _, e := range events {
		if e.Layer != history.User {
			continue
		}
		h := byLease[leaseID{e.Client, e.Lease}]
		if e.Op == history.Acquire {
			if h = byLease[leaseID{e.Client, e.ID}]; h != nil {
				h.events = append(h.events, e)
			}
			continue
		}
		if e.Phase == history.Return && e.Op == history.Extend {
			h = extends[leaseID{e.Client, e.ID}]
		}
		if h == nil {
			continue
		}
		s := states[h]
		if s == nil {
			s = &state{}
			states[h] = s
		}
		h.events = append(h.events, e)
		if s.over {
			continue
		}
		switch {
		case e.Op == history.Believe:
			h.end = e.Deadline
			if s.bound != 0 {
				h.end = min(h.end, s.bound)
			}
		case e.Op == history.Extend && e.Phase == history.Call:
			// From now on the store may do it at any moment.
			extends[leaseID{e.Client, e.ID}] = h
			s.bound, s.extend = leastDeadline(e.T, e.TTL), e.ID
			h.end = min(h.end, s.bound)
		case e.Op == history.Extend && e.Phase == history.Return:
			if s.extend == e.ID {
				s.bound = 0
			}
			if e.Deadline != 0 && s.bound == 0 {
				h.end = e.Deadline
			}
		case e.Op == history.Release && e.Phase == history.Call:
			if s.released++; s.released >= len(h.acquires) {
				h.end, s.over = min(h.end, e.T), true
			}
		case e.Op == history.Ended:
			h.end, s.over = min(h.end, e.T), true
		}
	}
}

// eviction is a lease's end by force: between two moments, of which the later one is
// also told as a place in the history. One of unknown outcome may come at any time.
type eviction struct {
	from, to time.Duration
	until    int
}

// evictionsOf finds them, by subject.
func evictionsOf(events []history.Event) map[string][]eviction {
	found := make(map[string][]eviction)
	for _, o := range ops(events, history.User) {
		if o.call.Op != history.Reset || o.verb == history.Cached || o.outcome() == history.Invalid {
			continue
		}
		v := eviction{o.call.T, o.end(), o.retAt}
		if o.unknown() {
			v.to, v.until = history.Forever, math.MaxInt
		}
		found[o.subject()] = append(found[o.subject()], v)
	}
	return found
}

// evictionsAtSeam finds what the store did, by name: a request that a user sent once
// can arrive twice, or after another one of the same call.
func evictionsAtSeam(events []history.Event) map[string][]eviction {
	found := make(map[string][]eviction)
	for _, o := range only(ops(events, history.Seam), opEvict) {
		found[o.key] = append(found[o.key], eviction{o.call.T, o.end(), o.retAt})
	}
	return found
}

// evict cuts short what was perhaps ended by force: such a holder learns it only at its
// next renewal or release, and until then believes to hold.
func evict(events []history.Event, bySubject map[string][]*hold) {
	all := evictionsOf(events)
	for name, evictions := range evictionsAtSeam(events) {
		for s, hs := range bySubject {
			if o := hs[0].first(); names(name, o.verb, o.key) {
				all[s] = append(all[s], evictions...)
			}
		}
	}
	for s, evictions := range all {
		for _, h := range bySubject[s] {
			for _, v := range evictions {
				if v.from < h.end && v.until > h.first().callAt {
					h.end = max(v.from, h.begin)
				}
			}
		}
	}
}

// kill ends what is held in the one process of all clients when that is killed: the
// store is gone with them. The lease of a client that is killed alone goes on to its
// deadline, as if it were still believed: the store does not know.
func kill(events []history.Event, bySubject map[string][]*hold) {
	for _, k := range killsOfAll(events) {
		for _, hs := range bySubject {
			for _, h := range hs {
				if h.begin <= k.call.T {
					h.end = min(h.end, k.call.T)
				}
			}
		}
	}
}

// killsOfAll are the kills of the process in which all clients are.
func killsOfAll(events []history.Event) []*op {
	return slices.DeleteFunc(ops(events, history.Fault), func(o *op) bool {
		return o.call.Fault != history.Kill || o.call.Target != history.AllClients
	})
}
