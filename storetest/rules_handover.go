package storetest

import (
	"time"

	"github.com/go-cachify/cachify/driver"
)

var handOverRules = []Rule{
	{
		Name:     "release-hands-over",
		Explains: "Release makes the first in line the holder in the same step: there is no moment in which the name is free, and no poll between the two. The new lease has a larger fence, and the old one is lost.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			req := p.lock(name)
			p.queuesOn(p.OtherCaps.Queue, req, long)
			p.release(g)
			next := p.handed(req)
			if p.Caps.Lacks&driver.LackFences == 0 {
				p.rises(g.Fence, next)
			}
			p.lost(g)
			p.holds(name, next)
		}),
	},
	{
		Name:     "hand-over-one",
		Explains: "One slot that comes free is handed to exactly one, however many wait.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			for range 4 {
				p.queues(p.lock(name), long)
			}
			for waiting := 3; waiting >= 0; waiting-- {
				p.release(g)
				s := p.look(name, p.me.ID(), long)
				if len(s.Grants) != 1 || s.Waiting != waiting {
					p.failf("after one release the client has %d grants and %d waiting, want 1 and %d", len(s.Grants), s.Waiting, waiting)
				}
				g = s.Grants[0]
			}
		}),
	},
	{
		Name:     "hand-over-several",
		Explains: "When several slots come free at once, all in line who fit are served, in order, up to the first who does not.",
		Needs:    NeedQueue | NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.slots(name, 4, 4))
			one, two, wide, last := p.slots(name, 4, 1), p.slots(name, 4, 2), p.slots(name, 4, 2), p.slots(name, 4, 1)
			for _, r := range []driver.AcquireRequest{one, two, wide, last} {
				p.queues(r, long)
			}
			p.release(g)
			o := p.heldBy(name, one, two)
			if o.Waiting != 2 || o.Slots() != 3 {
				p.failf("Holders tells %d waiting and %d slots in use, want 2 and 3", o.Waiting, o.Slots())
			}
			p.release(driver.Grant{Name: name, Holder: one.Holder})
			p.heldBy(name, two, wide)
			p.release(driver.Grant{Name: name, Holder: two.Holder})
			p.heldBy(name, wide, last)
		}),
	},
	{
		Name:     "handed-ttl",
		Explains: "The time of a lease that is handed over starts at the hand-over, not when the waiter took its place: however long it waited, it has all of it.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			ttl := 2 * p.Unit
			g := p.acquire(p.lock(name))
			req := lasting(p.lock(name), ttl)
			p.queues(req, long)
			p.sleep(3 * p.Unit)
			released := during(func() { p.release(g) })
			var o driver.Occupancy
			told := during(func() { o = p.holders(name) })
			if len(o.Holders) != 1 || o.Holders[0].ID != req.Holder {
				p.failUnlessOver(released.from, ttl, "the waiter does not hold the name after the release")
			}
			p.remains(released, told, ttl, o.Holders[0].TTL, "the lease that was handed over")
			p.age(released, told, o.Holders[0].Age)
			p.ends(released, ttl, "a lease that was handed over", func() bool { return p.isFree(p.Store, name) })
		}),
	},
	{
		Name:     "evict-keeps-queue",
		Explains: "Evict takes the name from its holders only: those who wait stay, and the first of them hold it now.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			first, second := p.lock(name), p.lock(name)
			p.queues(first, long)
			p.queues(second, long)
			p.evict(name)
			next := p.handed(first)
			p.wait(name, 1)
			p.lost(g)
			p.evict(name)
			p.lost(next)
			p.handed(second)
			p.evict(name)
			p.idle(name)
		}),
	},
	{
		Name:     "evict-hands-over-all",
		Explains: "Evict of a pool serves as many of those who wait as fit.",
		Needs:    NeedQueue | NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			for range 3 {
				p.acquire(p.slots(name, 3, 1))
			}
			one, two, three := p.slots(name, 3, 1), p.slots(name, 3, 2), p.slots(name, 3, 1)
			for _, r := range []driver.AcquireRequest{one, two, three} {
				p.queues(r, long)
			}
			p.evict(name)
			if o := p.heldBy(name, one, two); o.Waiting != 1 {
				p.failf("Holders tells %d waiting, want 1", o.Waiting)
			}
		}),
	},
	{
		Name:     "expiry-hands-over",
		Explains: "When a lease has run out, whoever looks makes the first in line the holder, even one who has nothing to do with it. A dead holder delays the others by its lease and no more.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			first, second := p.lock(name), by(driver.NewClient(), p.lock(name))
			granted := during(func() { p.acquire(lasting(p.lock(name), p.Unit)) })
			p.refusedOrOver(granted, first)
			p.refusedOrOver(granted, second)
			stranger := driver.NewClient().ID()
			p.ends(granted, p.Unit, "the lease of a dead holder", func() bool {
				p.look(name, stranger, long)
				for _, h := range p.holders(name).Holders {
					if h.ID == second.Holder {
						p.failf("the second in line was served first")
					}
					if h.ID == first.Holder {
						return true
					}
				}
				return false
			})
			p.release(p.handed(first))
			p.handed(second)
		}),
	},
	{
		Name:     "expiry-newcomer-waits",
		Explains: "When a lease has run out and others wait, a newcomer does not get the name, though nobody has looked yet: its request hands the name to the first in line and is refused.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			for _, enqueue := range []bool{false, true} {
				name := p.Name()
				first := p.lock(name)
				granted := during(func() { p.acquire(lasting(p.lock(name), p.Unit)) })
				p.refusedOrOver(granted, first)
				p.sleep(time.Until(granted.to.Add(p.Unit + p.late())))
				if enqueue {
					p.queues(by(driver.NewClient(), p.lock(name)), long)
				} else {
					p.refused(by(driver.NewClient(), p.lock(name)))
				}
				p.handed(first)
			}
		}),
	},
	{
		Name:     "dead-waiter",
		Explains: "A waiter that was handed the name and died blocks it for its own time to live, not longer; then the next in line has it.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			dead, next := lasting(by(driver.NewClient(), p.lock(name)), p.Unit), p.lock(name)
			p.queues(dead, long)
			p.queues(next, long)
			released := during(func() { p.release(g) })
			p.ends(released, p.Unit, "the lease of a dead waiter", func() bool { _, ok := p.sees(next); return ok })
			p.handed(next)
		}),
	},
	{
		Name:     "extend-shorter-hands-over",
		Explains: "A lease that Extend made shorter is handed over when the shorter time is over, not when the longer one would have been.",
		Needs:    NeedQueue | NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			next := by(driver.NewClient(), p.lock(name))
			p.queues(next, long)
			extended := during(func() { p.extend(g, p.Unit) })
			p.ends(extended, p.Unit, "a shortened lease", func() bool { _, ok := p.sees(next); return ok })
			p.handed(next)
			p.lost(g)
		}),
	},
	{
		Name:     "thousand-waiters",
		Explains: "A thousand waiters on one name are served in order, each once, with rising fences.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			const n = 1000
			name := p.Name()
			g := p.acquire(p.lock(name))
			reqs := make([]driver.AcquireRequest, n)
			for i := range reqs {
				reqs[i] = p.lock(name)
				p.queues(reqs[i], long)
			}
			p.wait(name, n)
			for i, req := range reqs {
				p.release(g)
				next, err := p.Caps.Queue.Enqueue(p.ctx, req, long)
				if err != nil {
					p.failf("waiter %d was not served when it was first in line: %w", i, err)
				}
				p.sane(next, req)
				if p.Caps.Lacks&driver.LackFences == 0 {
					p.rises(g.Fence, next)
				}
				g = next
			}
			p.release(g)
			p.idle(name)
		}),
	},
}

// refusedOrOver queues req behind a lease of one unit that was granted within s,
// unless the suite was too slow for that.
func (p *probe) refusedOrOver(s span, req driver.AcquireRequest) {
	_, err := p.Caps.Queue.Enqueue(p.ctx, req, long)
	if err == nil {
		p.failUnlessOver(s.from, p.Unit, "Enqueue of a held name was granted")
	}
	p.held(err, req.Name)
}
