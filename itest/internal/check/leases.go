package check

import (
	"github.com/go-cachify/cachify/itest/internal/history"
)

var linearizableLeases = Rule{
	Name: "linearizable-leases",
	Doc: "each name behaves as driver.Store and driver.Queuer say: there is an order of all operations that explains every answer, " +
		"given when leases and patience run out",
	Check: func(events []history.Event, cfg Config, r *Result) {
		if cfg.MayLose {
			return // leases and places may be gone, or back
		}
		lost := make(map[string]bool)
		var all []*op
		for _, o := range ops(events, history.Seam) {
			switch o.call.Op {
			case opLook, opHolders:
				if o.unknown() {
					// It may have handed over a slot, or kept a place. Otherwise it
					// changes nothing that the next operation would not change.
					lost[o.key] = true
					continue
				}
				fallthrough
			case opAcquire, opEnqueue, opExtend, opRelease, opEvict, opLeave:
				if o.outcome() != history.Invalid {
					all = append(all, o)
				}
			}
		}
		keys, groups := group(all, func(o *op) string { return o.key })
		for _, key := range keys {
			m := &leaseModel{clock: clockOf(cfg), lostLooks: cfg.Eager || lost[key], budget: newBudget()}
			linearize("linearizable-leases", key, groups[key], model[*place]{
				start: &place{}, step: m.step, equal: (*place).equal, hash: (*place).hash, budget: m.budget,
			}, r)
		}
	},
}

// leaseModel is what the seam says of leases and queues. A state is known only as far
// as the answers tell: when exactly a lease ends is not, and the fence of a lease that
// was handed over is not until it is seen. So one operation can have several next
// states.
type leaseModel struct {
	clock clock

	// lostLooks tells that there were looks whose answers nobody got. So a place may
	// have been kept for longer than is known, and a slot handed over sooner.
	lostLooks bool

	budget *budget
}

// step is one operation.
func (m *leaseModel) step(s *place, q *request) []*place {
	var next []*place
	for _, t := range m.arrivals(s, q) {
		next = append(next, m.do(t, q)...)
	}
	return next
}

// do is the operation itself, in a state in which all that is over is gone.
func (m *leaseModel) do(s *place, q *request) []*place {
	switch q.call.Op {
	case opAcquire, opEnqueue:
		return m.acquire(s, q)
	case opExtend:
		return m.extend(s, q)
	case opRelease:
		return m.release(s, q)
	case opEvict:
		s = s.clone()
		s.leases = nil
		return m.handOver(s, q)
	case opLeave:
		s = s.clone()
		s.removePlace(q.call.Holder)
		s.removeLease(q.call.Holder)
		return m.handOver(s, q)
	case opLook:
		return m.look(s, q)
	case opHolders:
		return m.holders(s, q)
	}
	panic("no such operation: " + string(q.call.Op))
}

// acquire is an attempt, and what becomes of it. The answer to one of unknown outcome
// may have been any.
func (m *leaseModel) acquire(s *place, q *request) []*place {
	is := func(o history.Outcome) bool { return q.unknown || q.outcome() == o }
	if i := s.lease(q.call.Holder); i >= 0 {
		if !is(history.OK) || !q.unknown && !m.clock.leaves(s.leases[i].end, s.now, q.to, q.ret.TTL) {
			return nil
		}
		return s.seen(i, q)
	}
	if s.limit() != 0 && s.limit() != q.call.Limit {
		if !is(history.Limit) || !q.unknown && q.ret.Limit != s.limit() {
			return nil
		}
		return []*place{s}
	}
	if len(s.queue) == 0 && s.slots()+q.call.Slots <= q.call.Limit {
		if !is(history.OK) {
			return nil
		}
		s = s.clone()
		s.lim = q.call.Limit
		s.leases = append(s.leases, lease{
			holder: q.call.Holder, slots: q.call.Slots, ttl: q.call.TTL, floor: s.fence, end: m.clock.end(s.now, q.to, q.call.TTL),
		})
		return s.seen(len(s.leases)-1, q)
	}
	if !is(history.Held) {
		return nil
	}
	if q.call.Op == opEnqueue {
		s = s.clone()
		s.lim = q.call.Limit
		m.join(s, q)
	}
	return []*place{s}
}

