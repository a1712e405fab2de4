package memstore

import (
	"cmp"
	"context"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/go-cachify/cachify/driver"
)

// record is a value in the cache engine: bytes, or an object.
type record struct {
	bytes    []byte
	object   any
	isObject bool
	version  driver.Version
	ttl      time.Duration
	end      time.Duration
}

func (r *record) value() any {
	if r.isObject {
		return driver.Unbox(r.object)
	}
	return r.bytes
}

func newCache(o *Options, c clock) (*otter.Cache[string, *record], error) {
	opts := otter.Options[string, *record]{
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, *record]) time.Duration {
			return e.Value.ttl
		}),
		Clock: c,
	}
	opts.MaximumWeight = cmp.Or(o.MaxWeight, uint64(o.MaxEntries), DefaultMaxEntries)
	weigh := o.Weigh // not o, which is the caller's to change
	opts.Weigher = func(key string, r *record) uint32 {
		if r.pinned() {
			return 0 // which the engine does not evict
		}
		if v := r.value(); v != nil && weigh != nil {
			return weigh(key, v)
		}
		return 1
	}
	return otter.New(&opts)
}

// pinned reports whether the record has to stay.
func (r *record) pinned() bool {
	p, ok := r.object.(driver.Pinned)
	return ok && p.Pinned()
}

// Load returns the record under key.
func (s *Store) Load(ctx context.Context, key string) (driver.Record, error) {
	if err := s.readyFor(ctx, key); err != nil {
		return driver.Record{}, err
	}
	r, ok := s.cache.GetIfPresent(key)
	if !ok || r.isObject {
		return driver.Record{}, driver.ErrNotFound
	}
	left := until(s.clock.now(), r.end)
	if left == 0 {
		return driver.Record{}, driver.ErrNotFound
	}
	return driver.Record{Value: r.bytes, Version: r.version, TTL: left}, nil
}

// LoadObject returns the object under key.
func (s *Store) LoadObject(ctx context.Context, key string) (any, driver.Version, error) {
	if err := s.readyFor(ctx, key); err != nil {
		return nil, 0, err
	}
	r, ok := s.cache.GetIfPresent(key)
	if !ok || !r.isObject {
		return nil, 0, driver.ErrNotFound
	}
	return r.object, r.version, nil
}

// Save writes a record.
func (s *Store) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	return s.save(ctx, key, &record{bytes: value}, w)
}

// SaveObject writes an object.
func (s *Store) SaveObject(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
	return s.save(ctx, key, &record{object: value, isObject: true}, w)
}

func (s *Store) save(ctx context.Context, key string, r *record, w driver.Write) (driver.Version, error) {
	if err := s.readyFor(ctx, key); err != nil {
		return 0, err
	}
	if err := w.Validate(); err != nil {
		return 0, err
	}
	r.version = driver.Version(s.version.Add(1))
	r.ttl = w.TTL
	r.end = after(s.clock.now(), w.TTL)
	if w.If == driver.Always {
		s.cache.Set(key, r)
		return r.version, nil
	}
	written := false
	s.cache.Compute(key, func(old *record, found bool) (*record, otter.ComputeOp) {
		switch {
		case w.If == driver.IfAbsent && found, w.If == driver.IfVersion && (!found || old.version != w.Version):
			return nil, otter.CancelOp
		}
		written = true
		return r, otter.WriteOp
	})
	if !written {
		return 0, driver.ErrConflict
	}
	return r.version, nil
}

// Delete removes a record or object.
func (s *Store) Delete(ctx context.Context, key string, v driver.Version) error {
	if err := s.readyFor(ctx, key); err != nil {
		return err
	}
	if v == 0 {
		s.cache.Invalidate(key)
		return nil
	}
	removed := false
	s.cache.ComputeIfPresent(key, func(old *record) (*record, otter.ComputeOp) {
		if old.version != v {
			return nil, otter.CancelOp
		}
		removed = true
		return nil, otter.InvalidateOp
	})
	if !removed {
		return driver.ErrConflict
	}
	return nil
}

func (s *Store) readyFor(ctx context.Context, key string) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return driver.ValidateKey(key)
}
