package sabotage

import (
	"context"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var fenceSabotages = []Sabotage{
	{
		Name:     "resetting-fence",
		Explains: "The fence is a counter beside the lease that is deleted with it, so it begins at one again after each release.",
		Rule:     "fence-rises",
		Wrap: func(in driver.Store) driver.Store {
			f := newFencer(in)
			f.released = func(name string) { delete(f.last, name) }
			return f.shim
		},
	},
	{
		Name:     "same-fence-after-expiry",
		Explains: "The fence rises when a lease is released, but not when it has run out: the holder that slept and the one that came after it have the same.",
		Rule:     "fence-after-expiry",
		Wrap: func(in driver.Store) driver.Store {
			f := newFencer(in)
			f.expired = func(name string) { f.last[name]-- }
			return f.shim
		},
	},
	{
		Name:     "fence-falls-on-evict",
		Explains: "Evict forgets the fence with the rest, so the evicted holder has the larger one.",
		Rule:     "fence-after-evict",
		Wrap: func(in driver.Store) driver.Store {
			f := newFencer(in)
			f.evicted = func(name string) { delete(f.last, name) }
			return f.shim
		},
	},
}

// fencer puts fences of its own in place of the sound store's: a counter for each
// name, which its hooks spoil. mu is not held during calls of the store, which may
// push before it returns.
type fencer struct {
	*shim
	mu     sync.Mutex
	last   map[string]uint64
	given  map[string]uint64 // by holder
	active map[string]bool   // names whose last lease was not released or evicted

	released, evicted, expired func(name string) // with mu held; may be nil
}

func newFencer(in driver.Store) *fencer {
	f := &fencer{
		shim:  over(in),
		last:  map[string]uint64{},
		given: map[string]uint64{}, active: map[string]bool{},
	}
	q := f.caps.Queue
	f.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
		f.before(ctx, req.Name)
		g, err := in.Acquire(ctx, req)
		return f.own(g, err == nil), err
	}
	f.extend = func(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
		g, err := in.Extend(ctx, g, ttl)
		return f.own(g, err == nil), err
	}
	f.release = func(ctx context.Context, g driver.Grant) error {
		if _, ok := holder(ctx, in, g.Name, g.Holder); ok {
			f.ended(g.Name, f.released)
		}
		return in.Release(ctx, g)
	}
	f.evict = func(ctx context.Context, name string) error {
		f.ended(name, f.evicted)
		return in.Evict(ctx, name)
	}
	f.holders = func(ctx context.Context, name string) (driver.Occupancy, error) {
		o, err := in.Holders(ctx, name)
		for i, h := range o.Holders {
			o.Holders[i].Fence = f.own(driver.Grant{Name: name, Holder: h.ID}, true).Fence
		}
		return o, err
	}
	f.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
		f.before(ctx, req.Name)
		g, err := q.Enqueue(ctx, req, patience)
		return f.own(g, err == nil), err
	}
	f.look = func(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
		s, err := q.Look(ctx, name, client, patience)
		for i, g := range s.Grants {
			s.Grants[i] = f.own(g, true)
		}
		return s, err
	}
	f.listen = func(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
		return q.Listen(ctx, name, client, func(w driver.Wake) {
			w.Grant = f.own(w.Grant, w.Grant.Holder != "")
			wake(w)
		})
	}
	return f
}

// own returns g with the fencer's fence.
func (f *fencer) own(g driver.Grant, ok bool) driver.Grant {
	if !ok {
		return g
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.given[g.Holder] == 0 {
		f.last[g.Name]++
		f.given[g.Holder] = f.last[g.Name]
		f.active[g.Name] = true
	}
	g.Fence = f.given[g.Holder]
	return g
}

// before finds out whether the last lease on name has run out.
func (f *fencer) before(ctx context.Context, name string) {
	if name == "" {
		return
	}
	o, err := f.Store.Holders(ctx, name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && len(o.Holders) == 0 && f.active[name] {
		f.active[name] = false
		if f.expired != nil {
			f.expired(name)
		}
	}
}

// ended notes that a lease on name was ended on purpose.
func (f *fencer) ended(name string, hook func(string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active[name] = false
	if hook != nil {
		hook(name)
	}
}
