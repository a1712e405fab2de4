package memstore

import (
	"slices"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// place is the state of one name: who holds it, and who waits for it.
type place struct {
	limit  int // 0 while it is idle
	leases leaseSet
	queue  queue
}

// idle reports whether nobody holds the name and nobody waits for it.
func (p *place) idle() bool { return len(p.leases.all) == 0 && p.queue.empty() }

// busy is the opposite of idle, once what is over by now is forgotten.
func (p *place) busy(now time.Duration) bool {
	p.leases.expire(now)
	p.queue.forget(now)
	return !p.idle()
}

func (p *place) reset() {
	p.limit = 0
	p.leases.clear()
}

// admit makes a holder of req.
func (p *place) admit(s *Store, req driver.AcquireRequest, now time.Duration) *lease {
	return p.leases.add(lease{
		holder: req.Holder,
		slots:  req.Slots,
		fence:  s.nextFence(now),
		since:  now,
		until:  after(now, req.TTL),
	})
}

func (p *place) refusal(name string, now time.Duration) error {
	return &driver.HeldError{Name: name, Holder: p.leases.one(), RetryAfter: until(now, p.leases.firstEnd()), At: now}
}

func (p *place) occupancy(now time.Duration) driver.Occupancy {
	o := driver.Occupancy{Limit: p.limit, Waiting: p.queue.len()}
	for i := range p.leases.all {
		l := &p.leases.all[i]
		o.Holders = append(o.Holders, driver.Holder{
			ID: l.holder, Fence: l.fence, Slots: l.slots, Age: now - l.since, TTL: until(now, l.until),
		})
	}
	slices.SortFunc(o.Holders, func(a, b driver.Holder) int {
		if a.Fence < b.Fence {
			return -1
		}
		return 1
	})
	return o
}

// lease is one holder's.
type lease struct {
	holder string
	slots  int
	fence  uint64
	since  time.Duration
	until  time.Duration
}

func (l *lease) grant(name string, now time.Duration) driver.Grant {
	return driver.Grant{Name: name, Holder: l.holder, Fence: l.fence, Slots: l.slots, TTL: until(now, l.until), At: now}
}

// leaseSet is the leases on one name: a plain slice while they are few, with an
// index by holder once they are many.
type leaseSet struct {
	all   []lease
	index map[string]int // nil while few
	slots int            // in use, over all leases

	first time.Duration // the earliest end, unless stale
	stale bool
}

// indexFrom is the number of leases from which looking through them costs more
// than an index.
const indexFrom = 16

func (ls *leaseSet) position(holder string) int {
	if ls.index != nil {
		if i, ok := ls.index[holder]; ok {
			return i
		}
		return -1
	}
	for i := range ls.all {
		if ls.all[i].holder == holder {
			return i
		}
	}
	return -1
}

func (ls *leaseSet) find(holder string) *lease {
	if i := ls.position(holder); i >= 0 {
		return &ls.all[i]
	}
	return nil
}

// one returns one of the holders, or nothing.
func (ls *leaseSet) one() string {
	if len(ls.all) == 0 {
		return ""
	}
	return ls.all[0].holder
}

func (ls *leaseSet) add(l lease) *lease {
	if len(ls.all) == 0 || l.until < ls.first {
		ls.first = l.until
		ls.stale = ls.stale && len(ls.all) > 0
	}
	ls.all = append(ls.all, l)
	ls.slots += l.slots
	switch {
	case ls.index != nil:
		ls.index[l.holder] = len(ls.all) - 1
	case len(ls.all) == indexFrom:
		ls.index = make(map[string]int)
		for i := range ls.all {
			ls.index[ls.all[i].holder] = i
		}
	}
	return &ls.all[len(ls.all)-1]
}

func (ls *leaseSet) remove(holder string) {
	if i := ls.position(holder); i >= 0 {
		ls.removeAt(i)
	}
}

func (ls *leaseSet) removeAt(i int) {
	gone, last := ls.all[i], len(ls.all)-1
	ls.slots -= gone.slots
	ls.stale = ls.stale || gone.until <= ls.first
	if ls.index != nil {
		ls.index[ls.all[last].holder] = i
		delete(ls.index, gone.holder)
	}
	ls.all[i] = ls.all[last]
	ls.all[last] = lease{}
	ls.all = ls.all[:last]
	if last == 0 {
		ls.index = nil
	}
}

func (ls *leaseSet) extend(l *lease, end time.Duration) {
	l.until = end
	ls.stale = true
}

func (ls *leaseSet) clear() {
	clear(ls.all)
	*ls = leaseSet{all: ls.all[:0]}
	if cap(ls.all) > indexFrom {
		ls.all = nil
	}
}

// firstEnd returns the earliest end of a lease, or never.
func (ls *leaseSet) firstEnd() time.Duration {
	if len(ls.all) == 0 {
		return never
	}
	if ls.stale {
		ls.first = never
		for i := range ls.all {
			ls.first = min(ls.first, ls.all[i].until)
		}
		ls.stale = false
	}
	return ls.first
}

// expire forgets the leases that are over.
func (ls *leaseSet) expire(now time.Duration) {
	if ls.firstEnd() > now {
		return
	}
	for i := len(ls.all) - 1; i >= 0; i-- {
		if ls.all[i].until <= now {
			ls.removeAt(i)
		}
	}
}

// of returns the grants of one client.
func (ls *leaseSet) of(name, client string, now time.Duration) []driver.Grant {
	var grants []driver.Grant
	for i := range ls.all {
		if l := &ls.all[i]; driver.ClientOf(l.holder) == client {
			grants = append(grants, l.grant(name, now))
		}
	}
	return grants
}
