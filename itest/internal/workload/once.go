package workload

import (
	"context"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// once runs a function unless it runs elsewhere.
func (r *client) once(ctx context.Context, p plan) {
	key := r.name(string(history.Once), p.key(&r.Config))
	ttl := max(p.between(r.MinExpiry, r.MaxExpiry), driver.MinTTL)
	opts := []cachify.OnceOption{cachify.Expiry(ttl)}
	keepAlive := p.chance(40)
	if keepAlive {
		opts = append(opts, cachify.KeepAlive())
	}
	if p.chance(10) {
		opts = append(opts, cachify.MinHold(p.between(driver.MinTTL, ttl)))
	}
	takes, obedient := p.upTo(r.MaxHold), p.chance(60)
	if p.chance(20) {
		takes = p.upTo(2 * ttl)
	}
	_, _ = r.c.Once(key, opts...).Do(ctx, func(under context.Context) error {
		e := history.Event{Layer: history.User, Op: history.Run, Verb: history.Once, Key: key, TTL: ttl, KeepAlive: keepAlive}
		id := r.rec.Call(e)
		r.busy.Add(1)
		unhook := context.AfterFunc(under, func() {
			defer r.busy.Done()
			r.noteEnd(context.Cause(under), history.Event{Verb: history.Once, Key: key, Lease: id})
		})
		if obedient {
			_ = sleep(under, takes)
		} else {
			_ = sleep(ctx, takes)
		}
		r.rec.Return(id, ended(e, context.Cause(under)))
		if unhook() {
			r.busy.Done()
		}
		return nil
	})
}
