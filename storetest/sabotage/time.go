package sabotage

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var timeSabotages = []Sabotage{
	{
		Name:     "ttl-in-seconds",
		Explains: "A lease's time to live is cut to whole seconds, and below one second to almost nothing, as where the engine counts in seconds.",
		Rule:     "lease-expires",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = withTTL(in, func(ttl time.Duration) time.Duration {
				if ttl < driver.MinTTL || ttl > driver.MaxTTL {
					return ttl
				}
				return max(driver.MinTTL, ttl.Truncate(time.Second))
			})
			return s
		},
	},
	{
		Name:     "never-expires",
		Explains: "A lease stays until it is released: a holder that dies blocks the name for ever.",
		Rule:     "lease-expires",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = withTTL(in, func(ttl time.Duration) time.Duration {
				if driver.ValidateTTL(ttl) != nil {
					return ttl
				}
				return driver.NoExpiry
			})
			return s
		},
	},
	{
		Name:     "zero-is-for-ever",
		Explains: "A time to live of zero or less means none, as in many engines: a mistake of the caller becomes a lock for ever.",
		Rule:     "request-invalid",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = withTTL(in, func(ttl time.Duration) time.Duration {
				if ttl <= 0 {
					return driver.NoExpiry
				}
				return ttl
			})
			return s
		},
	},
	{
		Name:     "sub-millisecond-taken",
		Explains: "A time to live below a millisecond is taken for one of a millisecond and not refused.",
		Rule:     "request-invalid",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = withTTL(in, func(ttl time.Duration) time.Duration {
				if ttl > 0 {
					return max(ttl, driver.MinTTL)
				}
				return ttl
			})
			return s
		},
	},
	{
		Name:     "reacquire-extends",
		Explains: "Acquire again with the same holder sets the whole time anew, though the caller counts from its first request.",
		Rule:     "reacquire-not-extended",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				_, again := holder(ctx, in, req.Name, req.Holder)
				g, err := in.Acquire(ctx, req)
				if err != nil || !again {
					return g, err
				}
				return in.Extend(ctx, g, req.TTL)
			}
			return s
		},
	},
	{
		Name:     "renewal-re-creates",
		Explains: "Extend of a lease that has run out makes it anew if the name is free, as a plain set does, though somebody else may have worked in between.",
		Rule:     "extend-after-expiry",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			var mu sync.Mutex
			requests := map[string]driver.AcquireRequest{}
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				g, err := in.Acquire(ctx, req)
				if err == nil {
					mu.Lock()
					requests[req.Holder] = req
					mu.Unlock()
				}
				return g, err
			}
			s.extend = func(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
				got, err := in.Extend(ctx, g, ttl)
				mu.Lock()
				req, ok := requests[g.Holder]
				mu.Unlock()
				if !ok || !errors.Is(err, driver.ErrLost) {
					return got, err
				}
				req.TTL = ttl
				if got, e := in.Acquire(ctx, req); e == nil {
					return got, nil
				}
				return got, err
			}
			return s
		},
	},
	{
		Name:     "extend-adds",
		Explains: "Extend adds to the time that is left and does not set it: a holder that renews often outlives its death by hours.",
		Rule:     "extend-sets",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.extend = func(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
				sum := ttl
				h, ok := holder(ctx, in, g.Name, g.Holder)
				if ok && driver.ValidateTTL(ttl) == nil && h.TTL < driver.MaxTTL/2 && ttl < driver.MaxTTL/2 {
					sum += h.TTL
				}
				got, err := in.Extend(ctx, g, sum)
				got.TTL -= sum - ttl
				return got, err
			}
			return s
		},
	},
	{
		Name:     "extend-only-longer",
		Explains: "Extend to a shorter time says yes and leaves the longer one.",
		Rule:     "extend-shorter",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.extend = func(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
				h, ok := holder(ctx, in, g.Name, g.Holder)
				if !ok || driver.ValidateTTL(ttl) != nil || h.TTL <= ttl {
					return in.Extend(ctx, g, ttl)
				}
				got, err := in.Extend(ctx, g, h.TTL)
				got.TTL = ttl
				return got, err
			}
			return s
		},
	},
	{
		Name:     "frozen-clock",
		Explains: "The readings of the store's clock in grants are always the same, so deadlines cannot be computed from them.",
		Rule:     "store-clock",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				g, err := in.Acquire(ctx, req)
				g.At = 0
				var held *driver.HeldError
				if errors.As(err, &held) {
					held.At = 0
				}
				return g, err
			}
			return s
		},
	},
}

// withTTL is in's Acquire with another time to live than the caller is told.
func withTTL(in driver.Store, change func(time.Duration) time.Duration) func(context.Context, driver.AcquireRequest) (driver.Grant, error) {
	return func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
		asked := req.TTL
		req.TTL = change(asked)
		g, err := in.Acquire(ctx, req)
		if err == nil && req.TTL != asked {
			g.TTL = asked
		}
		return g, err
	}
}
