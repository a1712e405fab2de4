package redisstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
)

// BenchmarkUncontended is an acquire and a release of a name of the goroutine's
// own, beside the least that a lock on Redis can cost: SET NX PX and DEL.
func BenchmarkUncontended(b *testing.B) {
	srv := startServer(b)
	store, client := srv.store(), srv.client()
	ctx := b.Context()
	me := driver.NewClient()
	ways := map[string]func(name string) error{
		"raw": func(name string) error {
			err := client.Do(ctx, client.B().Set().Key(name).Value(me.NewHolder()).Nx().PxMilliseconds(30000).Build()).Error()
			if err != nil {
				return err
			}
			return client.Do(ctx, client.B().Del().Key(name).Build()).Error()
		},
		"store": func(name string) error {
			g, err := store.Acquire(ctx, driver.AcquireRequest{
				Name: name, Holder: me.NewHolder(), Limit: 1, Slots: 1, TTL: 30 * time.Second,
			})
			if err != nil {
				return err
			}
			return store.Release(ctx, g)
		},
	}
	for _, what := range []string{"raw", "store"} {
		for _, goroutines := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s-%d", what, goroutines), func(b *testing.B) {
				do := ways[what]
				var n atomic.Int64
				b.ReportAllocs()
				b.SetParallelism(max(1, goroutines/2)) // of 2 processors
				if goroutines == 1 {
					for b.Loop() {
						if err := do("lock-0"); err != nil {
							b.Fatal(err)
						}
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					name := "lock-" + strconv.FormatInt(n.Add(1), 10)
					for pb.Next() {
						if err := do(name); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// BenchmarkLoad is a hit, beside GET.
func BenchmarkLoad(b *testing.B) {
	srv := startServer(b)
	store, client := srv.store(), srv.client()
	ctx := b.Context()
	if _, err := store.Save(ctx, "key", make([]byte, 200), driver.Write{TTL: time.Hour}); err != nil {
		b.Fatal(err)
	}
	ways := map[string]func() error{
		"raw": func() error { return client.Do(ctx, client.B().Get().Key("key").Build()).Error() },
		"multi": func() error {
			rs := client.DoMulti(ctx, client.B().Get().Key("key").Build(), client.B().Pttl().Key("key").Build())
			return rs[0].Error()
		},
		"store": func() error { _, err := store.Load(ctx, "key"); return err },
	}
	for _, what := range []string{"raw", "multi", "store"} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := ways[what](); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkHandOver is the time from a release to the moment at which the waiter in
// another client hears, beside that of a bare PUBLISH. An operation is all that
// leads there; what counts are p50-µs and p99-µs.
func BenchmarkHandOver(b *testing.B) {
	srv := startServer(b)
	ctx := b.Context()
	heard := make(chan time.Time, 1)
	hear := func() { heard <- time.Now() }
	measure := func(b *testing.B, prepare func() (send func() error, tidy func() error)) {
		var took []time.Duration
		for b.Loop() {
			send, tidy := prepare()
			start := time.Now()
			if err := send(); err != nil {
				b.Fatal(err)
			}
			took = append(took, (<-heard).Sub(start))
			if err := tidy(); err != nil {
				b.Fatal(err)
			}
		}
		slices.Sort(took)
		for _, p := range []int{50, 99} {
			b.ReportMetric(float64(took[len(took)*p/100].Nanoseconds())/1000, fmt.Sprintf("p%d-µs", p))
		}
	}

	b.Run("publish", func(b *testing.B) {
		sender, receiver := srv.client(), srv.client()
		conn, done := receiver.Dedicate()
		defer done()
		conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(rueidis.PubSubMessage) { hear() }})
		if err := conn.Do(ctx, conn.B().Subscribe().Channel("channel").Build()).Error(); err != nil {
			b.Fatal(err)
		}
		measure(b, func() (send, tidy func() error) {
			return func() error {
				return sender.Do(ctx, sender.B().Publish().Channel("channel").Message("x").Build()).Error()
			}, func() error { return nil }
		})
	})
	b.Run("store", func(b *testing.B) {
		from, to, me, other := srv.store(), srv.store(), driver.NewClient(), driver.NewClient()
		stop, err := to.Listen(ctx, "job", other.ID(), func(driver.Wake) { hear() })
		if err != nil {
			b.Fatal(err)
		}
		defer stop()
		measure(b, func() (send, tidy func() error) {
			g, err := from.Acquire(ctx, request(me, "job"))
			if err != nil {
				b.Fatal(err)
			}
			next := request(other, "job")
			if _, err := to.Enqueue(ctx, next, time.Minute); !errors.Is(err, driver.ErrHeld) {
				b.Fatal(err)
			}
			return func() error { return from.Release(ctx, g) },
				func() error { return to.Release(ctx, driver.Grant{Name: "job", Holder: next.Holder}) }
		})
	})
}
