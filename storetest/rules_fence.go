package storetest

import "github.com/go-cachify/cachify/driver"

var fenceRules = []Rule{
	{
		Name:     "fence-rises",
		Explains: "Each new lease on a name has a larger fence than all before it, however fast they follow each other and through whatever client; a guarded resource refuses a late writer by it.",
		Needs:    NeedFences,
		Check: rule(func(p *probe) {
			name := p.Name()
			last := uint64(0)
			for i := range 100 {
				s := p.Store
				if i%3 == 2 {
					s = p.Other
				}
				g := p.acquireOn(s, p.lock(name))
				last = p.rises(last, g)
				p.ok(s.Release(p.ctx, g), "Release")
			}
		}),
	},
	{
		Name:     "fence-after-evict",
		Explains: "The fence rises also after Evict: the evicted holder may still be at work, and its fence must be the smaller one.",
		Needs:    NeedFences,
		Check: rule(func(p *probe) {
			name := p.Name()
			last := uint64(0)
			for range 10 {
				last = p.rises(last, p.acquire(p.lock(name)))
				p.evict(name)
			}
		}),
	},
	{
		Name:     "fence-after-expiry",
		Explains: "The fence rises also after a lease has run out; the holder that slept too long is the one that fences are made for.",
		Needs:    NeedFences,
		Check: rule(func(p *probe) {
			name := p.Name()
			last := uint64(0)
			for range 3 {
				last = p.rises(last, p.acquire(lasting(p.lock(name), driver.MinTTL)))
				p.eventually("a lease of a millisecond is over", func() bool { return len(p.holders(name).Holders) == 0 })
			}
			p.sleep(2 * p.Unit)
			p.rises(last, p.acquire(p.lock(name)))
		}),
	},
	{
		Name:     "fence-in-pool",
		Explains: "The leases of a pool have fences of their own, in the order in which they were granted.",
		Needs:    NeedFences | NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			last := uint64(0)
			for range 20 {
				last = p.rises(last, p.acquire(p.slots(name, 20, 1)))
			}
			p.evict(name)
			p.rises(last, p.acquire(p.slots(name, 2, 2)))
		}),
	},
}

// rises checks that the fence of g is larger than last, and returns it.
func (p *probe) rises(last uint64, g driver.Grant) uint64 {
	if g.Fence <= last {
		p.failf("a new lease has fence %d, want more than the %d of an earlier one", g.Fence, last)
	}
	return g.Fence
}
