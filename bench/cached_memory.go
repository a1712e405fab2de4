package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dgraph-io/ristretto/v2"
	"github.com/jellydator/ttlcache/v3"
	"github.com/maypok86/otter/v2"
	"github.com/viccon/sturdyc"
	"golang.org/x/sync/singleflight"

	"github.com/go-cachify/cachify"
)

type userKey struct {
	Region string
	ID     int
}

type user struct{ Name string }

var errMissing = errors.New("the cache has lost what was put into it")

// found turns what a cache returns into an error, if it is not a user.
func found(u *user, err error) error {
	if err == nil && u == nil {
		err = errMissing
	}
	return err
}

func ada(context.Context, string) (*user, error) { return &user{"Ada"}, nil }

// memoryHit is a hit of a cached function beside the Get of the cache engine behind it,
// in the same configuration, and beside peers.
func memoryHit(l *lab) *Group {
	ctx := context.Background()
	const key = "PYC-user-eu-42-cached"
	c := l.inMemory()
	keyFunc := cachify.Must(cachify.Cached(c, "user-{}", func(context.Context, userKey) (*user, error) { return &user{"Ada"}, nil },
		cachify.TTL(time.Hour), cachify.KeyFunc(func(userKey) string { return "eu-42" })))
	one := cachify.Must(cachify.Cached(c, "user1-{id}", ada, cachify.TTL(time.Hour)))
	two := cachify.Must(cachify.Cached(c, "user2-{region}-{id}", func(context.Context, userKey) (*user, error) { return &user{"Ada"}, nil },
		cachify.TTL(time.Hour)))

	engine := l.engine()
	engine.Set(key, &engineEntry{value: &user{"Ada"}})

	sturdy := sturdyc.New[*user](100_000, 10, time.Hour, 10)
	risky, err := ristretto.NewCache(&ristretto.Config[string, *user]{NumCounters: 1_000_000, MaxCost: 100_000, BufferItems: 64})
	l.must(err)
	l.atEnd(risky.Close)
	risky.SetWithTTL(key, &user{"Ada"}, 1, time.Hour)
	risky.Wait()
	ttl := ttlcache.New(ttlcache.WithTTL[string, *user](time.Hour), ttlcache.WithCapacity[string, *user](100_000), ttlcache.WithDisableTouchOnHit[string, *user]())
	ttl.Set(key, &user{"Ada"}, ttlcache.DefaultTTL)
	hand := newHandMade()

	all := []struct {
		contestant
		hit func() error
	}{
		{contestant{name: "cachify, key function", kind: ours}, func() error { return found(keyFunc.Call(ctx, userKey{"eu", 42})) }},
		{contestant{name: "cachify, template of one string", kind: ours}, func() error { return found(one.Call(ctx, "eu-42")) }},
		{contestant{name: "cachify, template of two fields", kind: ours}, func() error { return found(two.Call(ctx, userKey{"eu", 42})) }},
		{contestant{name: "otter, the engine", kind: limit, module: "github.com/maypok86/otter/v2"}, func() error {
			if e, ok := engine.GetIfPresent(key); !ok || e == nil {
				return errMissing
			}
			return nil
		}},
		{contestant{name: "sturdyc GetOrFetch", kind: peer, module: "github.com/viccon/sturdyc"}, func() error {
			return found(sturdy.GetOrFetch(ctx, key, func(ctx context.Context) (*user, error) { return ada(ctx, key) }))
		}},
		{contestant{name: "ristretto Get", kind: peer, module: "github.com/dgraph-io/ristretto/v2"}, func() error {
			u, _ := risky.Get(key)
			return found(u, nil)
		}},
		{contestant{name: "ttlcache Get", kind: peer, module: "github.com/jellydator/ttlcache/v3"}, func() error {
			if item := ttl.Get(key); item == nil {
				return errMissing
			}
			return nil
		}},
		{contestant{name: "map + singleflight", kind: peer, module: "golang.org/x/sync"}, func() error {
			return found(hand.get(ctx, key))
		}},
	}
	var contestants []contestant
	for _, x := range all {
		x.measure = l.timed(x.hit)
		contestants = append(contestants, x.contestant)
	}
	return l.inTurn(&Group{
		Section: sectionCached, Title: "A hit in memory",
		About: "One key that is there, one goroutine. The engine has the configuration that cachify gives it, and both it and ristretto are " +
			"handed a key that is ready, as is sturdyc; cachify makes its key of the function's argument each time. ttlcache does not " +
			"extend the time to live at each hit. The map is guarded by a read-write mutex, bounded by nothing, and its expiry is looked at.",
		What: "a hit", Unit: "ns", Subject: "cachify, key function", Columns: []Column{allocations},
	}, 21, contestants)
}

// engineEntry is what memstore keeps in its engine, as far as the cost goes.
type engineEntry struct{ value any }

const engineSize = 2_000_000 // entries

// engine returns the cache engine of memstore, in the configuration that it has there.
func (l *lab) engine() *otter.Cache[string, *engineEntry] {
	engine := otter.Must(&otter.Options[string, *engineEntry]{
		MaximumSize:      engineSize,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(otter.Entry[string, *engineEntry]) time.Duration { return time.Hour }),
	})
	l.atEnd(func() { engine.StopAllGoroutines() })
	return engine
}

// handMade is what one writes who takes no library: a map, and singleflight for misses.
type handMade struct {
	mu     sync.RWMutex
	values map[string]handMadeEntry
	flight singleflight.Group
}

type handMadeEntry struct {
	user    *user
	expires time.Time
}

func newHandMade() *handMade { return &handMade{values: make(map[string]handMadeEntry)} }

func (h *handMade) get(ctx context.Context, key string) (*user, error) {
	h.mu.RLock()
	e, ok := h.values[key]
	h.mu.RUnlock()
	if ok && time.Now().Before(e.expires) {
		return e.user, nil
	}
	u, err, _ := h.flight.Do(key, func() (any, error) {
		u, err := ada(ctx, key)
		if err != nil {
			return nil, err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.values[key] = handMadeEntry{u, time.Now().Add(time.Hour)}
		return u, nil
	})
	if err != nil {
		return nil, err
	}
	return u.(*user), nil
}
