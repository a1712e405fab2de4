package storetest

import (
	"time"

	"github.com/go-cachify/cachify/driver"
)

var leaseRules = []Rule{
	{
		Name:     "acquire-free",
		Explains: "A name that nobody holds is granted at once, and the grant says what was granted: name, holder, slots, the whole time to live, and a fence.",
		Check: rule(func(p *probe) {
			name := p.Name()
			req := p.lock(name)
			g := p.acquire(req)
			if g.TTL < req.TTL {
				p.failf("a new lease lasts %v, want the %v of the request", g.TTL, req.TTL)
			}
			p.holds(name, g)
		}),
	},
	{
		Name:     "exclusion",
		Explains: "While a lock is held nobody else acquires it, through whatever client; that is what a lock is for.",
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			p.refused(p.lock(name))
			p.refusedBy(p.Other, p.lock(name))
			p.refused(p.lock(name))
			p.holds(name, g)
		}),
	},
	{
		Name:     "release-frees",
		Explains: "After Release the name is free for the next, through whatever client, and the released lease is lost.",
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			p.release(g)
			p.idle(name)
			p.lost(g)
			h := p.acquireOn(p.Other, p.lock(name))
			p.refused(p.lock(name))
			p.ok(p.Other.Release(p.ctx, h), "Release")
			p.acquire(p.lock(name))
		}),
	},
	{
		Name:     "held-error",
		Explains: "A refusal tells when asking again may help, because the lease ends then, and who holds the name unless that is not known; a waiter plans its next look by it.",
		Check: rule(func(p *probe) {
			for _, ttl := range []time.Duration{long, driver.NoExpiry} {
				name := p.Name()
				var g driver.Grant
				granted := during(func() { g = p.acquire(lasting(p.lock(name), ttl)) })
				var held *driver.HeldError
				told := during(func() { held = p.refused(p.lock(name)) })
				p.remains(granted, told, ttl, held.RetryAfter, "RetryAfter of the refusal")
				if held.Holder != "" && held.Holder != g.Holder {
					p.failf("the *HeldError names holder %q, want %q", held.Holder, g.Holder)
				}
			}
		}),
	},
	{
		Name:     "store-clock",
		Explains: "Grant.At and HeldError.At are readings of one clock that does not go backwards and goes at the pace of time; the root package computes deadlines from their differences.",
		Check: rule(func(p *probe) {
			name := p.Name()
			req := p.lock(name)
			var first, again driver.Grant
			var held *driver.HeldError
			one := during(func() { first = p.acquire(req) })
			p.sleep(p.Unit)
			two := during(func() { held = p.refused(p.lock(name)) })
			p.clock(one, two, first.At, held.At)
			p.sleep(p.Unit)
			three := during(func() { again = p.acquire(req) })
			p.clock(two, three, held.At, again.At)
			p.clock(one, three, first.At, again.At)
		}),
	},
	{
		Name:     "reacquire-same-lease",
		Explains: "Acquire again with the same holder returns the lease it has, with the same fence, so that a request whose reply was lost can be sent again.",
		Check: rule(func(p *probe) {
			name := p.Name()
			req := p.lock(name)
			g := p.acquire(req)
			for range 3 {
				if again := p.acquire(req); again.Fence != g.Fence {
					p.failf("the second Acquire of one holder has fence %d, want the first one's %d", again.Fence, g.Fence)
				}
			}
			if again := p.acquireOn(p.Other, req); again.Fence != g.Fence {
				p.failf("Acquire of the same holder through another client has fence %d, want %d", again.Fence, g.Fence)
			}
			p.holds(name, g)
			p.release(g)
			p.idle(name)
		}),
	},
	{
		Name:     "reacquire-not-extended",
		Explains: "Acquire again with the same holder tells the time the lease has left and does not extend it: the caller counts from its first request.",
		Check: rule(func(p *probe) {
			name := p.Name()
			ttl := 3 * p.Unit
			req := lasting(p.lock(name), ttl)
			granted := during(func() { p.acquire(req) })
			p.sleep(p.Unit)
			var again driver.Grant
			told := during(func() {
				var err error
				if again, err = p.Store.Acquire(p.ctx, req); err != nil {
					p.failUnlessOver(granted.from, ttl, "Acquire again: %w", err)
				}
			})
			if told.to.Sub(granted.from) >= ttl {
				p.failUnlessOver(granted.from, ttl, "the lease may have ended meanwhile")
			}
			p.remains(granted, told, ttl, again.TTL, "the lease that was returned again")
			p.ends(granted, ttl, "a lease that was acquired twice", func() bool { return p.isFree(p.Store, name) })
		}),
	},
	{
		Name:     "names-apart",
		Explains: "What happens to one name does not touch another, even if one begins with the other or they differ in case only.",
		Check: rule(func(p *probe) {
			name := p.Name()
			var all []driver.Grant
			for _, n := range []string{name, name + "/a", name + "/A", name + "/a:b", name + "/a\x00"} {
				all = append(all, p.acquire(p.lock(n)))
			}
			p.release(all[0])
			p.evict(all[1].Name)
			for _, g := range all[2:] {
				p.holds(g.Name, g)
				p.refused(p.lock(g.Name))
				p.release(g)
			}
		}),
	},
	{
		Name:     "odd-names",
		Explains: "A name is any string that is not empty: blanks, braces, percent signs, line breaks, other scripts, bytes that are no UTF-8, and a kibibyte of it. No two of them are the same.",
		Check: rule(func(p *probe) {
			base := p.Name()
			var all []driver.Grant
			for _, odd := range oddStrings(base) {
				g := p.acquire(p.lock(odd))
				p.refused(p.lock(odd))
				all = append(all, g)
			}
			for _, g := range all {
				p.holds(g.Name, g)
				p.release(g)
				p.idle(g.Name)
			}
		}),
	},
	{
		Name:     "odd-holders",
		Explains: "A holder is any string that is not empty and comes back as it was; two that differ are two holders.",
		Check: rule(func(p *probe) {
			for _, odd := range oddStrings("holder") {
				name := p.Name()
				req := p.lock(name)
				req.Holder = odd
				g := p.acquire(req)
				p.holds(name, g)
				p.is(p.Store.Release(p.ctx, driver.Grant{Name: name, Holder: odd + "x"}), driver.ErrLost, "Release by another holder")
				p.release(g)
			}
		}),
	},
	{
		Name:     "release-bare-grant",
		Explains: "Name and holder are all that Release looks at: a caller that never saw the grant, because the reply was lost, can still release it.",
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			p.release(driver.Grant{Name: name, Holder: g.Holder})
			p.idle(name)
		}),
	},
	{
		Name:     "stale-release",
		Explains: "Release by one who does not hold the name is ErrLost and changes nothing, above all when somebody else holds it by now. A store that just deletes frees another's lock.",
		Check: rule(func(p *probe) {
			name := p.Name()
			stale := p.acquire(p.lock(name))
			p.release(stale)
			p.is(p.Store.Release(p.ctx, stale), driver.ErrLost, "Release of a released lease, name free")

			g := p.acquire(p.lock(name))
			p.is(p.Store.Release(p.ctx, stale), driver.ErrLost, "Release of a released lease, name held by another")
			p.is(p.Other.Release(p.ctx, stale), driver.ErrLost, "the same through another client")
			never := driver.Grant{Name: name, Holder: p.me.NewHolder(), Fence: g.Fence, Slots: 1, TTL: g.TTL, At: g.At}
			p.is(p.Store.Release(p.ctx, never), driver.ErrLost, "Release by one who never held")
			p.holds(name, g)
			p.refused(p.lock(name))
			p.release(g)
		}),
	},
	{
		Name:     "evict",
		Explains: "Evict frees a name by force, whoever asks; the holder it hits learns ErrLost and cannot disturb the next one. Where nobody holds it is no error.",
		Check: rule(func(p *probe) {
			name := p.Name()
			p.evict(name)
			p.idle(name)
			g := p.acquire(p.lock(name))
			p.ok(p.Other.Evict(p.ctx, name), "Evict through another client")
			p.idle(name)
			p.lost(g)
			next := p.acquire(p.lock(name))
			p.lost(g)
			p.holds(name, next)
			p.evict(name)
			p.lost(next)
		}),
	},
	{
		Name:     "lacks-limits",
		Explains: "A store that has only locks says so: a request for a name with more slots is ErrUnsupported, and nothing is held.",
		Needs:    NeedNoLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			_, err := p.Store.Acquire(p.ctx, p.slots(name, 2, 1))
			p.is(err, driver.ErrUnsupported, "Acquire with limit 2")
			p.idle(name)
		}),
	},
	{
		Name:     "lacks-extend",
		Explains: "A store that cannot extend a lease says ErrUnsupported and leaves it as it is.",
		Needs:    NeedNoExtend,
		Check: rule(func(p *probe) {
			name := p.Name()
			g := p.acquire(p.lock(name))
			_, err := p.Store.Extend(p.ctx, g, long)
			p.is(err, driver.ErrUnsupported, "Extend")
			p.holds(name, g)
			p.release(g)
		}),
	},
	{
		Name:     "lacks-fences",
		Explains: "A store without fences gives 0, never a number that looks like one.",
		Needs:    NeedNoFences,
		Check: rule(func(p *probe) {
			name := p.Name()
			for range 3 {
				g := p.acquire(p.lock(name))
				if h := p.find(p.holders(name), g.Holder); g.Fence != 0 || h.Fence != 0 {
					p.failf("fences %d and %d, want 0", g.Fence, h.Fence)
				}
				p.release(g)
			}
		}),
	},
}

// clock checks that the readings a and b, taken within s and t, are as far apart
// as the spans allow.
func (p *probe) clock(s, t span, a, b time.Duration) {
	least, most := t.from.Sub(s.to)-p.late(), t.to.Sub(s.from)+p.late()
	if d := b - a; d < max(0, least) || d > most {
		p.failf("the store's clock went on by %v, want %v to %v", d, max(0, least), most)
	}
}

// oddStrings returns strings that no store may mix up or choke on.
func oddStrings(base string) []string {
	kib := make([]byte, 1024)
	for i := range kib {
		kib[i] = 'a' + byte(i%26)
	}
	return []string{
		base + "a", base + "A", base + " ", " " + base, base + "  two", base + "{tag}", "{" + base + "}", base + "{}", base + "}{",
		base + "%", base + "%s%d", base + "%00", base + "\n", base + "\r\n", base + "\t", base + "'; --", base + `"\`,
		base + "*", base + "?", base + "[a]", base + "/", base + "//x", base + "/../x", base + ":", base + ":0", base + "#",
		base + "é", base + "e\u0301", base + "日本語", base + "🔒", base + "\x00", base + "\xff\xfe", base + string(kib), base + string(kib) + "x",
	}
}
