package main

import (
	"context"
	"encoding/json"
	"time"

	gocache "github.com/go-redis/cache/v9"
	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/redisstore"
)

const goRedisCacheModule = "github.com/go-redis/cache/v9"

// redisHit is a hit whose result is on Redis, with a copy in the process or without.
func redisHit(near bool) func(l *lab) *Group {
	return func(l *lab) *Group {
		srv, ctx := l.redis(), context.Background()
		g := &Group{
			Section: sectionCached, Title: "A hit on Redis, without copies in the process",
			About: "One goroutine, one key; the result is small and decoded each time: JSON, by go-redis/cache msgpack.",
			What:  "a hit", Unit: "ns", Subject: "cachify", Columns: []Column{allocations},
		}
		opts := redisstore.Options{URL: srv.url()}
		var local gocache.LocalCache
		if near {
			g.Title = "A hit on Redis, with copies in the process"
			g.About += " Copies of cachify and rueidis are dropped when the server says that they are out of date; those of " +
				"go-redis/cache are used for a minute, whatever happens on the server."
			opts.NearCache = &redisstore.NearCache{}
			local = gocache.NewTinyLFU(1000, time.Minute)
		}
		cached := cachify.Must(cachify.Cached(l.onRedis(opts), "user-{id}", ada, cachify.TTL(time.Hour)))
		all := []contestant{
			{"cachify", ours, "", l.timed(func() error { return found(cached.Call(ctx, "eu-42")) })},
			{"rueidis GET", limit, rueidisModule, l.timed(l.rueidisHit(srv, near))},
			{"go-redis/cache", peer, goRedisCacheModule, l.timed(l.goRedisHit(srv, local))},
		}
		if near {
			all[1].name, all[1].kind = "rueidis DoCache", peer
		}
		return l.inTurn(g, 15, all)
	}
}

func (l *lab) rueidisHit(srv *redisServer, near bool) func() error {
	opt := srv.option()
	opt.DisableCache = !near
	client, err := rueidis.NewClient(opt)
	l.must(err)
	l.atEnd(client.Close)
	ctx := context.Background()
	l.must(client.Do(ctx, client.B().Set().Key("rueidis").Value(`{"Name":"Ada"}`).ExSeconds(3600).Build()).Error())
	return func() error {
		var reply rueidis.RedisResult
		if near {
			reply = client.DoCache(ctx, client.B().Get().Key("rueidis").Cache(), time.Hour)
		} else {
			reply = client.Do(ctx, client.B().Get().Key("rueidis").Build())
		}
		text, err := reply.AsBytes()
		if err != nil {
			return err
		}
		return json.Unmarshal(text, new(user))
	}
}

func (l *lab) goRedisHit(srv *redisServer, local gocache.LocalCache) func() error {
	c := gocache.New(&gocache.Options{Redis: newGoRedis(l, srv), LocalCache: local})
	ctx := context.Background()
	return func() error {
		u := new(user)
		return c.Once(&gocache.Item{Ctx: ctx, Key: "go-redis", Value: u, TTL: time.Hour, Do: func(*gocache.Item) (any, error) {
			return &user{"Ada"}, nil
		}})
	}
}
