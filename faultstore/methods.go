package faultstore

import (
	"context"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Acquire implements [driver.Store].
func (s *Store) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	return run(ctx, s, Call{Op: Acquire, Name: req.Name, Holder: req.Holder}, func(ctx context.Context) (driver.Grant, error) {
		return s.inner.Acquire(ctx, req)
	})
}

// Extend implements [driver.Store].
func (s *Store) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	return run(ctx, s, Call{Op: Extend, Name: g.Name, Holder: g.Holder}, func(ctx context.Context) (driver.Grant, error) {
		return s.inner.Extend(ctx, g, ttl)
	})
}

// Release implements [driver.Store].
func (s *Store) Release(ctx context.Context, g driver.Grant) error {
	return s.run0(ctx, Call{Op: Release, Name: g.Name, Holder: g.Holder}, func(ctx context.Context) error {
		return s.inner.Release(ctx, g)
	})
}

// Holders implements [driver.Store].
func (s *Store) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	return run(ctx, s, Call{Op: Holders, Name: name}, func(ctx context.Context) (driver.Occupancy, error) {
		return s.inner.Holders(ctx, name)
	})
}

// Evict implements [driver.Store].
func (s *Store) Evict(ctx context.Context, name string) error {
	return s.run0(ctx, Call{Op: Evict, Name: name}, func(ctx context.Context) error {
		return s.inner.Evict(ctx, name)
	})
}

// Load implements [driver.Store].
func (s *Store) Load(ctx context.Context, key string) (driver.Record, error) {
	return run(ctx, s, Call{Op: Load, Name: key}, func(ctx context.Context) (driver.Record, error) {
		return s.inner.Load(ctx, key)
	})
}

// Save implements [driver.Store].
func (s *Store) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	return run(ctx, s, Call{Op: Save, Name: key}, func(ctx context.Context) (driver.Version, error) {
		return s.inner.Save(ctx, key, value, w)
	})
}

// Delete implements [driver.Store].
func (s *Store) Delete(ctx context.Context, key string, v driver.Version) error {
	return s.run0(ctx, Call{Op: Delete, Name: key}, func(ctx context.Context) error {
		return s.inner.Delete(ctx, key, v)
	})
}

// LoadObject implements [driver.ObjectStore].
func (s *Store) LoadObject(ctx context.Context, key string) (any, driver.Version, error) {
	if s.caps.Objects == nil {
		return nil, 0, driver.ErrUnsupported
	}
	type object struct {
		value   any
		version driver.Version
	}
	o, err := run(ctx, s, Call{Op: LoadObject, Name: key}, func(ctx context.Context) (object, error) {
		v, version, err := s.caps.Objects.LoadObject(ctx, key)
		return object{v, version}, err
	})
	return o.value, o.version, err
}

// SaveObject implements [driver.ObjectStore].
func (s *Store) SaveObject(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
	if s.caps.Objects == nil {
		return 0, driver.ErrUnsupported
	}
	return run(ctx, s, Call{Op: SaveObject, Name: key}, func(ctx context.Context) (driver.Version, error) {
		return s.caps.Objects.SaveObject(ctx, key, value, w)
	})
}

// Names implements [driver.Inspector].
func (s *Store) Names(ctx context.Context, prefix string, limit int) ([]string, error) {
	if s.caps.Inspect == nil {
		return nil, driver.ErrUnsupported
	}
	return run(ctx, s, Call{Op: Names, Name: prefix}, func(ctx context.Context) ([]string, error) {
		return s.caps.Inspect.Names(ctx, prefix, limit)
	})
}

// Ping implements [driver.Pinger].
func (s *Store) Ping(ctx context.Context) error {
	if s.caps.Ping == nil {
		return driver.ErrUnsupported
	}
	return s.run0(ctx, Call{Op: Ping}, s.caps.Ping.Ping)
}

// Examine implements [driver.Doctor].
func (s *Store) Examine(ctx context.Context) ([]driver.Finding, error) {
	if s.caps.Doctor == nil {
		return nil, driver.ErrUnsupported
	}
	return run(ctx, s, Call{Op: Examine}, s.caps.Doctor.Examine)
}
