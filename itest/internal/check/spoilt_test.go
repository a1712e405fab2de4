package check

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// spoilt is a store that breaks a promise.
type spoilt struct {
	driver.Queuer
	acquire func(context.Context, driver.AcquireRequest) (driver.Grant, error)
	enqueue func(context.Context, driver.AcquireRequest, time.Duration) (driver.Grant, error)
	extend  func(context.Context, driver.Grant, time.Duration) (driver.Grant, error)
	release func(context.Context, driver.Grant) error
	load    func(context.Context, string) (driver.Record, error)
	save    func(context.Context, string, []byte, driver.Write) (driver.Version, error)
}

func (s *spoilt) Acquire(ctx context.Context, r driver.AcquireRequest) (driver.Grant, error) {
	return s.acquire(ctx, r)
}

func (s *spoilt) Enqueue(ctx context.Context, r driver.AcquireRequest, p time.Duration) (driver.Grant, error) {
	return s.enqueue(ctx, r, p)
}

func (s *spoilt) Extend(ctx context.Context, g driver.Grant, d time.Duration) (driver.Grant, error) {
	return s.extend(ctx, g, d)
}
func (s *spoilt) Release(ctx context.Context, g driver.Grant) error { return s.release(ctx, g) }
func (s *spoilt) Load(ctx context.Context, key string) (driver.Record, error) {
	return s.load(ctx, key)
}

func (s *spoilt) Save(ctx context.Context, key string, v []byte, w driver.Write) (driver.Version, error) {
	return s.save(ctx, key, v, w)
}

// Stores that break a promise are told from ideal ones, also where the outcome of some
// requests is unknown.
func TestSpoiltStores(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []string // one of them, at least
		spoil func(s *spoilt, in driver.Queuer)
	}{
		{"a release without a look at the owner", []string{"linearizable-leases"}, func(s *spoilt, in driver.Queuer) {
			s.release = func(ctx context.Context, g driver.Grant) error { return in.Evict(ctx, g.Name) }
		}},
		{"a renewal that makes the lease anew", []string{"linearizable-leases"}, func(s *spoilt, in driver.Queuer) {
			s.extend = func(ctx context.Context, g driver.Grant, d time.Duration) (driver.Grant, error) {
				n, err := in.Extend(ctx, g, d)
				if errors.Is(err, driver.ErrLost) {
					if n, err := in.Acquire(ctx, driver.AcquireRequest{Name: g.Name, Holder: g.Holder, Limit: 1, Slots: 1, TTL: d}); err == nil {
						return n, nil
					}
				}
				return n, err
			}
		}},
		{"a fence that restarts", []string{"fences-rise", "linearizable-leases"}, func(s *spoilt, in driver.Queuer) {
			s.acquire = func(ctx context.Context, r driver.AcquireRequest) (driver.Grant, error) {
				g, err := in.Acquire(ctx, r)
				g.Fence %= 1000
				return g, err
			}
		}},
		{"leases that end too soon", []string{"linearizable-leases"}, func(s *spoilt, in driver.Queuer) {
			s.acquire = func(ctx context.Context, r driver.AcquireRequest) (driver.Grant, error) {
				r.TTL = max(r.TTL/2, driver.MinTTL)
				return in.Acquire(ctx, r)
			}
		}},
		{"waiters who are forgotten", []string{"linearizable-leases"}, func(s *spoilt, in driver.Queuer) {
			s.enqueue = func(ctx context.Context, r driver.AcquireRequest, p time.Duration) (driver.Grant, error) {
				g, err := in.Enqueue(ctx, r, p)
				if errors.Is(err, driver.ErrHeld) {
					_ = in.Leave(ctx, r.Name, r.Holder)
				}
				return g, err
			}
		}},
		{"values that come back", []string{"linearizable-records"}, func(s *spoilt, in driver.Queuer) {
			var mu sync.Mutex
			last := make(map[string]driver.Record)
			s.load = func(ctx context.Context, key string) (driver.Record, error) {
				r, err := in.Load(ctx, key)
				mu.Lock()
				defer mu.Unlock()
				if old, ok := last[key]; ok && err != nil {
					return old, nil
				}
				last[key] = r
				return r, err
			}
		}},
		{"conditions that are not looked at", []string{"linearizable-records"}, func(s *spoilt, in driver.Queuer) {
			s.save = func(ctx context.Context, key string, v []byte, w driver.Write) (driver.Version, error) {
				return in.Save(ctx, key, v, driver.Write{TTL: w.TTL})
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, unknown := range []int{0, 3} {
				found := 0
				for seed := range uint64(20) {
					store := ideal{seed: seed, clients: 3, ops: 40, unknown: unknown, spoil: func(in driver.Store) driver.Store {
						q := in.(driver.Queuer)
						s := &spoilt{q, q.Acquire, q.Enqueue, q.Extend, q.Release, q.Load, q.Save}
						c.spoil(s, q)
						return s
					}}
					r := Run(store.run(t), Config{End: history.Forever})
					if slices.ContainsFunc(rulesOf(r), func(rule string) bool { return slices.Contains(c.rules, rule) }) {
						found++
					}
				}
				if found < 10 {
					t.Errorf("with %d%% unknown, %d of 20 histories showed it, want half of them at least", unknown, found)
				}
			}
		})
	}
}
