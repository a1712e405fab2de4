package storetest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var contentionRules = []Rule{
	{
		Name:     "contention-lock",
		Explains: "Many goroutines that take the same lock in turn, through two clients, are never two at a time, and each has a larger fence than the one before.",
		Check: rule(func(p *probe) {
			p.contend(8, 12, 1, func(int) int { return 1 })
		}),
	},
	{
		Name:     "contention-pool",
		Explains: "Many goroutines that share a pool are never more at a time than it has slots.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			p.contend(8, 12, 3, func(int) int { return 1 })
		}),
	},
	{
		Name:     "contention-weights",
		Explains: "Many goroutines that take several slots at once never have more in total than there are.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			p.contend(8, 12, 5, func(i int) int { return 1 + i%4 })
		}),
	},
	{
		Name:     "contention-same-holder",
		Explains: "Many requests of one holder at once, as retries of a slow one may be, get one and the same lease.",
		Check: rule(func(p *probe) {
			for range 5 {
				name := p.Name()
				req := p.lock(name)
				var mu sync.Mutex
				fences := map[uint64]int{}
				p.together(8, func(p *probe, i int) {
					g := p.acquireOn(p.store(i), req)
					mu.Lock()
					defer mu.Unlock()
					fences[g.Fence]++
				})
				if len(fences) != 1 {
					p.failf("one holder got leases with fences %v, want one lease", fences)
				}
				p.heldBy(name, req)
				p.release(driver.Grant{Name: name, Holder: req.Holder})
				p.idle(name)
			}
		}),
	},
	{
		Name:     "contention-queue",
		Explains: "Many goroutines that wait in the queue are all served, never more at a time than there are slots, and nothing is left over.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			w := newWitness(name, 1)
			p.together(8, func(p *probe, i int) {
				p.me = driver.NewClient()
				e, stop := p.listen(p.queue(i), name, p.me.ID())
				defer stop()
				for range 12 {
					req := p.lock(name)
					g := p.waitFor(e, p.queue(i), req)
					w.in(p, g)
					p.sleep(time.Millisecond)
					w.out(g)
					p.ok(p.store(i).Release(p.ctx, g), "Release")
				}
			})
			p.idle(name)
		}),
	},
	{
		Name:     "contention-leave",
		Explains: "Waiters that give up at the moment they are served strand nothing: in the end the name is free and nobody waits.",
		Needs:    NeedQueue,
		Check: rule(func(p *probe) {
			name := p.Name()
			p.together(8, func(p *probe, i int) {
				for range 12 {
					req := p.lock(name)
					if _, err := p.queue(i).Enqueue(p.ctx, req, long); err != nil {
						p.held(err, name)
					}
					p.ok(p.queue(i).Leave(p.ctx, name, req.Holder), "Leave")
				}
			})
			p.idle(name)
		}),
	},
}

// store returns the store that goroutine i uses.
func (p *probe) store(i int) driver.Store {
	if i%2 == 1 {
		return p.Other
	}
	return p.Store
}

// queue is store for waiting.
func (p *probe) queue(i int) driver.Queuer {
	if i%2 == 1 {
		return p.OtherCaps.Queue
	}
	return p.Caps.Queue
}

// contend lets n goroutines hold a name rounds times each, asking again and again,
// under the eyes of a witness.
func (p *probe) contend(n, rounds, limit int, slots func(i int) int) {
	name := p.Name()
	p.holdsName(name)
	w := newWitness(name, limit)
	p.together(n, func(p *probe, i int) {
		for range rounds {
			req := p.slots(name, limit, slots(i))
			g, err := p.store(i).Acquire(p.ctx, req)
			for ; err != nil; g, err = p.store(i).Acquire(p.ctx, req) {
				p.held(err, name)
				p.sleep(time.Millisecond)
			}
			p.sane(g, req)
			w.in(p, g)
			p.sleep(time.Millisecond)
			w.out(g)
			p.ok(p.store(i).Release(p.ctx, g), "Release")
		}
	})
	p.idle(name)
}

// waitFor waits in the queue until req is granted.
func (p *probe) waitFor(e *ear, q driver.Queuer, req driver.AcquireRequest) driver.Grant {
	g, err := q.Enqueue(p.ctx, req, long)
	if err == nil {
		return g
	}
	p.held(err, req.Name)
	return p.pushed(e, req)
}

// witness stands where the holders work and counts them.
type witness struct {
	name  string
	limit int64
	using atomic.Int64

	mu     sync.Mutex
	fences map[uint64]bool
	last   uint64
}

func newWitness(name string, limit int) *witness {
	return &witness{name: name, limit: int64(limit), fences: map[uint64]bool{}}
}

// in is called by one who has become a holder.
func (w *witness) in(p *probe, g driver.Grant) {
	using := w.using.Add(int64(g.Slots))
	if using > w.limit {
		p.failf("%d slots of %q are in use, but there are %d", using, w.name, w.limit)
	}
	if p.Caps.Lacks&driver.LackFences != 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fences[g.Fence] {
		p.failf("two leases have fence %d", g.Fence)
	}
	w.fences[g.Fence] = true
	if w.limit == 1 && g.Fence < w.last {
		p.failf("fence %d came after %d", g.Fence, w.last)
	}
	w.last = g.Fence
}

// out is called by a holder that is about to release.
func (w *witness) out(g driver.Grant) { w.using.Add(-int64(g.Slots)) }
