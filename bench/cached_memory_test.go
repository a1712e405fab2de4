package bench

import (
	"context"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/go-cachify/cachify"
)

type userKey struct {
	Region string
	ID     int
}

type user struct{ Name string }

func fetchUser(context.Context, userKey) (*user, error) { return &user{"Ada"}, nil }

// BenchmarkMemoryHit is a hit of a cached function, beside the Get of the cache
// engine behind it, in the same configuration.
func BenchmarkMemoryHit(b *testing.B) {
	ctx := context.Background()
	c := instance(b)
	arg := userKey{"eu", 42}
	hit := func(call func(context.Context, userKey) (*user, error)) func() {
		return func() {
			if u, err := call(ctx, arg); err != nil || u == nil {
				b.Fatal(u, err)
			}
		}
	}
	structKey := cachify.Must(cachify.Cached(c, "user-{region}-{id}", fetchUser, cachify.TTL(time.Hour)))
	ready := "eu-42"
	keyFunc := cachify.Must(cachify.Cached(c, "user2-{}", fetchUser, cachify.TTL(time.Hour),
		cachify.KeyFunc(func(userKey) string { return ready })))
	template := cachify.Must(cachify.Cached(c, "user3-{id}", func(context.Context, string) (*user, error) {
		return &user{"Ada"}, nil
	}, cachify.TTL(time.Hour)))

	type entry struct{ value any }
	engine := otter.Must(&otter.Options[string, *entry]{
		MaximumSize: 100_000,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(otter.Entry[string, *entry]) time.Duration {
			return time.Hour
		}),
	})
	b.Cleanup(func() { engine.StopAllGoroutines() })
	engine.Set("PYC-user-eu-42-cached", &entry{value: &user{"Ada"}})

	inTurn(b, "limit-engine-get", map[string]func(){
		"limit-engine-get": func() {
			if e, ok := engine.GetIfPresent("PYC-user-eu-42-cached"); !ok || e == nil {
				b.Fatal("missing")
			}
		},
		"struct-key":   hit(structKey.Call),
		"key-function": hit(keyFunc.Call),
		"template-key": func() {
			if u, err := template.Call(ctx, "eu-42"); err != nil || u == nil {
				b.Fatal(u, err)
			}
		},
	})
}
