package storetest

import (
	"math"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var patienceRules = []Rule{
	{
		Name:     "patience-runs-out",
		Explains: "A waiter whose client has shown no life for its patience loses its place: the next in line is served, and the dead one is not handed anything. If it lives after all, it comes last.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			dead, lives := by(driver.NewClient(), p.lock(name)), p.lock(name)
			queued := during(func() { p.queues(dead, p.Unit) })
			p.queues(lives, long)
			p.sleep(time.Until(queued.to.Add(p.Unit + p.late())))
			p.release(g)
			g = p.handed(lives)
			p.stands(name, driver.ClientOf(dead.Holder), 0, 0)
			p.queues(dead, long)
			p.release(g)
			p.handed(dead)
		}),
	},
	{
		Name:     "patience-kept",
		Explains: "A place is kept for the whole patience, with no sign of life in between.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			patience := 3 * p.Unit
			g := p.acquire(p.lock(name))
			first, second := by(driver.NewClient(), p.lock(name)), p.lock(name)
			queued := during(func() { p.queues(first, patience) })
			p.queues(second, long)
			p.sleep(2 * p.Unit)
			p.release(g)
			if o := p.holders(name); len(o.Holders) != 1 || o.Holders[0].ID != first.Holder {
				p.failUnlessOver(queued.from, patience, "a patient waiter was not served")
			}
		}),
	},
	{
		Name:     "look-renews",
		Explains: "Look renews the patience of all places that the client has on the name, and of nobody else's.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			other := driver.NewClient()
			g := p.acquire(by(driver.NewClient(), p.lock(name)))
			dead, one, two := by(other, p.lock(name)), p.lock(name), p.lock(name)
			queued := during(func() {
				p.queues(dead, 2*p.Unit)
				p.queues(one, 2*p.Unit)
				p.queues(two, 2*p.Unit)
			})
			p.sleep(p.Unit)
			if s := p.look(name, p.me.ID(), long); s.Waiting != 2 {
				p.failUnlessOver(queued.from, 2*p.Unit, "Look tells %d waiting, want 2", s.Waiting)
			}
			p.sleep(time.Until(queued.to.Add(2*p.Unit + p.late())))
			p.stands(name, p.me.ID(), 0, 2)
			p.release(g)
			p.release(p.handed(one))
			p.handed(two)
			p.stands(name, other.ID(), 0, 0)
		}),
	},
	{
		Name:     "enqueue-renews",
		Explains: "Enqueue again renews the waiter's patience.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			req, behind := p.lock(name), by(driver.NewClient(), p.lock(name))
			queued := during(func() { p.queues(req, 2*p.Unit) })
			p.queues(behind, long)
			p.sleep(p.Unit)
			renewed := during(func() { p.queues(req, long) })
			if renewed.to.Sub(queued.from) >= 2*p.Unit {
				p.failUnlessOver(queued.from, 2*p.Unit, "the place may have been lost meanwhile")
			}
			p.sleep(time.Until(queued.to.Add(2*p.Unit + p.late())))
			p.release(g)
			p.handed(req)
		}),
	},
	{
		Name:     "patience-wide",
		Explains: "A dead waiter that wants many slots does not block those behind it for longer than its patience: then whoever looks lets them in.",
		Needs:    NeedQueue | NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.slots(name, 3, 1))
			dead, behind := by(driver.NewClient(), p.slots(name, 3, 3)), p.slots(name, 3, 1)
			queued := during(func() { p.queues(dead, p.Unit) })
			if _, err := p.Caps.Queue.Enqueue(p.ctx, behind, long); err == nil {
				p.failUnlessOver(queued.from, p.Unit, "a wide waiter was overtaken")
			}
			p.ends(queued, p.Unit, "the place of a dead waiter", func() bool { _, ok := p.sees(behind); return ok })
			p.heldBy(name, behind, driver.AcquireRequest{Holder: g.Holder})
		}),
	},
	{
		Name:     "patience-invalid",
		Explains: "A patience that is not positive is ErrInvalid in Enqueue and Look, and no place is taken: it would be lost at once.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			for _, patience := range []time.Duration{0, -1, -time.Second, math.MinInt64} {
				_, err := p.Caps.Queue.Enqueue(p.ctx, p.lock(name), patience)
				p.invalid(err, "Enqueue with patience %v", patience)
				_, err = p.Caps.Queue.Look(p.ctx, name, p.me.ID(), patience)
				p.invalid(err, "Look with patience %v", patience)
			}
			p.wait(name, 0)
			p.holds(name, g)
		}),
	},
}
