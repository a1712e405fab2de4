package check

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// place is the state of one name in the model: who holds it and who waits. Like all
// states of models it is not changed once it is made.
type place struct {
	now    time.Duration // it is not earlier than that
	fence  uint64        // the largest one that is known to have been given
	lim    int           // the limit that was in force last
	freed  time.Duration // when a slot may have come free that is not handed over yet; 0: at an operation
	leases []lease       // in the order in which they were granted
	queue  []waiting     // first in, first out
}

// lease is one holder's.
type lease struct {
	holder         string
	slots          int
	fence          uint64        // 0: not known yet, as it was handed over and not seen since
	floor, ceiling uint64        // between which it then is; a ceiling of 0: none
	ttl            time.Duration // as it was set last
	end            span
}

// waiting is one place in the queue.
type waiting struct {
	holder   string
	slots    int
	ttl      time.Duration
	patience time.Duration // as it was set last
	kept     span
}

func clientOf(holder string) string { return driver.ClientOf(holder) }

func (w *waiting) client() string { return clientOf(w.holder) }

func (s *place) clone() *place {
	c := *s
	c.leases, c.queue = slices.Clone(s.leases), slices.Clone(s.queue)
	return &c
}

func (s *place) equal(t *place) bool {
	return s.now == t.now && s.freed == t.freed && s.fence == t.fence && s.limit() == t.limit() && slices.Equal(s.leases, t.leases) && slices.Equal(s.queue, t.queue)
}

var hashSeed = maphash.MakeSeed()

func (s *place) hash() uint64 {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	maphash.WriteComparable(&h, [...]uint64{uint64(s.now), uint64(s.freed), s.fence, uint64(s.limit())})
	for i := range s.leases {
		maphash.WriteComparable(&h, s.leases[i])
	}
	for i := range s.queue {
		maphash.WriteComparable(&h, s.queue[i])
	}
	return h.Sum64()
}

// limit is that in force: a name that nobody holds and nobody waits for has none.
func (s *place) limit() int {
	if len(s.leases) == 0 && len(s.queue) == 0 {
		return 0
	}
	return s.lim
}

func (s *place) slots() int {
	n := 0
	for i := range s.leases {
		n += s.leases[i].slots
	}
	return n
}

// lease returns where the holder's is; -1: it has none.
func (s *place) lease(holder string) int {
	return slices.IndexFunc(s.leases, func(l lease) bool { return l.holder == holder })
}

func (s *place) removeLease(holder string) {
	s.leases = slices.DeleteFunc(s.leases, func(l lease) bool { return l.holder == holder })
}

func (s *place) removePlace(holder string) {
	s.queue = slices.DeleteFunc(s.queue, func(w waiting) bool { return w.holder == holder })
}

// fitting reports whether the first in line can be handed what it wants.
func (s *place) fitting() bool {
	return len(s.queue) > 0 && s.slots()+s.queue[0].slots <= s.lim
}

// hands reports whether the operation is one that hands over what is free, as far as its
// outcome tells that it came so far. Others may do so or not.
func (q *request) hands() bool {
	switch q.call.Op {
	case opAcquire, opEnqueue:
		return q.outcome() != history.Limit
	case opRelease:
		return q.outcome() != history.Lost
	case opLook, opLeave, opEvict:
		return true
	}
	return false
}

// arrivals returns the states in which an operation may find a name. What certainly is
// over is forgotten; what may be over or not gives two states. Then what is free is
// handed over. An operation that need not do that may also find the name as it was.
func (m *leaseModel) arrivals(s *place, q *request) []*place {
	s = s.clone()
	s.now = max(s.now, q.from)
	for i := range s.leases { // whatever was done before this operation was so before its end
		l := &s.leases[i]
		l.end.latest = min(l.end.latest, m.clock.end(s.now, q.to, l.ttl).latest)
	}
	for i := range s.queue {
		if w := &s.queue[i]; !m.lostLooks {
			w.kept.latest = min(w.kept.latest, m.clock.end(s.now, q.to, w.patience).latest)
		}
	}
	return m.settle(s, q, 0)
}

// settle decides for each lease and place from the ith on whether it is over, and then
// hands over.
func (m *leaseModel) settle(s *place, q *request, i int) []*place {
	if !m.budget.spend(1 + len(s.leases) + len(s.queue)) {
		return nil
	}
	if i >= len(s.leases)+len(s.queue) {
		return m.settled(s, q)
	}
	end := s.ending(i)
	var found []*place
	if end.earliest <= q.to {
		gone := s.clone()
		gone.now = max(s.now, end.earliest)
		gone.drop(i)
		found = append(found, m.settle(gone, q, i)...)
	}
	if end.latest > s.now || s.spared(i, q) {
		found = append(found, m.settle(s, q, i+1)...)
	}
	return found
}

// ending is when the ith lease, or the place that comes after so many, ends.
func (s *place) ending(i int) span {
	if i < len(s.leases) {
		return s.leases[i].end
	}
	return s.queue[i-len(s.leases)].kept
}

func (s *place) drop(i int) {
	if i < len(s.leases) {
		if at := s.leases[i].end.earliest; s.freed == 0 || at < s.freed {
			s.freed = at
		}
		s.leases = slices.Delete(s.leases, i, i+1)
		return
	}
	i -= len(s.leases)
	s.queue = slices.Delete(s.queue, i, i+1)
}

// spared reports whether the ith is a place that the operation may find although its
// patience has run out: nobody need have forgotten it yet.
func (s *place) spared(i int, q *request) bool { return i >= len(s.leases) && !q.hands() }

// settled checks that what was kept can have lasted until now, and hands over.
func (m *leaseModel) settled(s *place, q *request) []*place {
	s = s.clone()
	for i := range len(s.leases) + len(s.queue) {
		if s.ending(i).latest <= s.now && !s.spared(i, q) {
			return nil
		}
	}
	for i := range s.leases {
		s.leases[i].end.earliest = max(s.leases[i].end.earliest, s.now)
	}
	if !s.fitting() {
		if q.hands() {
			s.freed = 0
		}
		return []*place{s}
	}
	var found []*place
	if !q.hands() || q.call.Op == opEvict { // whom it would hand over to it may as well not evict
		found = append(found, s)
	}
	if !m.lostLooks {
		return append(found, m.handOver(s, q)...)
	}
	// It may have been handed over long ago, and be over again.
	from := s.now
	if s.freed != 0 {
		from = min(from, s.freed)
	}
	t := s.clone()
	m.promote(t, from, q.to)
	return append(found, m.settle(t, q, len(t.leases)-1)...)
}

// handOver gives what is free to the first in line, as long as there is enough.
func (m *leaseModel) handOver(s *place, q *request) []*place {
	s = s.clone()
	for s.fitting() {
		m.promote(s, s.now, q.to)
	}
	s.freed = 0
	return []*place{s}
}

// promote makes a holder of the first in line.
func (m *leaseModel) promote(s *place, from, to time.Duration) {
	w := s.queue[0]
	s.queue = slices.Delete(s.queue, 0, 1)
	s.leases = append(s.leases, lease{holder: w.holder, slots: w.slots, ttl: w.ttl, floor: s.fence, end: m.clock.end(from, to, w.ttl)})
}