// join takes the last place, or keeps the one there is. Whatever shows that a client
// lives may keep all of its places.
func (m *leaseModel) join(s *place, q *request) {
	kept := m.patience(s, q)
	latest, patience, found := kept.latest, q.call.Patience, false
	for i := range s.queue {
		w := &s.queue[i]
		if w.client() != clientOf(q.call.Holder) {
			continue
		}
		latest, patience = max(latest, w.kept.latest), max(patience, w.patience)
		w.kept.latest = max(w.kept.latest, kept.latest)
		w.patience = max(w.patience, q.call.Patience)
		if w.holder == q.call.Holder {
			found = true
			w.kept.earliest = max(w.kept.earliest, kept.earliest)
		}
	}
	if !found {
		s.queue = append(s.queue, waiting{
			holder: q.call.Holder, slots: q.call.Slots, ttl: q.call.TTL,
			patience: patience, kept: span{kept.earliest, latest},
		})
	}
}

func (m *leaseModel) patience(s *place, q *request) span {
	kept := m.clock.end(s.now, q.to, q.call.Patience)
	if m.lostLooks {
		kept.latest = history.Forever
	}
	return kept
}

func (m *leaseModel) extend(s *place, q *request) []*place {
	i := s.lease(q.call.Holder)
	if i < 0 {
		return only1(s, q.unknown || q.outcome() == history.Lost)
	}
	if !q.unknown && q.outcome() != history.OK {
		return nil
	}
	s = s.clone()
	s.leases[i].ttl, s.leases[i].end = q.call.TTL, m.clock.end(s.now, q.to, q.call.TTL)
	return s.seen(i, q)
}

func (m *leaseModel) release(s *place, q *request) []*place {
	if s.lease(q.call.Holder) < 0 {
		return only1(s, q.unknown || q.outcome() == history.Lost)
	}
	if !q.unknown && q.outcome() != history.OK {
		return nil
	}
	s = s.clone()
	s.removeLease(q.call.Holder)
	return m.handOver(s, q)
}

func only1(s *place, ok bool) []*place {
	if ok {
		return []*place{s}
	}
	return nil
}

// look shows the client's leases and the number of its places.
func (m *leaseModel) look(s *place, q *request) []*place {
	s = s.clone()
	kept := m.patience(s, q)
	own := 0
	for i := range s.queue {
		if w := &s.queue[i]; w.client() == q.call.Holder {
			own++
			w.patience = max(w.patience, q.call.Patience)
			w.kept.earliest, w.kept.latest = max(w.kept.earliest, kept.earliest), max(w.kept.latest, kept.latest)
		}
	}
	if own != q.ret.Waiting {
		return nil
	}
	return s.shows(q.ret.Grants, func(l *lease) bool { return clientOf(l.holder) == q.call.Holder })
}

func (m *leaseModel) holders(s *place, q *request) []*place {
	if len(s.queue) != q.ret.Waiting || s.limit() != q.ret.Limit {
		return nil
	}
	return s.shows(q.ret.Grants, func(*lease) bool { return true })
}

// shows reports whether the grants are exactly those leases which are chosen, and
// learns their fences.
func (s *place) shows(grants []history.Grant, chosen func(*lease) bool) []*place {
	n := 0
	for i := range s.leases {
		if chosen(&s.leases[i]) {
			n++
		}
	}
	if n != len(grants) {
		return nil
	}
	s = s.clone()
	for _, g := range grants {
		i := s.lease(g.Holder)
		if i < 0 || !chosen(&s.leases[i]) || s.leases[i].slots != g.Slots || !s.learn(i, g.Fence) {
			return nil
		}
	}
	return []*place{s}
}

// seen learns from an answer that shows a lease.
func (s *place) seen(i int, q *request) []*place {
	if q.unknown {
		return []*place{s}
	}
	s = s.clone()
	if q.ret.Slots != 0 && q.ret.Slots != s.leases[i].slots || !s.learn(i, q.ret.Fence) {
		return nil
	}
	return []*place{s}
}

// learn notes the fence of a lease, unless that cannot be: those of later leases are
// larger. 0: it was not told.
func (s *place) learn(i int, fence uint64) bool {
	l := &s.leases[i]
	switch {
	case fence == 0 || l.fence == fence:
		return true
	case l.fence != 0 || fence <= l.floor || l.ceiling != 0 && fence >= l.ceiling:
		return false
	}
	l.fence = fence
	s.fence = max(s.fence, fence)
	for j := range s.leases {
		o := &s.leases[j]
		switch {
		case j < i && (o.ceiling == 0 || fence < o.ceiling):
			o.ceiling = fence
		case j > i:
			o.floor = max(o.floor, fence)
		}
	}
	return true
}
