package sabotage

import (
	"context"
	"errors"
	"sync"

	"github.com/go-cachify/cachify/driver"
)

var limitSabotages = []Sabotage{
	{
		Name:     "limit-ignored",
		Explains: "A client that believes in another number of slots is let in under the one in force.",
		Rule:     "limit-mismatch",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				g, err := in.Acquire(ctx, req)
				var limit *driver.LimitError
				if !errors.As(err, &limit) || req.Slots > limit.Have {
					return g, err
				}
				req.Limit = limit.Have
				return in.Acquire(ctx, req)
			}
			return s
		},
	},
	{
		Name:     "limit-for-ever",
		Explains: "The first limit of a name is in force for ever, also when nobody holds it: a new version of a program cannot change the size of its pool.",
		Rule:     "limit-free-again",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			var mu sync.Mutex
			first := map[string]int{}
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				mu.Lock()
				defer mu.Unlock()
				if have := first[req.Name]; have != 0 && have != req.Limit && req.Validate() == nil {
					return driver.Grant{}, &driver.LimitError{Name: req.Name, Want: req.Limit, Have: have}
				}
				g, err := in.Acquire(ctx, req)
				if err == nil {
					first[req.Name] = req.Limit
				}
				return g, err
			}
			return s
		},
	},
	{
		Name:     "weight-of-one",
		Explains: "A request for several slots is counted as one, as where the holders are counted and not their slots.",
		Rule:     "weights",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				if req.Validate() != nil {
					return in.Acquire(ctx, req)
				}
				slots := req.Slots
				req.Slots = 1
				g, err := in.Acquire(ctx, req)
				if err == nil {
					g.Slots = slots
				}
				return g, err
			}
			return s
		},
	},
	{
		Name:     "one-too-many",
		Explains: "A pool lets one more in than it has slots, as where the comparison is off by one.",
		Rule:     "pool-limit",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				if req.Limit > 1 && req.Limit < driver.MaxLimit {
					req.Limit++
				}
				return in.Acquire(ctx, req)
			}
			return s
		},
	},
}
