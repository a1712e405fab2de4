package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// cache is a cached function. All clients make those of one key alike.
type cache struct {
	*cachify.CachedFunc[int, string]
	key string
	ttl time.Duration
}

var errNoValue = errors.New("the function has failed")

// makeCaches makes a function for each key. Their results are kept for different
// times, some as they are and some encoded; every second one is loaded by one client at
// a time.
func (r *client) makeCaches() error {
	for i := range r.Keys {
		c := &cache{key: r.name("cached", i)}
		c.ttl = r.MinExpiry + (r.MaxExpiry-r.MinExpiry)*time.Duration(i+1)/time.Duration(2*r.Keys)
		opts := []cachify.CacheOption{cachify.TTL(c.ttl)}
		if i%2 == 1 {
			opts = append(opts, cachify.LoadLock())
		}
		if i%3 == 2 {
			opts = append(opts, cachify.WithCodec(cachify.JSON()))
		}
		var err error
		c.CachedFunc, err = cachify.Cached(r.c, r.Prefix+"cached{}", func(ctx context.Context, _ int) (string, error) {
			return r.compute(ctx, c)
		}, opts...)
		if err != nil {
			return err
		}
		r.caches = append(r.caches, c)
	}
	return nil
}

// costKey is where a call's ctx says how long the function is to take.
type costKey struct{}

type cost struct {
	takes time.Duration
	fails bool
}

// compute is the function. No two runs return the same.
func (r *client) compute(ctx context.Context, c *cache) (string, error) {
	e := history.Event{Layer: history.User, Op: history.Run, Verb: history.Cached, Key: c.key}
	id := r.rec.Call(e)
	want, _ := ctx.Value(costKey{}).(cost)
	err := sleep(ctx, want.takes)
	if err == nil && want.fails {
		err = errNoValue
	}
	e = ended(e, err)
	if err == nil {
		e.Value = fmt.Sprintf("%s/%d", r.Client, id)
	}
	r.rec.Return(id, e)
	return e.Value, err
}

// cached calls a cached function, or resets it.
func (r *client) cached(ctx context.Context, p plan) {
	i := p.key(&r.Config)
	c := r.caches[i]
	if p.chance(12) {
		e := history.Event{Layer: history.User, Op: history.Reset, Verb: history.Cached, Key: c.key}
		id := r.rec.Call(e)
		r.rec.Return(id, ended(e, c.Reset(ctx, i)))
		return
	}
	do := c.Call
	if p.chance(8) {
		do = c.Refresh
	}
	ctx = context.WithValue(ctx, costKey{}, cost{takes: p.upTo(r.MaxHold), fails: p.chance(5)})
	if p.chance(10) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.upTo(r.MaxHold))
		defer cancel()
	}
	e := history.Event{Layer: history.User, Op: history.Get, Verb: history.Cached, Key: c.key, TTL: c.ttl}
	id := r.rec.Call(e)
	v, err := do(ctx, i)
	e = ended(e, err)
	e.Value = v
	r.rec.Return(id, e)
}
