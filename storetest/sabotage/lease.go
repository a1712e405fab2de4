package sabotage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var leaseSabotages = []Sabotage{
	{
		Name:     "lax-release",
		Explains: "Release frees the name whoever holds it, as a plain delete does: a late holder frees the next one's lock.",
		Rule:     "stale-release",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.release = func(ctx context.Context, g driver.Grant) error {
				err := in.Release(ctx, g)
				if !errors.Is(err, driver.ErrLost) {
					return err
				}
				o, e := in.Holders(ctx, g.Name)
				if e != nil || len(o.Holders) == 0 {
					return err
				}
				err = nil
				for _, h := range o.Holders {
					err = errors.Join(err, in.Release(ctx, driver.Grant{Name: g.Name, Holder: h.ID}))
				}
				return err
			}
			return s
		},
	},
	{
		Name:     "quiet-release",
		Explains: "Release of a lost lease returns nil: a holder never learns that it was not alone.",
		Rule:     "stale-release",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.release = func(ctx context.Context, g driver.Grant) error {
				err := in.Release(ctx, g)
				if errors.Is(err, driver.ErrLost) {
					return nil
				}
				return err
			}
			return s
		},
	},
	{
		Name:     "release-by-fence",
		Explains: "Release wants the fence of the grant, too: a caller whose reply was lost cannot release what it holds.",
		Rule:     "release-bare-grant",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.release = func(ctx context.Context, g driver.Grant) error {
				if h, ok := holder(ctx, in, g.Name, g.Holder); ok && h.Fence != g.Fence {
					return driver.ErrLost
				}
				return in.Release(ctx, g)
			}
			return s
		},
	},
	{
		Name:     "extend-echoes",
		Explains: "Extend returns the grant it was given with another time, and not the lease: what the caller did not know it still does not know.",
		Rule:     "extend-bare-grant",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.extend = func(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
				got, err := in.Extend(ctx, g, ttl)
				if err == nil {
					g.TTL, g.At = got.TTL, got.At
				}
				return g, err
			}
			return s
		},
	},
	{
		Name:     "double-grant",
		Explains: "A second holder is let in beside the first, as when two nodes of a split store both say yes.",
		Rule:     "exclusion",
		Wrap:     doubleGrant,
	},
	{
		Name:     "reacquire-refused",
		Explains: "Acquire again with the same holder is refused like anybody's: a request whose reply was lost leaves the name held by nobody who knows.",
		Rule:     "reacquire-same-lease",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				if h, ok := holder(ctx, in, req.Name, req.Holder); ok {
					return driver.Grant{}, &driver.HeldError{Name: req.Name, Holder: h.ID, RetryAfter: h.TTL}
				}
				return in.Acquire(ctx, req)
			}
			return s
		},
	},
	{
		Name:     "ignores-ctx",
		Explains: "A ctx that has ended does not keep the store from acting: a caller that has gone becomes a holder.",
		Rule:     "ctx-ended",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				return in.Acquire(context.WithoutCancel(ctx), req)
			}
			s.release = func(ctx context.Context, g driver.Grant) error {
				return in.Release(context.WithoutCancel(ctx), g)
			}
			s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
				return in.Save(context.WithoutCancel(ctx), key, value, w)
			}
			return s
		},
	},
	{
		Name:     "trims-names",
		Explains: "Blanks around a name are dropped, so that two names are one, as with columns of fixed width.",
		Rule:     "odd-names",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				name := req.Name
				req.Name = strings.TrimSpace(name)
				g, err := in.Acquire(ctx, req)
				if err == nil {
					g.Name = name
				}
				var held *driver.HeldError
				if errors.As(err, &held) {
					held.Name = name
				}
				return g, err
			}
			s.release = func(ctx context.Context, g driver.Grant) error {
				g.Name = strings.TrimSpace(g.Name)
				return in.Release(ctx, g)
			}
			s.holders = func(ctx context.Context, name string) (driver.Occupancy, error) {
				return in.Holders(ctx, strings.TrimSpace(name))
			}
			return s
		},
	},
	{
		Name:     "hasty-refusal",
		Explains: "A refusal tells to ask again at once, so that waiters ask all the time.",
		Rule:     "held-error",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				g, err := in.Acquire(ctx, req)
				var held *driver.HeldError
				if errors.As(err, &held) {
					held.RetryAfter = 0
				}
				return g, err
			}
			return s
		},
	},
	{
		Name:     "newest-first",
		Explains: "Holders lists the newest holder first, so that whoever blocks a name longest is overlooked.",
		Rule:     "holders-order",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.holders = func(ctx context.Context, name string) (driver.Occupancy, error) {
				o, err := in.Holders(ctx, name)
				o.Holders = slices.Clone(o.Holders)
				slices.Reverse(o.Holders)
				return o, err
			}
			return s
		},
	},
	{
		Name:     "endless-names",
		Explains: "Names lists all there are, whatever the limit.",
		Rule:     "names",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.names = func(ctx context.Context, prefix string, _ int) ([]string, error) {
				return s.caps.Inspect.Names(ctx, prefix, 1_000_000)
			}
			return s
		},
	},
	{
		Name:     "vague-when-closed",
		Explains: "A closed store returns some error, not ErrClosed, and a caller takes it for an outage.",
		Rule:     "closed",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				g, err := in.Acquire(ctx, req)
				if errors.Is(err, driver.ErrClosed) {
					err = errors.New("use of closed connection")
				}
				return g, err
			}
			return s
		},
	},
}

// holder returns what in tells of one holder of name.
func holder(ctx context.Context, in driver.Store, name, id string) (driver.Holder, bool) {
	if name == "" {
		return driver.Holder{}, false
	}
	o, err := in.Holders(ctx, name)
	i := slices.IndexFunc(o.Holders, func(h driver.Holder) bool { return h.ID == id })
	if err != nil || i < 0 {
		return driver.Holder{}, false
	}
	return o.Holders[i], true
}

// doubleGrant keeps second holders under a second name.
func doubleGrant(in driver.Store) driver.Store {
	s := over(in)
	second := func(name string) string { return name + "\x00second" }
	var seconds sync.Map // holders under a second name

	s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
		g, err := in.Acquire(ctx, req)
		if !errors.Is(err, driver.ErrHeld) {
			return g, err
		}
		name := req.Name
		req.Name = second(name)
		if g, e := in.Acquire(ctx, req); e == nil {
			seconds.Store(req.Holder, true)
			g.Name = name
			return g, nil
		}
		return g, err
	}
	s.extend = func(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
		if _, ok := seconds.Load(g.Holder); !ok {
			return in.Extend(ctx, g, ttl)
		}
		name := g.Name
		g.Name = second(name)
		g, err := in.Extend(ctx, g, ttl)
		if err == nil {
			g.Name = name
		}
		return g, err
	}
	s.release = func(ctx context.Context, g driver.Grant) error {
		if _, ok := seconds.Load(g.Holder); ok {
			g.Name = second(g.Name)
		}
		return in.Release(ctx, g)
	}
	return s
}
