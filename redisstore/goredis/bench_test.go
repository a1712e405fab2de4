package goredis_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// BenchmarkUncontended is an acquire and a release of a name of the goroutine's own,
// beside the least that a lock on Redis can cost through this client: SET NX PX and
// DEL.
func BenchmarkUncontended(b *testing.B) {
	srv := startServer(b)
	client := srv.client()
	store := storeOn(b, client)
	ctx := b.Context()
	me := driver.NewClient()
	ways := map[string]func(name string) error{
		"raw": func(name string) error {
			if err := client.Do(ctx, "SET", name, me.NewHolder(), "NX", "PX", 30000).Err(); err != nil {
				return err
			}
			return client.Del(ctx, name).Err()
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
				if goroutines == 1 {
					for b.Loop() {
						if err := do("lock-0"); err != nil {
							b.Fatal(err)
						}
					}
					return
				}
				b.SetParallelism(goroutines / 2) // of 2 processors
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
