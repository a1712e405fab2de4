package storetest

import (
	"errors"

	"github.com/go-cachify/cachify/driver"
)

var limitRules = []Rule{
	{
		Name:     "pool-limit",
		Explains: "A name with n slots has at most n holders at a time, each with a lease of its own: one that is released makes room for exactly one.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			var all []driver.Grant
			for range 3 {
				all = append(all, p.acquire(p.slots(name, 3, 1)))
			}
			p.refused(p.slots(name, 3, 1))
			p.refusedBy(p.Other, p.slots(name, 3, 1))
			p.release(all[1])
			p.holds(name, all[0], all[2])
			all[1] = p.acquireOn(p.Other, p.slots(name, 3, 1))
			p.refused(p.slots(name, 3, 1))
			p.holds(name, all...)
			if o := p.holders(name); o.Limit != 3 {
				p.failf("Holders tells limit %d, want 3", o.Limit)
			}
		}),
	},
	{
		Name:     "pool-slot-expires",
		Explains: "Each slot of a pool has its own time to live; the slot of a dead holder comes free without touching the others. A refusal tells of an end that some lease has.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			stays := p.acquire(p.slots(name, 2, 1))
			var goes driver.Grant
			granted := during(func() { goes = p.acquire(lasting(p.slots(name, 2, 1), p.Unit)) })
			held, err := p.Store.Acquire(p.ctx, p.slots(name, 2, 1))
			if err == nil {
				p.failUnlessOver(granted.from, p.Unit, "a full pool granted fence %d", held.Fence)
			}
			if e := p.held(err, name); e.RetryAfter > long {
				p.failf("RetryAfter is %v, but all leases end before", e.RetryAfter)
			}
			p.ends(granted, p.Unit, "a slot", func() bool { return len(p.holders(name).Holders) == 1 })
			p.holds(name, stays)
			p.lost(goes)
			p.acquire(p.slots(name, 2, 1))
			p.refused(p.slots(name, 2, 1))
			p.release(stays)
		}),
	},
	{
		Name:     "pool-extend-one",
		Explains: "Extend touches the one lease it names and no other of the same pool.",
		Needs:    NeedLimits | NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			var a, b driver.Grant
			first := during(func() { a = p.acquire(p.slots(name, 2, 1)) })
			p.sleep(p.Unit)
			b = p.acquire(p.slots(name, 2, 1))
			extended := during(func() { b = p.extend(b, 2*long) })
			p.tells(name, a.Holder, first, long)
			p.tells(name, b.Holder, extended, 2*long)
		}),
	},
	{
		Name:     "weights",
		Explains: "A request for several slots gets all of them or none, and they are counted: 2 and 2 of 5 leave room for 1.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			two := p.acquire(p.slots(name, 5, 2))
			p.refused(p.slots(name, 5, 4))
			other := p.acquire(p.slots(name, 5, 2))
			p.refused(p.slots(name, 5, 2))
			one := p.acquire(p.slots(name, 5, 1))
			p.refused(p.slots(name, 5, 1))
			o := p.holds(name, two, other, one)
			if o.Slots() != 5 {
				p.failf("Holders tells %d slots in use, want 5", o.Slots())
			}
			p.release(two)
			p.refused(p.slots(name, 5, 3))
			p.acquire(p.slots(name, 5, 2))
			p.refused(p.slots(name, 5, 1))
		}),
	},
	{
		Name:     "weights-freed-at-once",
		Explains: "Release, expiry and Evict end a lease with all its slots at once.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			all := p.acquire(p.slots(name, 3, 3))
			p.refused(p.slots(name, 3, 1))
			p.release(all)
			p.idle(name)

			granted := during(func() { all = p.acquire(lasting(p.slots(name, 3, 3), p.Unit)) })
			p.ends(granted, p.Unit, "a lease of three slots", func() bool { return len(p.holders(name).Holders) == 0 })
			p.idle(name)

			a, b := p.acquire(p.slots(name, 3, 1)), p.acquire(p.slots(name, 3, 2))
			p.evict(name)
			p.idle(name)
			p.lost(a)
			p.lost(b)
			p.acquire(p.slots(name, 3, 3))
		}),
	},
	{
		Name:     "limit-mismatch",
		Explains: "Two clients that disagree about the number of slots get a LimitError that names both numbers, whether there is room or not: going on would let more in than one of them believes.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.slots(name, 3, 1))
			p.mismatch(p.slots(name, 5, 1), 3)
			p.mismatch(p.slots(name, 1, 1), 3)
			h := p.acquire(p.slots(name, 3, 2))
			p.mismatch(p.slots(name, 4, 1), 3)
			p.holds(name, g, h)
		}),
	},
	{
		Name:     "limit-free-again",
		Explains: "A limit is in force only while somebody holds the name, so a new version of a program can change it. Release, Evict and expiry alike end it.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			p.release(p.acquire(p.slots(name, 3, 1)))
			p.acquire(p.slots(name, 5, 1))
			p.evict(name)
			granted := during(func() { p.acquire(lasting(p.slots(name, 2, 1), p.Unit)) })
			p.ends(granted, p.Unit, "the limit of a lease", func() bool {
				_, err := p.Store.Acquire(p.ctx, p.slots(name, 7, 7))
				if err != nil {
					p.is(err, driver.ErrLimit, "Acquire with another limit")
				}
				return err == nil
			})
			p.mismatch(p.slots(name, 2, 1), 7)
		}),
	},
	{
		Name:     "limit-largest",
		Explains: "A name can have a million slots, and one holder can take all of them.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.slots(name, driver.MaxLimit, driver.MaxLimit))
			p.refused(p.slots(name, driver.MaxLimit, 1))
			p.holds(name, g)
			p.release(g)
			p.acquire(p.slots(name, driver.MaxLimit, driver.MaxLimit-1))
			p.acquire(p.slots(name, driver.MaxLimit, 1))
			p.refused(p.slots(name, driver.MaxLimit, 1))
		}),
	},
}

// mismatch checks that req is refused because have is the limit in force.
func (p *probe) mismatch(req driver.AcquireRequest, have int) {
	_, err := p.Store.Acquire(p.ctx, req)
	p.limitError(err, req, have)
}

func (p *probe) limitError(err error, req driver.AcquireRequest, have int) {
	var limit *driver.LimitError
	if !errors.As(err, &limit) || !errors.Is(err, driver.ErrLimit) {
		p.failf("a request with limit %d where %d is in force: got error %v, want a *LimitError", req.Limit, have, show(err))
	}
	if want := (driver.LimitError{Name: req.Name, Want: req.Limit, Have: have}); *limit != want {
		p.failf("got %+v, want %+v", *limit, want)
	}
}
