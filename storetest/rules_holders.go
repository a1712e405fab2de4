package storetest

import (
	"time"

	"github.com/go-cachify/cachify/driver"
)

var holdersRules = []Rule{
	{
		Name:     "holders-idle",
		Explains: "A name that nobody holds gives the zero Occupancy and no error, whether it was ever held or not.",
		Check: rule(func(p *probe) {
			name := p.Name()
			p.idle(name)
			p.release(p.acquire(p.lock(name)))
			p.idle(name)
		}),
	},
	{
		Name:     "holders-tell",
		Explains: "Holders tells the holder as it was given, its fence, slots, age and remaining time, the same through every client; a person who looks for the one that blocks a name relies on it.",
		Check: rule(func(p *probe) {
			name := p.Name()
			var g driver.Grant
			granted := during(func() { g = p.acquire(p.lock(name)) })
			p.sleep(p.Unit)
			for _, s := range []driver.Store{p.Store, p.Other} {
				var o driver.Occupancy
				told := during(func() {
					var err error
					o, err = s.Holders(p.ctx, name)
					p.ok(err, "Holders")
				})
				if o.Limit != 1 || o.Waiting != 0 || len(o.Holders) != 1 {
					p.failf("Holders tells limit %d, %d waiting, %d holders, want 1, 0 and 1", o.Limit, o.Waiting, len(o.Holders))
				}
				h := o.Holders[0]
				if h.ID != g.Holder || h.Fence != g.Fence || h.Slots != 1 || h.Foreign {
					p.failf("Holders tells %+v of the grant %+v", h, g)
				}
				p.remains(granted, told, long, h.TTL, "the lease as Holders tells it")
				p.age(granted, told, h.Age)
			}
			if p.Caps.Lacks&driver.LackExtend == 0 {
				p.extend(g, long)
				var o driver.Occupancy
				told := during(func() { o = p.holders(name) })
				p.age(granted, told, p.find(o, g.Holder).Age)
			}
		}),
	},
	{
		Name:     "holders-order",
		Explains: "Holders lists those who hold the name longest first, whatever their time to live.",
		Needs:    NeedLimits,
		Check: rule(func(p *probe) {
			name := p.Name()
			var want []string
			for i := range 6 {
				g := p.acquire(lasting(p.slots(name, 10, 1+i%2), long-time.Duration(i%3)*time.Minute))
				want = append(want, g.Holder)
				p.sleep(p.Resolution)
			}
			o := p.holders(name)
			if len(o.Holders) != len(want) {
				p.failf("Holders tells of %d holders, want %d", len(o.Holders), len(want))
			}
			for i, h := range o.Holders {
				if h.ID != want[i] {
					p.failf("holder %d is %q, want %q: longest first", i, h.ID, want[i])
				}
			}
		}),
	},
}

// age checks the age, told within told, of a lease that was granted within s. A
// store that cannot tell says 0.
func (p *probe) age(s, told span, age time.Duration) {
	least, most := told.from.Sub(s.to)-p.Resolution, told.to.Sub(s.from)+p.Resolution
	if age != 0 && (age < least || age > most) {
		p.failf("Holders tells age %v, want %v to %v", age, least, most)
	}
}
