package sabotage

import (
	"context"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// shim passes every call on to a sound store, except for those that a sabotage has
// put its own function in place of. It has the parts that the sound store has.
type shim struct {
	driver.Store
	caps driver.Capabilities

	// mu makes a call of several steps one, as far as other calls of the same
	// sabotage are concerned.
	mu sync.Mutex

	acquire    func(context.Context, driver.AcquireRequest) (driver.Grant, error)
	extend     func(context.Context, driver.Grant, time.Duration) (driver.Grant, error)
	release    func(context.Context, driver.Grant) error
	holders    func(context.Context, string) (driver.Occupancy, error)
	evict      func(context.Context, string) error
	load       func(context.Context, string) (driver.Record, error)
	save       func(context.Context, string, []byte, driver.Write) (driver.Version, error)
	remove     func(context.Context, string, driver.Version) error
	enqueue    func(context.Context, driver.AcquireRequest, time.Duration) (driver.Grant, error)
	look       func(context.Context, string, string, time.Duration) (driver.Sight, error)
	leave      func(context.Context, string, string) error
	listen     func(context.Context, string, string, func(driver.Wake)) (func(), error)
	loadObject func(context.Context, string) (any, driver.Version, error)
	saveObject func(context.Context, string, any, driver.Write) (driver.Version, error)
	names      func(context.Context, string, int) ([]string, error)
}

// full is a store with every part.
type full interface {
	driver.Queuer
	driver.ObjectStore
	driver.Inspector
	driver.Pinger
	driver.Doctor
}

var _ full = (*shim)(nil)

// over returns a shim that changes nothing yet.
func over(s driver.Store) *shim {
	return &shim{Store: s, caps: driver.CapabilitiesOf(s)}
}

// Capabilities returns those of the sound store, through the shim.
func (s *shim) Capabilities() driver.Capabilities {
	c := s.caps
	if c.Queue != nil {
		c.Queue = s
	}
	if c.Objects != nil {
		c.Objects = s
	}
	if c.Inspect != nil {
		c.Inspect = s
	}
	if c.Ping != nil {
		c.Ping = s
	}
	if c.Doctor != nil {
		c.Doctor = s
	}
	return c
}

// Close closes the sound store, if it can be closed.
func (s *shim) Close() error {
	if c, ok := s.Store.(interface{ Close() error }); ok {
		return c.Close()
	}
	return nil
}

func (s *shim) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	if s.acquire != nil {
		return s.acquire(ctx, req)
	}
	return s.Store.Acquire(ctx, req)
}

func (s *shim) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	if s.extend != nil {
		return s.extend(ctx, g, ttl)
	}
	return s.Store.Extend(ctx, g, ttl)
}

func (s *shim) Release(ctx context.Context, g driver.Grant) error {
	if s.release != nil {
		return s.release(ctx, g)
	}
	return s.Store.Release(ctx, g)
}

func (s *shim) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	if s.holders != nil {
		return s.holders(ctx, name)
	}
	return s.Store.Holders(ctx, name)
}

func (s *shim) Evict(ctx context.Context, name string) error {
	if s.evict != nil {
		return s.evict(ctx, name)
	}
	return s.Store.Evict(ctx, name)
}

func (s *shim) Load(ctx context.Context, key string) (driver.Record, error) {
	if s.load != nil {
		return s.load(ctx, key)
	}
	return s.Store.Load(ctx, key)
}

func (s *shim) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	if s.save != nil {
		return s.save(ctx, key, value, w)
	}
	return s.Store.Save(ctx, key, value, w)
}

func (s *shim) Delete(ctx context.Context, key string, v driver.Version) error {
	if s.remove != nil {
		return s.remove(ctx, key, v)
	}
	return s.Store.Delete(ctx, key, v)
}

func (s *shim) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	if s.enqueue != nil {
		return s.enqueue(ctx, req, patience)
	}
	return s.caps.Queue.Enqueue(ctx, req, patience)
}

func (s *shim) Look(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
	if s.look != nil {
		return s.look(ctx, name, client, patience)
	}
	return s.caps.Queue.Look(ctx, name, client, patience)
}

func (s *shim) Leave(ctx context.Context, name, holder string) error {
	if s.leave != nil {
		return s.leave(ctx, name, holder)
	}
	return s.caps.Queue.Leave(ctx, name, holder)
}

func (s *shim) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
	if s.listen != nil {
		return s.listen(ctx, name, client, wake)
	}
	return s.caps.Queue.Listen(ctx, name, client, wake)
}

func (s *shim) LoadObject(ctx context.Context, key string) (any, driver.Version, error) {
	if s.loadObject != nil {
		return s.loadObject(ctx, key)
	}
	return s.caps.Objects.LoadObject(ctx, key)
}

func (s *shim) SaveObject(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
	if s.saveObject != nil {
		return s.saveObject(ctx, key, value, w)
	}
	return s.caps.Objects.SaveObject(ctx, key, value, w)
}

func (s *shim) Names(ctx context.Context, prefix string, limit int) ([]string, error) {
	if s.names != nil {
		return s.names(ctx, prefix, limit)
	}
	return s.caps.Inspect.Names(ctx, prefix, limit)
}

func (s *shim) Ping(ctx context.Context) error { return s.caps.Ping.Ping(ctx) }

func (s *shim) Examine(ctx context.Context) ([]driver.Finding, error) {
	return s.caps.Doctor.Examine(ctx)
}
