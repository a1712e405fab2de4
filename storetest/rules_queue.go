package storetest

import (
	"github.com/go-cachify/cachify/driver"
)

var queueRules = []Rule{
	{
		Name:     "enqueue-free",
		Explains: "Enqueue of a free name is Acquire: granted at once, and nobody waits.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.enqueued(p.lock(name))
			p.holds(name, g)
			p.wait(name, 0)
			p.refused(p.lock(name))
			p.release(g)
			p.idle(name)
		}),
	},
	{
		Name:     "enqueue-held",
		Explains: "Enqueue of a held name is refused as Acquire is, and takes a place in the same step; Acquire takes none.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			var g driver.Grant
			granted := during(func() { g = p.acquire(p.lock(name)) })
			p.refused(p.lock(name))
			p.wait(name, 0)
			var held *driver.HeldError
			told := during(func() { held = p.queues(p.lock(name), long) })
			p.remains(granted, told, long, held.RetryAfter, "RetryAfter of the refusal")
			p.wait(name, 1)
			p.queuesOn(p.OtherCaps.Queue, p.lock(name), long)
			p.wait(name, 2)
			p.holds(name, g)
		}),
	},
	{
		Name:     "queue-fifo",
		Explains: "Those who wait are served in the order in which they came, whatever their clients; that nobody starves rests on it.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			other := driver.NewClient()
			g := p.acquire(p.lock(name))
			var reqs []driver.AcquireRequest
			for i := range 6 {
				req, q := p.lock(name), p.Caps.Queue
				if i%3 != 0 {
					req, q = by(other, req), p.OtherCaps.Queue
				}
				p.queuesOn(q, req, long)
				reqs = append(reqs, req)
			}
			for i, req := range reqs {
				p.release(g)
				g = p.handed(req)
				p.wait(name, len(reqs)-1-i)
			}
			p.release(g)
			p.idle(name)
		}),
	},
	{
		Name:     "newcomer-waits",
		Explains: "One who just comes along does not overtake those who wait: when the holder releases, the first in line has the name, and Acquire is refused.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			first, second := p.lock(name), p.lock(name)
			p.queues(first, long)
			p.queues(second, long)
			p.release(g)
			p.refused(p.lock(name))
			p.refusedBy(p.Other, p.lock(name))
			g = p.handed(first)
			p.release(g)
			p.refused(p.lock(name))
			p.release(p.handed(second))
			p.acquire(p.lock(name))
		}),
	},
	{
		Name:     "wide-waiter-not-overtaken",
		Explains: "One who waits for more slots than are free is not overtaken by one who would fit, in the queue or beside it; else it would wait for ever.",
		Needs:    NeedQueue | NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			a, b := p.acquire(p.slots(name, 3, 1)), p.acquire(p.slots(name, 3, 1))
			wide, narrow := p.slots(name, 3, 3), p.slots(name, 3, 1)
			p.queues(wide, long)
			p.refused(p.slots(name, 3, 1))
			p.queues(narrow, long)
			p.release(a)
			p.refused(p.slots(name, 3, 1))
			p.holds(name, b)
			p.release(b)
			g := p.handed(wide)
			p.refused(p.slots(name, 3, 1))
			p.release(g)
			p.handed(narrow)
			p.acquire(p.slots(name, 3, 2))
		}),
	},
	{
		Name:     "enqueue-keeps-place",
		Explains: "Enqueue again with the same holder keeps its place, neither a second one nor the last one: so it can be sent again, and shows that the waiter lives.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			first, second := p.lock(name), p.lock(name)
			p.queues(first, long)
			p.queues(second, long)
			p.queues(first, long)
			p.queuesOn(p.OtherCaps.Queue, first, long)
			p.wait(name, 2)
			p.release(g)
			p.release(p.handed(first))
			p.release(p.handed(second))
			p.idle(name)
		}),
	},
	{
		Name:     "enqueue-returns-grant",
		Explains: "Enqueue or Acquire again with a holder that was handed the name returns that lease, with its fence; so does Look. A waiter that missed the push loses nothing.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			req := p.lock(name)
			g := p.acquire(p.lock(name))
			p.queues(req, long)
			p.release(g)
			one := p.enqueued(req)
			two := p.acquire(req)
			three := p.handed(req)
			if one.Fence != two.Fence || one.Fence != three.Fence {
				p.failf("Enqueue, Acquire and Look tell fences %d, %d and %d of one lease", one.Fence, two.Fence, three.Fence)
			}
			p.holds(name, one)
			p.release(one)
			p.idle(name)
		}),
	},
	{
		Name:     "queue-limit-mismatch",
		Explains: "Enqueue under another limit is a LimitError and takes no place.",
		Needs:    NeedQueue | NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			p.acquire(p.slots(name, 2, 2))
			p.queues(p.slots(name, 2, 1), long)
			for _, limit := range []int{1, 3} {
				req := p.slots(name, limit, 1)
				_, err := p.Caps.Queue.Enqueue(p.ctx, req, long)
				p.limitError(err, req, 2)
				p.mismatch(req, 2)
			}
			p.wait(name, 1)
		}),
	},
	{
		Name:     "waiter-holds-nothing",
		Explains: "One who waits holds nothing yet: its Release and Extend are ErrLost, and it keeps its place.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			req := p.lock(name)
			p.queues(req, long)
			p.lost(driver.Grant{Name: name, Holder: req.Holder, Slots: 1, Fence: g.Fence, TTL: long})
			p.holds(name, g)
			p.wait(name, 1)
			p.release(g)
			p.handed(req)
		}),
	},
	{
		Name:     "leave-queue",
		Explains: "Leave takes a waiter out of the queue and leaves the others in order. It is no error if the holder has no place and no lease, so a waiter can always clean up.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			p.leave(name, p.me.NewHolder())
			p.idle(name)
			g := p.acquire(p.lock(name))
			first, second, third := p.lock(name), p.lock(name), p.lock(name)
			for _, r := range []driver.AcquireRequest{first, second, third} {
				p.queues(r, long)
			}
			p.leave(name, second.Holder)
			p.leave(name, second.Holder)
			p.leave(name, p.me.NewHolder())
			p.wait(name, 2)
			p.holds(name, g)
			p.release(g)
			p.release(p.handed(first))
			p.release(p.handed(third))
			p.idle(name)
		}),
	},
	{
		Name:     "leave-gives-on",
		Explains: "Leave of one who was handed the name already releases it, to the next in line: a waiter that gives up at that moment strands nothing.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			first, second := p.lock(name), p.lock(name)
			p.queues(first, long)
			p.queues(second, long)
			p.release(g)
			g = p.handed(first)
			p.leave(name, first.Holder)
			p.lost(g)
			p.handed(second)
			p.leave(name, second.Holder)
			p.idle(name)
		}),
	},
	{
		Name:     "leave-clears-the-way",
		Explains: "When the first in line leaves, those behind it who fit are served at once.",
		Needs:    NeedQueue | NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.slots(name, 3, 1))
			wide, one, two := p.slots(name, 3, 3), p.slots(name, 3, 1), p.slots(name, 3, 1)
			for _, r := range []driver.AcquireRequest{wide, one, two} {
				p.queues(r, long)
			}
			p.leave(name, wide.Holder)
			o := p.heldBy(name, one, two, driver.AcquireRequest{Holder: g.Holder})
			if o.Waiting != 0 {
				p.failf("Holders tells %d waiting, want 0", o.Waiting)
			}
		}),
	},
	{
		Name:     "look-tells",
		Explains: "Look tells the leases and the number of places that the client has, and no other client's, and when a lease will end; of a name that it has nothing to do with it tells nothing.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			me, other := p.me.ID(), driver.NewClient()
			p.stands(name, me, 0, 0)
			if s := p.look(name, me, long); s.RetryAfter != driver.NoExpiry {
				p.failf("Look at a free name tells RetryAfter %v, want NoExpiry", s.RetryAfter)
			}
			p.idle(name)

			var g driver.Grant
			granted := during(func() { g = p.acquire(p.lock(name)) })
			p.queues(by(other, p.lock(name)), long)
			p.queues(p.lock(name), long)
			p.queues(by(other, p.lock(name)), long)
			p.stands(name, me, 1, 1)
			p.stands(name, other.ID(), 0, 2)
			p.stands(name, driver.NewClient().ID(), 0, 0)
			var s driver.Sight
			told := during(func() { s = p.look(name, other.ID(), long) })
			p.remains(granted, told, long, s.RetryAfter, "RetryAfter of Look")

			p.release(g)
			p.stands(name, me, 0, 1)
			p.stands(name, other.ID(), 1, 1)
		}),
	},
	{
		Name:     "look-own-lease",
		Explains: "Look tells also the leases that the client knows of, as they are now: the time they have left and the fence they were given.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			req := p.lock(name)
			var g driver.Grant
			granted := during(func() { g = p.acquire(req) })
			p.sleep(p.Unit)
			var seen driver.Grant
			told := during(func() { seen, _ = p.sees(req) })
			if seen.Fence != g.Fence {
				p.failf("Look tells fence %d, want %d", seen.Fence, g.Fence)
			}
			p.remains(granted, told, long, seen.TTL, "the lease as Look tells it")
			p.clock(granted, told, g.At, seen.At)
		}),
	},
	{
		Name:     "client-before-last-slash",
		Explains: "A holder's client is all before its last slash, exactly: not one whose id begins with it or lies below it. A holder without a slash is its own client.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			id := p.me.ID()
			p.acquire(by(driver.NewClient(), p.lock(name)))
			holders := []string{id + "/1", id + "0/1", id + "/below/1", id, id + "/"}
			for _, h := range holders {
				req := p.lock(name)
				req.Holder = h
				p.queues(req, long)
			}
			p.stands(name, id, 0, 3) // with the one without a slash, and the one without a number
			p.stands(name, id+"0", 0, 1)
			p.stands(name, id+"/below", 0, 1)
			p.stands(name, id[:len(id)-1], 0, 0)
		}),
	},
	{
		Name:     "queues-apart",
		Explains: "Each name has a queue of its own: what happens in one does not touch another.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			a, b := p.Name(), p.Name()
			ga, gb := p.acquire(p.lock(a)), p.acquire(p.lock(b))
			ra, rb := p.lock(a), p.lock(b)
			p.queues(ra, long)
			p.queues(rb, long)
			p.release(ga)
			p.handed(ra)
			p.holds(b, gb)
			p.wait(b, 1)
			p.leave(a, rb.Holder)
			p.wait(b, 1)
			p.release(gb)
			p.handed(rb)
		}),
	},
}

// stands checks how many leases and places Look tells of client.
func (p *probe) stands(name, client string, grants, waiting int) {
	if s := p.look(name, client, long); len(s.Grants) != grants || s.Waiting != waiting {
		p.failf("Look tells %d grants and %d waiting of client %q, want %d and %d", len(s.Grants), s.Waiting, client, grants, waiting)
	}
}
