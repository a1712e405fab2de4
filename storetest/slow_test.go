package storetest_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
	"github.com/go-cachify/cachify/storetest"
)

// far is a sound store at the end of a slow line: each request and each reply takes
// up to delay, and each push comes late and twice.
type far struct {
	near  *memstore.Store
	delay time.Duration
}

// line is one way over the line, on virtual time.
func (f far) line() { time.Sleep(rand.N(f.delay)) }

// over makes a call over the line.
func over[T any](f far, call func() (T, error)) (T, error) {
	f.line()
	defer f.line()
	return call()
}

func only(f far, call func() error) error {
	_, err := over(f, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

func (f far) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	return over(f, func() (driver.Grant, error) { return f.near.Acquire(ctx, req) })
}

func (f far) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	return over(f, func() (driver.Grant, error) { return f.near.Extend(ctx, g, ttl) })
}

func (f far) Release(ctx context.Context, g driver.Grant) error {
	return only(f, func() error { return f.near.Release(ctx, g) })
}

func (f far) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	return over(f, func() (driver.Occupancy, error) { return f.near.Holders(ctx, name) })
}

func (f far) Evict(ctx context.Context, name string) error {
	return only(f, func() error { return f.near.Evict(ctx, name) })
}

func (f far) Load(ctx context.Context, key string) (driver.Record, error) {
	return over(f, func() (driver.Record, error) { return f.near.Load(ctx, key) })
}

func (f far) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	return over(f, func() (driver.Version, error) { return f.near.Save(ctx, key, value, w) })
}

func (f far) Delete(ctx context.Context, key string, v driver.Version) error {
	return only(f, func() error { return f.near.Delete(ctx, key, v) })
}

func (f far) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	return over(f, func() (driver.Grant, error) { return f.near.Enqueue(ctx, req, patience) })
}

func (f far) Look(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
	return over(f, func() (driver.Sight, error) { return f.near.Look(ctx, name, client, patience) })
}

func (f far) Leave(ctx context.Context, name, holder string) error {
	return only(f, func() error { return f.near.Leave(ctx, name, holder) })
}

func (f far) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
	return over(f, func() (func(), error) {
		return f.near.Listen(ctx, name, client, func(w driver.Wake) {
			for range 2 {
				time.AfterFunc(rand.N(f.delay), func() { wake(w) })
			}
		})
	})
}

func (f far) Names(ctx context.Context, prefix string, limit int) ([]string, error) {
	return over(f, func() ([]string, error) { return f.near.Names(ctx, prefix, limit) })
}

func (f far) Ping(ctx context.Context) error {
	return only(f, func() error { return f.near.Ping(ctx) })
}

// A slow line is no reason to call a sound store broken, however little slack it is
// given: the rules count from before a request and from after a reply.
func TestSlowLineIsNoFault(t *testing.T) {
	for _, delay := range []time.Duration{2 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			h := storetest.Harness{
				New: func(context.Context) (driver.Store, func() error, error) {
					s, err := memstore.New(nil)
					if err != nil {
						return nil, nil, err
					}
					return far{s, delay}, s.Close, nil
				},
				Close: func(s driver.Store) error { return s.(far).near.Close() },
				Slack: 1,
			}
			synctest.Test(t, func(t *testing.T) {
				results, err := storetest.Check(t.Context(), h)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range results {
					if r.Err != nil {
						t.Errorf("%s: %v", r.Rule.Name, r.Err)
					}
				}
			})
		})
	}
}
