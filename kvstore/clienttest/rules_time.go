package clienttest

import (
	"time"

	"github.com/go-cachify/cachify/driver"
)

var timeRules = []Rule{
	{
		Name:     "ttl-ends",
		Explains: "A value is there for the whole of its time to live, and absent after it. Times that the engine cannot keep are rounded up, never down.",
		check: func(p *probe) {
			p.together(2, func(p *probe, i int) {
				ttl := p.ttl() + time.Duration(i)*p.Unit
				p.setsAndEnds(p.key(""), ttl)
			})
		},
	},
	{
		Name:     "ttl-shortest",
		Explains: "Times to live of a millisecond, or of a fraction more, are kept too. They do not become 0, an error, or for ever.",
		check: func(p *probe) {
			for _, ttl := range []time.Duration{driver.MinTTL, driver.MinTTL + 1, 3 * driver.MinTTL / 2, 2*driver.MinTTL - 1} {
				p.setsAndEnds(p.key(""), ttl)
			}
		},
	},
	{
		Name:     "ttl-longest",
		Explains: "Times to live of up to a hundred years are kept, and do not overflow to one that is over already.",
		check: func(p *probe) {
			for _, ttl := range []time.Duration{25 * 24 * time.Hour, 50 * 24 * time.Hour, 30 * 365 * 24 * time.Hour, driver.MaxTTL} {
				key := p.key("")
				p.sets(key, []byte("value"), ttl)
				p.sleep(time.Millisecond)
				p.has(key, []byte("value"), "after SetIfAbsent for "+ttl.String())
			}
		},
	},
	{
		Name:     "no-expiry",
		Explains: "A value that was set for driver.NoExpiry stays.",
		check: func(p *probe) {
			key := p.key("")
			p.sets(key, []byte("value"), driver.NoExpiry)
			p.has(key, []byte("value"), "after SetIfAbsent for NoExpiry")
			p.sleep(3*p.Unit + p.late())
			p.has(key, []byte("value"), "some time after SetIfAbsent for NoExpiry")
		},
	},
	{
		Name:     "ttl-of-its-own",
		Explains: "A value has its own time to live, not what is left of the one that was deleted before it.",
		check: func(p *probe) {
			key, ttl := p.key(""), p.ttl()
			s := during(func() { p.sets(key, []byte("first"), ttl) })
			if !p.remove(key, []byte("first")) {
				p.failUnlessOver(s, ttl, "CompareAndDelete of the value returns false, want true")
			}
			p.sets(key, []byte("second"), driver.NoExpiry)
			p.sleepUntilOver(s, ttl)
			p.has(key, []byte("second"), "after the time of the value that was deleted before")
		},
	},
	{
		Name:     "refused-keeps-ttl",
		Explains: "An operation that returns false does not change when the value ends: else one who is refused a lock keeps it from coming free.",
		check: func(p *probe) {
			p.together(2, func(p *probe, i int) {
				key, ttl, other := p.key(""), p.ttl(), [...]time.Duration{long, driver.NoExpiry}[i]
				s := during(func() { p.sets(key, []byte("value"), ttl) })
				done := p.set(key, []byte("other"), other) || p.remove(key, []byte("other")) ||
					p.swappers[p.mine] != nil && p.swap(key, []byte("other"), []byte("new"), other)
				if done {
					p.failUnlessOver(s, ttl, "an operation that had to be refused returns true, want false")
				}
				p.ends(key, s, ttl, "a value for which others were refused")
			})
		},
	},
	{
		Name:     "expired-is-absent",
		Explains: "A value whose time has run out is absent to all methods: it cannot be deleted or swapped, and the key can be set again.",
		check: func(p *probe) {
			ttl := p.ttl()
			var keys []string
			var s span
			for range 2 {
				key := p.key("")
				s = during(func() { p.sets(key, []byte("value"), ttl) })
				keys = append(keys, key)
			}
			p.sleepUntilOver(s, ttl)
			for _, key := range keys {
				if key == keys[0] { // the other one is set before anybody has looked
					p.removesNothing(key, []byte("value"), "has a value whose time has run out")
				}
				p.sets(key, []byte("next"), long)
				p.has(key, []byte("next"), "after SetIfAbsent where a value had run out")
			}
		},
	},
	{
		Name:     "expired-is-not-swapped",
		Explains: "A value whose time has run out is absent to CompareAndSwap: a lock that was lost is not brought back to life.",
		Swaps:    true,
		check: func(p *probe) {
			key, ttl := p.key(""), p.ttl()
			s := during(func() { p.sets(key, []byte("value"), ttl) })
			p.sleepUntilOver(s, ttl)
			p.swapsNothing(key, []byte("value"), "has a value whose time has run out")
		},
	},
	{
		Name:     "swap-ttl",
		Explains: "A value that CompareAndSwap has set lasts for the new time to live, from then on: longer or shorter than the old one, or for ever.",
		Swaps:    true,
		check: func(p *probe) {
			ttl := p.ttl()
			changes := [][2]time.Duration{
				{ttl, ttl + 2*p.Unit}, {long, ttl}, {driver.NoExpiry, ttl}, {ttl, driver.NoExpiry}, {ttl + p.Unit, ttl},
			}
			p.together(len(changes), func(p *probe, i int) { p.swapsTTL(changes[i][0], changes[i][1]) })
		},
	},
}

// setsAndEnds sets a value and checks that it ends in time.
func (p *probe) setsAndEnds(key string, ttl time.Duration) {
	s := during(func() { p.sets(key, []byte("value"), ttl) })
	p.ends(key, s, ttl, "a value that was set for "+ttl.String())
}

// swapsTTL replaces a value and checks that the new one ends when it should.
func (p *probe) swapsTTL(before, after time.Duration) {
	key := p.key("")
	first := during(func() { p.sets(key, []byte("old"), before) })
	second := during(func() {
		if !p.swap(key, []byte("old"), []byte("new"), after) {
			p.failUnlessOver(first, before, "CompareAndSwap of the value returns false, want true")
		}
	})
	if after != driver.NoExpiry {
		p.ends(key, second, after, "a value that lasted for "+before.String()+" and was swapped for one that lasts for "+after.String())
		return
	}
	p.sleepUntilOver(first, before)
	p.has(key, []byte("new"), "after the time of a value that was swapped for one without expiry")
}
