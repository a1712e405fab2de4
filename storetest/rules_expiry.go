package storetest

import (
	"math"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// badTTLs are times to live that every store refuses.
var badTTLs = []time.Duration{
	0, -1, -time.Second, math.MinInt64, 1, driver.MinTTL - 1, driver.MaxTTL + 1, driver.NoExpiry - 1,
}

var expiryRules = []Rule{
	{
		Name:     "lease-expires",
		Explains: "A lease ends when its time to live has passed: not earlier, or two would work at once, and not later than the store's resolution, or a dead holder would block the others.",
		Check: rule(func(p *probe) {
			name := p.Name()
			for _, ttl := range []time.Duration{p.Unit, p.Unit + p.Unit/3 + 7*time.Millisecond} {
				granted := during(func() { p.acquire(lasting(p.lock(name), ttl)) })
				p.ends(granted, ttl, "a lease", func() bool { return p.isFree(p.Store, name) })
			}
		}),
	},
	{
		Name:     "expiry-seen-by-all",
		Explains: "When a lease has run out, Holders does not tell of it, Release and Extend are ErrLost, and the next one is not disturbed by them.",
		Check: rule(func(p *probe) {
			name := p.Name()
			var g driver.Grant
			granted := during(func() { g = p.acquire(lasting(p.lock(name), p.Unit)) })
			p.ends(granted, p.Unit, "a lease as Holders tells it", func() bool { return len(p.holders(name).Holders) == 0 })
			p.idle(name)
			p.lost(g)
			p.idle(name)
			next := p.acquireOn(p.Other, p.lock(name))
			p.lost(g)
			p.holds(name, next)
		}),
	},
	{
		Name:     "expiry-told",
		Explains: "Holders tells what a lease has left, so that a person can see how long a name will stay held.",
		Check: rule(func(p *probe) {
			name := p.Name()
			var g driver.Grant
			ttl := 20 * p.Unit
			granted := during(func() { g = p.acquire(lasting(p.lock(name), ttl)) })
			for range 2 {
				p.sleep(p.Unit / 2)
				p.tells(name, g.Holder, granted, ttl)
			}
		}),
	},
	{
		Name:     "ttl-shortest",
		Explains: "A time to live of one millisecond is kept: it is not rounded to nothing, nor to for ever.",
		Check: rule(func(p *probe) {
			name := p.Name()
			granted := during(func() { p.acquire(lasting(p.lock(name), driver.MinTTL)) })
			p.ends(granted, driver.MinTTL, "the shortest lease", func() bool { return p.isFree(p.Store, name) })
			key := p.Key()
			saved := during(func() { p.save(key, "x", driver.Write{TTL: driver.MinTTL}) })
			p.ends(saved, driver.MinTTL, "the shortest record", func() bool { return !p.exists(key) })
		}),
	},
	{
		Name:     "ttl-longest",
		Explains: "A time to live of a hundred years is finite and kept: no sum overflows.",
		Check: rule(func(p *probe) {
			name := p.Name()
			var g driver.Grant
			granted := during(func() { g = p.acquire(lasting(p.lock(name), driver.MaxTTL)) })
			p.tells(name, g.Holder, granted, driver.MaxTTL)
			p.refused(p.lock(name))
			if p.Caps.Lacks&driver.LackExtend == 0 {
				granted = during(func() { g = p.extend(g, driver.MaxTTL) })
				p.tells(name, g.Holder, granted, driver.MaxTTL)
			}
			key := p.Key()
			saved := during(func() { p.save(key, "x", driver.Write{TTL: driver.MaxTTL}) })
			p.keeps(key, saved, driver.MaxTTL)
		}),
	},
	{
		Name:     "no-expiry-stays",
		Explains: "A lease or record with NoExpiry stays, and says so everywhere; a store that takes the largest duration for a number to add to overflows here.",
		Check: rule(func(p *probe) {
			name, key := p.Name(), p.Key()
			var g driver.Grant
			granted := during(func() { g = p.acquire(lasting(p.lock(name), driver.NoExpiry)) })
			saved := during(func() { p.save(key, "x", driver.Write{TTL: driver.NoExpiry}) })
			p.sleep(2 * p.Unit)
			if held := p.refused(p.lock(name)); held.RetryAfter != driver.NoExpiry {
				p.failf("RetryAfter is %v, want NoExpiry", held.RetryAfter)
			}
			p.tells(name, g.Holder, granted, driver.NoExpiry)
			p.keeps(key, saved, driver.NoExpiry)
			if again := p.acquire(driver.AcquireRequest{
				Name: name, Holder: g.Holder, Limit: 1, Slots: 1, TTL: driver.NoExpiry,
			}); again.Fence != g.Fence {
				p.failf("Acquire again has fence %d, want %d", again.Fence, g.Fence)
			}
			p.release(g)
			p.idle(name)
		}),
	},
}
