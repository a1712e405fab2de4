package sqlitestore

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// place is the state of one name.
type place struct {
	name     string
	used     int    // slots
	firstEnd int64  // of its leases; never: there is none that ends
	holder   string // of the lease that ends first
	capacity int    // 0 while it is idle
	queued   bool   // somebody is in the queue
	patience int64  // when the first client in the queue is given up
}

// load reads the state of name as it was left.
func (t *turn) load(name string) place {
	p := place{name: name, firstEnd: never}
	t.run("occupancy", func(s *sqlite3.Stmt) {
		if p.used = s.ColumnInt(0); p.used > 0 {
			p.firstEnd, p.holder, p.capacity = s.ColumnInt64(1), s.ColumnText(2), s.ColumnInt(3)
		}
	}, name)
	t.run("first-impatience", func(s *sqlite3.Stmt) {
		if s.ColumnType(0) != sqlite3.NULL {
			p.queued, p.patience = true, s.ColumnInt64(0)
		}
	}, name)
	return p
}

// settle brings name up to date: it forgets what is over, and hands over what is
// free.
func (t *turn) settle(name string) place {
	p := t.load(name)
	if p.firstEnd <= t.now || p.queued && p.patience <= t.now {
		t.run("expire-leases", nil, name, t.now)
		t.forget(name)
		p = t.load(name)
	}
	t.handOver(&p)
	return p
}

// forget gives up the clients whose patience has run out.
func (t *turn) forget(name string) {
	t.run("forget-places", nil, name, t.now)
	t.run("forget-patience", nil, name, t.now)
}

// handOver makes those at the head of the queue holders, as long as there is room
// for the first of them.
func (t *turn) handOver(p *place) {
	for p.queued && t.err == nil {
		var (
			req    driver.AcquireRequest
			client string
			ttl    int64
		)
		p.queued = false
		t.run("first-place", func(s *sqlite3.Stmt) {
			p.queued = true
			client, ttl = s.ColumnText(0), s.ColumnInt64(4)
			req = driver.AcquireRequest{Name: p.name, Holder: s.ColumnText(1), Slots: s.ColumnInt(2), Limit: s.ColumnInt(3)}
		}, p.name)
		if !p.queued {
			return
		}
		p.capacity = req.Limit
		if p.used+req.Slots > p.capacity {
			return
		}
		t.removePlace(p.name, client, req.Holder)
		g := t.admit(p, req, ttl)
		t.pushes = append(t.pushes, push{client, driver.Wake{Grant: g}})
	}
}

// admit makes a holder of req. ttl is that of the lease, in µs.
func (t *turn) admit(p *place, req driver.AcquireRequest, ttl int64) driver.Grant {
	end := int64(never)
	if ttl < never-t.now {
		end = t.now + ttl
	}
	fence := t.number()
	t.run("add-lease", nil, req.Name, driver.ClientOf(req.Holder), req.Holder, req.Slots, req.Limit, fence, t.now, end)
	p.used += req.Slots
	p.capacity = req.Limit
	if end < p.firstEnd || p.holder == "" {
		p.firstEnd, p.holder = end, req.Holder
	}
	return t.grant(req.Name, req.Holder, fence, req.Slots, end)
}

func (t *turn) removePlace(name, client, holder string) {
	t.run("remove-place", nil, name, client, holder)
	t.run("remove-patience", nil, name, client)
}

// find returns the lease of holder.
func (t *turn) find(name, holder string) (g driver.Grant, end int64, ok bool) {
	t.run("find-lease", func(s *sqlite3.Stmt) {
		end, ok = s.ColumnInt64(3), true
		g = t.grant(name, holder, s.ColumnInt64(0), s.ColumnInt(1), end)
	}, name, driver.ClientOf(holder), holder)
	return g, end, ok
}

func (t *turn) refusal(p *place) error {
	return &driver.HeldError{Name: p.name, Holder: p.holder, RetryAfter: until(t.now, p.firstEnd), At: reading(t.now)}
}
