package storetest

import (
	"time"

	"github.com/go-cachify/cachify/driver"
)

var extendRules = []Rule{
	{
		Name:     "extend-longer",
		Explains: "Extend makes a lease end ttl from now, so that a holder that still works keeps its name. The fence stays.",
		Needs:    NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(lasting(p.lock(name), 2*p.Unit))
			extended := during(func() { g = p.extend(g, 4*p.Unit) })
			p.tells(name, g.Holder, extended, 4*p.Unit)
			p.ends(extended, 4*p.Unit, "an extended lease", func() bool { return p.isFree(p.Store, name) })
			p.lost(g)
		}),
	},
	{
		Name:     "extend-shorter",
		Explains: "Extend to a shorter time lets the lease end earlier than it would have.",
		Needs:    NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			extended := during(func() { g = p.extend(g, p.Unit) })
			p.tells(name, g.Holder, extended, p.Unit)
			p.ends(extended, p.Unit, "a shortened lease", func() bool { return p.isFree(p.Store, name) })
			p.lost(g)
		}),
	},
	{
		Name:     "extend-sets",
		Explains: "Extend sets the time that is left and does not add to it: renewing often must not make a lease last for ever after its holder has died.",
		Needs:    NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(lasting(p.lock(name), long))
			for range 5 {
				g = p.extend(g, long)
			}
			extended := during(func() { g = p.extend(g, long) })
			p.tells(name, g.Holder, extended, long)
		}),
	},
	{
		Name:     "extend-no-expiry",
		Explains: "Extend to NoExpiry makes a lease last for ever, and Extend to a finite time makes that end again.",
		Needs:    NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(lasting(p.lock(name), 2*p.Unit))
			extended := during(func() { g = p.extend(g, driver.NoExpiry) })
			p.tells(name, g.Holder, extended, driver.NoExpiry)
			p.sleep(3*p.Unit + p.late())
			p.refused(p.lock(name))
			extended = during(func() { g = p.extend(g, p.Unit) })
			p.ends(extended, p.Unit, "a lease that had no expiry", func() bool { return p.isFree(p.Store, name) })
		}),
	},
	{
		Name:     "extend-bare-grant",
		Explains: "Name and holder identify the lease that is extended; the grant that comes back has everything, with the fence of old.",
		Needs:    NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			got, err := p.Store.Extend(p.ctx, driver.Grant{Name: name, Holder: g.Holder}, long)
			p.ok(err, "Extend")
			p.sane(got, driver.AcquireRequest{Name: name, Holder: g.Holder, Slots: 1, TTL: long})
			if got.Fence != g.Fence {
				p.failf("Extend returned fence %d, want %d", got.Fence, g.Fence)
			}
			p.release(got)
		}),
	},
	{
		Name:     "extend-after-expiry",
		Explains: "Extend of a lease that has run out is ErrLost and never makes it anew, even if the name is free: in between somebody else may have held it.",
		Needs:    NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			var g driver.Grant
			granted := during(func() { g = p.acquire(lasting(p.lock(name), p.Unit)) })
			p.sleep(time.Until(granted.to.Add(p.Unit + p.late())))
			_, err := p.Store.Extend(p.ctx, g, long)
			p.is(err, driver.ErrLost, "Extend of an expired lease, name free")
			p.idle(name)

			next := p.acquire(p.lock(name))
			_, err = p.Store.Extend(p.ctx, g, long)
			p.is(err, driver.ErrLost, "Extend of an expired lease, name held by another")
			p.holds(name, next)
		}),
	},
	{
		Name:     "extend-after-end",
		Explains: "Extend of a lease that was evicted or released, or never was, is ErrLost and makes nothing: the name stays free or with its holder, and the holder's time is not touched.",
		Needs:    NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			evicted := p.acquire(p.lock(name))
			p.evict(name)
			p.notExtended(evicted)
			p.idle(name)

			released := p.acquire(p.lock(name))
			p.release(released)
			p.notExtended(released)
			p.idle(name)

			never := driver.Grant{Name: name, Holder: p.me.NewHolder(), Fence: 1, Slots: 1, TTL: long}
			p.notExtended(never)
			p.idle(name)

			var g driver.Grant
			granted := during(func() { g = p.acquire(lasting(p.lock(name), long)) })
			for _, stale := range []driver.Grant{evicted, released, never} {
				p.notExtended(stale)
			}
			p.holds(name, g)
			p.tells(name, g.Holder, granted, long)
		}),
	},
	{
		Name:     "extend-invalid",
		Explains: "Extend refuses a time to live that is none with ErrInvalid, and the lease keeps the time it has.",
		Needs:    NeedExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			var g driver.Grant
			granted := during(func() { g = p.acquire(p.lock(name)) })
			for _, ttl := range badTTLs {
				_, err := p.Store.Extend(p.ctx, g, ttl)
				p.invalid(err, "Extend by %v", ttl)
			}
			p.tells(name, g.Holder, granted, long)
			p.release(g)
		}),
	},
}

func (p *probe) notExtended(g driver.Grant) {
	_, err := p.Store.Extend(p.ctx, g, driver.NoExpiry)
	p.is(err, driver.ErrLost, "Extend of a lease that is none")
}

// tells checks that Holders tells what is left of a ttl that began within s.
func (p *probe) tells(name, holder string, s span, ttl time.Duration) {
	var o driver.Occupancy
	told := during(func() { o = p.holders(name) })
	if ttl != driver.NoExpiry && told.to.Sub(s.from) >= ttl {
		p.failUnlessOver(s.from, ttl, "the lease may have ended meanwhile")
	}
	p.remains(s, told, ttl, p.find(o, holder).TTL, "the lease as Holders tells it")
}
