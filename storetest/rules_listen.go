package storetest

import (
	"sync"

	"github.com/go-cachify/cachify/driver"
)

var listenRules = []Rule{
	{
		Name:     "hand-over-pushed",
		Explains: "A hand-over is pushed to the waiter's client, with the lease as Look tells it, and to nobody else: the waiter owns the name when it hears, after one way and not after a poll interval.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			other := driver.NewClient()
			queue := p.OtherCaps.Queue
			mine, _ := p.listen(p.Caps.Queue, name, p.me.ID())
			others, _ := p.listen(queue, name, other.ID())

			var g, handed, seen driver.Grant
			first := during(func() { g = p.acquire(p.lock(name)) })
			req := by(other, p.lock(name))
			p.queuesOn(queue, req, long)
			released := during(func() { p.release(g) })
			handed = p.pushed(others, req)
			told := during(func() { seen = p.handed(req) })
			if handed.Fence != seen.Fence || handed.Slots != seen.Slots {
				p.failf("the push tells fence %d and %d slots, Look %d and %d", handed.Fence, handed.Slots, seen.Fence, seen.Slots)
			}
			p.clock(first, released, g.At, handed.At)
			p.clock(released, told, handed.At, seen.At)
			p.remains(released, released, long, handed.TTL, "the lease as the push tells it")

			req = p.lock(name)
			p.queues(req, long)
			p.release(seen)
			p.pushed(mine, req)
			p.onlyOf(mine, name, p.me.ID())
			p.onlyOf(others, name, other.ID())
		}),
	},
	{
		Name:     "every-hand-over-pushed",
		Explains: "Whatever hands the name over pushes it: Release, Evict, Leave, and whoever looks after a lease has run out.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			e, _ := p.listen(p.Caps.Queue, name, p.me.ID())
			g := p.acquire(p.lock(name))
			reqs := make([]driver.AcquireRequest, 4)
			for i := range reqs {
				reqs[i] = p.lock(name)
				if i == 2 {
					reqs[i].TTL = p.Unit
				}
				p.queues(reqs[i], long)
			}
			p.release(g)
			p.pushed(e, reqs[0])
			p.evict(name)
			p.pushed(e, reqs[1])
			left := during(func() { p.leave(name, reqs[1].Holder) })
			stranger := driver.NewClient().ID()
			p.ends(left, p.Unit, "a lease that was handed over", func() bool {
				p.look(name, stranger, long)
				for _, h := range p.holders(name).Holders {
					if h.ID == reqs[3].Holder {
						return true
					}
				}
				return false
			})
			p.pushed(e, reqs[2])
			p.pushed(e, reqs[3])
		}),
	},
	{
		Name:     "all-of-client-pushed",
		Explains: "When several waiters of one client are served at once, each hand-over is pushed.",
		Needs:    NeedQueue | NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			e, _ := p.listen(p.Caps.Queue, name, p.me.ID())
			g := p.acquire(p.slots(name, 5, 5))
			var reqs []driver.AcquireRequest
			for range 5 {
				req := p.slots(name, 5, 1)
				p.queues(req, long)
				reqs = append(reqs, req)
			}
			p.release(g)
			for _, req := range reqs {
				p.pushed(e, req)
			}
		}),
	},
	{
		Name:     "listen-one-name",
		Explains: "Listen is for one name: what happens to another is not told.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			a, b := p.Name(), p.Name()
			ea, _ := p.listen(p.Caps.Queue, a, p.me.ID())
			eb, _ := p.listen(p.Caps.Queue, b, p.me.ID())
			for name, e := range map[string]*ear{a: ea, b: eb} {
				g := p.acquire(p.lock(name))
				req := p.lock(name)
				p.queues(req, long)
				p.release(g)
				p.pushed(e, req)
			}
			p.onlyOf(ea, a, p.me.ID())
			p.onlyOf(eb, b, p.me.ID())
		}),
	},
	{
		Name:     "shorter-wakes",
		Explains: "One who listens is woken when a lease will end earlier than was told, or at the latest when it has ended and the name was handed over: it had planned its next look for the time it was told.",
		Needs:    NeedQueue | NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			req := by(driver.NewClient(), p.lock(name))
			e, _ := p.listen(p.OtherCaps.Queue, name, driver.ClientOf(req.Holder))
			g := p.acquire(p.lock(name))
			p.queuesOn(p.OtherCaps.Queue, req, long)
			before := len(e.heard())
			p.extend(g, p.Unit)
			p.eventually("a wake after Extend to a shorter time", func() bool { return len(e.heard()) > before })
		}),
	},
	{
		Name:     "listen-stops",
		Explains: "After stop nothing is pushed any more. stop may be called more than once, and from within wake; others who listen go on.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			stays, _ := p.listen(p.Caps.Queue, name, p.me.ID())
			goes, stop := p.listen(p.Caps.Queue, name, p.me.ID())
			stop()
			stop()

			within := p.stopWithin(name)
			g := p.acquire(p.lock(name))
			for range 2 {
				req := p.lock(name)
				p.queues(req, long)
				p.release(g)
				g = p.pushed(stays, req)
			}
			p.eventually("a wake that stops its own listener", within)
			p.sleep(p.Unit)
			if heard := goes.heard(); len(heard) > 0 {
				p.failf("%d pushes after stop, the first for %q", len(heard), heard[0].Grant.Holder)
			}
		}),
	},
}

// stopWithin listens with a wake that calls stop, and returns a function that
// tells whether it has done so.
func (p *probe) stopWithin(name string) func() bool {
	var (
		mu      sync.Mutex
		stop    func()
		stopped bool
	)
	mu.Lock()
	defer mu.Unlock()
	got, err := p.Caps.Queue.Listen(p.ctx, name, p.me.ID(), func(driver.Wake) {
		mu.Lock()
		defer mu.Unlock()
		stop()
		stopped = true
	})
	p.ok(err, "Listen")
	p.atEnd(got)
	stop = got
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return stopped
	}
}
