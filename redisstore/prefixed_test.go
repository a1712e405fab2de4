package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

// prefixed puts a prefix before all names and keys, as an instance of cachify does.
// So the suite can run as a user who has rights on those only.
type prefixed struct {
	*redisstore.Store
	prefix string
}

func (p prefixed) grant(g driver.Grant, err error) (driver.Grant, error) {
	g.Name = strings.TrimPrefix(g.Name, p.prefix)
	return g, p.err(err)
}

func (p prefixed) err(err error) error {
	var held *driver.HeldError
	var limit *driver.LimitError
	switch {
	case errors.As(err, &held):
		held.Name = strings.TrimPrefix(held.Name, p.prefix)
	case errors.As(err, &limit):
		limit.Name = strings.TrimPrefix(limit.Name, p.prefix)
	}
	return err
}

// key leaves an empty one empty, which the store refuses.
func (p prefixed) key(key string) string {
	if key == "" {
		return ""
	}
	return p.prefix + key
}

func (p prefixed) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	req.Name = p.key(req.Name)
	return p.grant(p.Store.Acquire(ctx, req))
}

func (p prefixed) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	req.Name = p.key(req.Name)
	return p.grant(p.Store.Enqueue(ctx, req, patience))
}

func (p prefixed) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	g.Name = p.key(g.Name)
	return p.grant(p.Store.Extend(ctx, g, ttl))
}

func (p prefixed) Release(ctx context.Context, g driver.Grant) error {
	g.Name = p.key(g.Name)
	return p.Store.Release(ctx, g)
}

func (p prefixed) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	return p.Store.Holders(ctx, p.key(name))
}

func (p prefixed) Evict(ctx context.Context, name string) error {
	return p.Store.Evict(ctx, p.key(name))
}

func (p prefixed) Look(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
	sight, err := p.Store.Look(ctx, p.key(name), client, patience)
	for i := range sight.Grants {
		sight.Grants[i].Name = strings.TrimPrefix(sight.Grants[i].Name, p.prefix)
	}
	return sight, err
}

func (p prefixed) Leave(ctx context.Context, name, holder string) error {
	return p.Store.Leave(ctx, p.key(name), holder)
}

func (p prefixed) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
	return p.Store.Listen(ctx, p.key(name), client, func(w driver.Wake) {
		w.Grant.Name = strings.TrimPrefix(w.Grant.Name, p.prefix)
		wake(w)
	})
}

func (p prefixed) Load(ctx context.Context, key string) (driver.Record, error) {
	return p.Store.Load(ctx, p.key(key))
}

func (p prefixed) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	return p.Store.Save(ctx, p.key(key), value, w)
}

func (p prefixed) Delete(ctx context.Context, key string, v driver.Version) error {
	return p.Store.Delete(ctx, p.key(key), v)
}

func (p prefixed) Names(ctx context.Context, prefix string, limit int) ([]string, error) {
	names, err := p.Store.Names(ctx, p.prefix+prefix, limit)
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], p.prefix)
	}
	return names, err
}
