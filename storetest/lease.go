package storetest

import (
	"errors"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// This file has what rules ask a store about leases. Each answer is checked for
// sense, whatever the rule is about.

// lock returns a new request for name as a lock.
func (p *probe) lock(name string) driver.AcquireRequest { return p.slots(name, 1, 1) }

// slots returns a new request for n of limit slots of name.
func (p *probe) slots(name string, limit, n int) driver.AcquireRequest {
	return driver.AcquireRequest{
		Name: name, Holder: p.me.NewHolder(), Limit: limit, Slots: n, TTL: long,
	}
}

// lasting returns req with another time to live.
func lasting(req driver.AcquireRequest, ttl time.Duration) driver.AcquireRequest {
	req.TTL = ttl
	return req
}

// by returns req as a new request of client.
func by(client *driver.Client, req driver.AcquireRequest) driver.AcquireRequest {
	req.Holder = client.NewHolder()
	return req
}

// acquire has to succeed.
func (p *probe) acquire(req driver.AcquireRequest) driver.Grant { return p.acquireOn(p.Store, req) }

func (p *probe) acquireOn(s driver.Store, req driver.AcquireRequest) driver.Grant {
	p.holdsName(req.Name)
	g, err := s.Acquire(p.ctx, req)
	p.ok(err, "Acquire")
	p.sane(g, req)
	return g
}

// sane checks a grant of req against what it must say in any case.
func (p *probe) sane(g driver.Grant, req driver.AcquireRequest) {
	switch {
	case g.Name != req.Name || g.Holder != req.Holder:
		p.failf("the grant is for holder %q of %q, want %q of %q", g.Holder, g.Name, req.Holder, req.Name)
	case g.Slots != req.Slots:
		p.failf("the grant has %d slots, want %d", g.Slots, req.Slots)
	case p.Caps.Lacks&driver.LackFences != 0 && g.Fence != 0:
		p.failf("the grant has fence %d, want 0 from a store that has no fences", g.Fence)
	case p.Caps.Lacks&driver.LackFences == 0 && (g.Fence == 0 || g.Fence > maxFence):
		p.failf("the grant has fence %d, want 1 to 2^53-1", g.Fence)
	case req.TTL == driver.NoExpiry && g.TTL != driver.NoExpiry:
		p.failf("the grant lasts %v, want NoExpiry", g.TTL)
	case req.TTL != driver.NoExpiry && (g.TTL <= 0 || g.TTL > req.TTL+p.Resolution):
		p.failf("the grant lasts %v, want at most the %v of the request and the resolution", g.TTL, req.TTL)
	}
}

// refused has to be refused because the name is held.
func (p *probe) refused(req driver.AcquireRequest) *driver.HeldError {
	return p.refusedBy(p.Store, req)
}

func (p *probe) refusedBy(s driver.Store, req driver.AcquireRequest) *driver.HeldError {
	g, err := s.Acquire(p.ctx, req)
	if err == nil {
		p.failf("Acquire of %d more slots of %q with limit %d was granted (fence %d), want a *HeldError",
			req.Slots, req.Name, req.Limit, g.Fence)
	}
	return p.held(err, req.Name)
}

// held checks a refusal.
func (p *probe) held(err error, name string) *driver.HeldError {
	var held *driver.HeldError
	switch {
	case !errors.As(err, &held) || !errors.Is(err, driver.ErrHeld):
		p.failf("got error %v, want a *HeldError", show(err))
	case held.Name != name:
		p.failf("the *HeldError is about %q, want %q", held.Name, name)
	case held.RetryAfter < 0:
		p.failf("the *HeldError has RetryAfter %v, want none below zero", held.RetryAfter)
	}
	return held
}

// isFree finds out whether name can be acquired as a lock, and leaves it as it is.
func (p *probe) isFree(s driver.Store, name string) bool {
	req := p.lock(name)
	g, err := s.Acquire(p.ctx, req)
	if err == nil {
		p.ok(s.Release(p.ctx, g), "Release of what was just acquired")
		return true
	}
	p.held(err, name)
	return false
}

// release has to succeed.
func (p *probe) release(g driver.Grant) { p.ok(p.Store.Release(p.ctx, g), "Release") }

// evict has to succeed.
func (p *probe) evict(name string) { p.ok(p.Store.Evict(p.ctx, name), "Evict") }

// extend has to succeed.
func (p *probe) extend(g driver.Grant, ttl time.Duration) driver.Grant {
	got, err := p.Store.Extend(p.ctx, g, ttl)
	p.ok(err, "Extend")
	p.sane(got, driver.AcquireRequest{Name: g.Name, Holder: g.Holder, Slots: g.Slots, TTL: ttl})
	if got.Fence != g.Fence {
		p.failf("Extend changed the fence from %d to %d", g.Fence, got.Fence)
	}
	return got
}

// lost checks that the lease of g is no longer one.
func (p *probe) lost(g driver.Grant) {
	p.is(p.Store.Release(p.ctx, g), driver.ErrLost, "Release of a lost lease")
	if p.Caps.Lacks&driver.LackExtend == 0 {
		_, err := p.Store.Extend(p.ctx, g, long)
		p.is(err, driver.ErrLost, "Extend of a lost lease")
	}
}

// holders asks who holds name and checks that the answer makes sense.
func (p *probe) holders(name string) driver.Occupancy {
	o, err := p.Store.Holders(p.ctx, name)
	p.ok(err, "Holders")
	if o.Limit == 0 && (len(o.Holders) > 0 || o.Waiting > 0) {
		p.failf("Holders tells limit 0 with %d holders and %d waiting", len(o.Holders), o.Waiting)
	}
	if o.Slots() > o.Limit {
		p.failf("Holders tells %d slots in use of %d", o.Slots(), o.Limit)
	}
	for _, h := range o.Holders {
		if h.Slots < 1 || h.Age < 0 || h.TTL <= 0 {
			p.failf("Holders tells of a holder with %d slots, age %v and %v to go", h.Slots, h.Age, h.TTL)
		}
	}
	return o
}

// holds checks that exactly grants hold name, in any order, as they were granted.
func (p *probe) holds(name string, grants ...driver.Grant) driver.Occupancy {
	o := p.holders(name)
	if len(o.Holders) != len(grants) {
		p.failf("%d hold %q, want %d", len(o.Holders), name, len(grants))
	}
	for _, g := range grants {
		h := p.find(o, g.Holder)
		if h.Fence != g.Fence || h.Slots != g.Slots {
			p.failf("Holders tells fence %d and %d slots of %q, want %d and %d",
				h.Fence, h.Slots, g.Holder, g.Fence, g.Slots)
		}
	}
	return o
}

func (p *probe) find(o driver.Occupancy, holder string) driver.Holder {
	for _, h := range o.Holders {
		if h.ID == holder {
			return h
		}
	}
	p.failf("%q is not among the %d holders", holder, len(o.Holders))
	return driver.Holder{}
}

// idle checks that nobody holds name or waits for it.
func (p *probe) idle(name string) {
	if o := p.holders(name); o.Limit != 0 || len(o.Holders) != 0 || o.Waiting != 0 {
		p.failf("Holders of a free name tells limit %d, %d holders, %d waiting, want the zero Occupancy",
			o.Limit, len(o.Holders), o.Waiting)
	}
}
