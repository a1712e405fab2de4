package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	gocache "github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
	"github.com/viccon/sturdyc"
	"golang.org/x/sync/singleflight"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/redisstore"
)

const (
	stormProcesses  = 4
	stormGoroutines = 1000
	stormFunction   = 100 * time.Millisecond // how long the function takes
)

// missStorm counts how often the function of a cached call runs if 1,000 goroutines in
// each of four processes want the same key, which is not there.
func missStorm(l *lab) *Group {
	srv, dir := l.redis(), l.dir()
	goroutines := l.size(stormGoroutines)
	g := &Group{
		Section: sectionCached, Title: fmt.Sprintf("A storm of misses: %s goroutines × %d processes", number(float64(goroutines)), stormProcesses),
		About: fmt.Sprintf("All want one key that is not there, at once. How often did the function run, which takes %v? "+
			"Time: until the last goroutine had the result.", stormFunction),
		What: "runs of the function", Unit: "", Columns: []Column{{Key: "ms", Title: "time", Unit: "ms"}},
	}
	var all []contestant
	for _, s := range []struct {
		name     string
		kind     kind
		module   string
		argument string
	}{
		{"cachify on Redis", ours, "", "redis " + srv.addr},
		{"cachify on Redis, LoadLock", ours, "", "redis-load-lock " + srv.addr},
		{"cachify on SQLite, LoadLock", ours, "", "sqlite-load-lock " + dir},
		{"go-redis/cache", peer, goRedisCacheModule, "go-redis-cache " + srv.addr},
		{"sturdyc, memory only", peer, "github.com/viccon/sturdyc", "sturdyc"},
		{"singleflight, remembers nothing", peer, "golang.org/x/sync", "singleflight"},
	} {
		crowd := l.children(stormProcesses, "storming", s.argument)
		all = append(all, contestant{s.name, s.kind, s.module, func() sample {
			sum := stormed{}
			for _, a := range askAll[stormed](l, crowd, fmt.Sprintf("%d storm-%d", goroutines, newKey.Add(1))) {
				sum.Runs += a.Runs
				sum.Millis = max(sum.Millis, a.Millis)
			}
			return sample{sum.Runs, map[string]float64{"ms": sum.Millis}}
		}})
	}
	return l.inTurn(g, 7, all)
}

type stormed struct{ Runs, Millis float64 }

// storming is the role of a process in the storm. It is asked "GOROUTINES KEY".
func storming(l *lab, argument string) func(string) any {
	kind, where, _ := strings.Cut(argument, " ")
	var runs atomic.Int64
	load := func(context.Context, string) (*user, error) {
		runs.Add(1)
		work := time.NewTimer(stormFunction)
		<-work.C
		return &user{"Ada"}, nil
	}
	get := l.stormCache(kind, where, load)
	return func(request string) any {
		n, key, _ := strings.Cut(request, " ")
		runs.Store(0)
		start := time.Now()
		l.must(crowd(atoi(n), func(int) error { return found(get(context.Background(), key)) }))
		return stormed{float64(runs.Load()), time.Since(start).Seconds() * 1000}
	}
}

type loader = func(context.Context, string) (*user, error)

func (l *lab) stormCache(kind, where string, load loader) loader {
	cached := func(c *cachify.Cachify, opts ...cachify.CacheOption) loader {
		return cachify.Must(cachify.Cached(c, "storm-{key}", load, append(opts, cachify.TTL(time.Hour))...)).Call
	}
	switch kind {
	case "redis":
		return cached(l.onRedis(redisstore.Options{URL: "redis://" + where}))
	case "redis-load-lock":
		return cached(l.onRedis(redisstore.Options{URL: "redis://" + where}), cachify.LoadLock())
	case "sqlite-load-lock":
		return cached(l.onSQLite(where), cachify.LoadLock())
	case "go-redis-cache":
		client := redis.NewClient(&redis.Options{Addr: where})
		l.atEnd(func() { _ = client.Close() })
		c := gocache.New(&gocache.Options{Redis: client})
		return func(ctx context.Context, key string) (*user, error) {
			u := new(user)
			return u, c.Once(&gocache.Item{Ctx: ctx, Key: key, Value: u, TTL: time.Hour, Do: func(*gocache.Item) (any, error) { return load(ctx, key) }})
		}
	case "sturdyc":
		c := sturdyc.New[*user](100_000, 10, time.Hour, 10)
		return func(ctx context.Context, key string) (*user, error) {
			return c.GetOrFetch(ctx, key, func(ctx context.Context) (*user, error) { return load(ctx, key) })
		}
	case "singleflight":
		var flight singleflight.Group
		return func(ctx context.Context, key string) (*user, error) {
			u, err, _ := flight.Do(key, func() (any, error) { return load(ctx, key) })
			if err != nil {
				return nil, err
			}
			return u.(*user), nil
		}
	}
	l.fail("there is no cache %q", kind)
	return nil
}
