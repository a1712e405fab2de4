package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/seamlog"
	"github.com/go-cachify/cachify/memstore"
)

var errDown = fmt.Errorf("the store is down: %w", seamlog.ErrNotDone)

// engine is a store that can go down, and come back empty. Its clock goes on.
type engine struct {
	wrap  func(driver.Store) driver.Store
	start time.Time
	caps  driver.Capabilities

	mu    sync.Mutex
	store full
	shift time.Duration // what the store's clock is behind the engine's
	times uint64        // how many stores there were
	down  bool
	ears  map[*ear]struct{}
}

// full is a store with all parts that a memory store has.
type full interface {
	driver.Queuer
	driver.ObjectStore
}

// ear is one Listen, which outlives the store it was made on.
type ear struct {
	name, client string
	wake         func(driver.Wake)
	stop         func()
}

// newEngine returns an engine of memory stores, each of which wrap wraps.
// Without objects it keeps bytes only, as one that is no part of the process.
func newEngine(wrap func(driver.Store) driver.Store, objects bool) *engine {
	e := &engine{wrap: wrap, start: time.Now(), ears: map[*ear]struct{}{}}
	e.caps.Queue = e
	if objects {
		e.caps.Objects = e
	}
	e.empty()
	return e
}

// Capabilities returns what it has.
func (e *engine) Capabilities() driver.Capabilities { return e.caps }

// empty puts a new store in place of what there is.
func (e *engine) empty() {
	mem, err := memstore.New(&memstore.Options{MaxEntries: 1000})
	if err != nil {
		panic(err)
	}
	s := driver.Store(mem)
	if e.wrap != nil {
		s = e.wrap(s)
	}
	e.store, e.shift = s.(full), time.Since(e.start)
	e.times++
}

// goDown makes all calls fail until comeBack.
func (e *engine) goDown() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = true
}

// comeBack ends it. If the data is lost, all who listen are told to look.
func (e *engine) comeBack(empty bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = false
	if empty {
		e.empty()
	}
	for l := range e.ears {
		if empty {
			l.stop()
			l.stop = e.listen(l)
		}
		go l.wake(driver.Wake{})
	}
}

// listen passes the pushes of the present store on, as long as it is not down. With
// e.mu held.
func (e *engine) listen(l *ear) func() {
	shift := e.shift
	stop, err := e.store.Listen(context.Background(), l.name, l.client, func(w driver.Wake) {
		if w.Grant.Holder != "" {
			w.Grant.At += shift
		}
		l.wake(w)
	})
	if err != nil {
		panic(err)
	}
	return stop
}

// now returns the present store, unless the engine is down.
func (e *engine) now() (full, time.Duration, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return nil, 0, errDown
	}
	return e.store, e.shift, nil
}

// A record's version is one that no earlier store gave, as with an engine that makes
// them of its time.
const firstVersion = 1 << 32

func (e *engine) base() driver.Version {
	e.mu.Lock()
	defer e.mu.Unlock()
	return driver.Version(e.times * firstVersion)
}

// outside is the version as the clients know it.
func (e *engine) outside(v driver.Version) driver.Version {
	if v == 0 {
		return 0
	}
	return v + e.base()
}

// inside is the opposite. A version of an earlier store is none of this one.
func (e *engine) inside(v driver.Version) driver.Version {
	switch base := e.base(); {
	case v == 0:
		return 0
	case v < base:
		return firstVersion
	default:
		return v - base
	}
}

func on[T any](e *engine, do func(s full, shift time.Duration) (T, error)) (T, error) {
	s, shift, err := e.now()
	if err != nil {
		var zero T
		return zero, err
	}
	return do(s, shift)
}

// grant is on for what returns a grant.
func (e *engine) grant(do func(s full) (driver.Grant, error)) (driver.Grant, error) {
	return on(e, func(s full, shift time.Duration) (driver.Grant, error) {
		g, err := do(s)
		if held := (*driver.HeldError)(nil); errors.As(err, &held) {
			moved := *held
			moved.At += shift
			return g, &moved
		}
		if err == nil {
			g.At += shift
		}
		return g, err
	})
}

func (e *engine) do(do func(s full) error) error {
	s, _, err := e.now()
	if err != nil {
		return err
	}
	return do(s)
}

func (e *engine) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	return e.grant(func(s full) (driver.Grant, error) { return s.Acquire(ctx, req) })
}

func (e *engine) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	return e.grant(func(s full) (driver.Grant, error) { return s.Extend(ctx, g, ttl) })
}

func (e *engine) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	return e.grant(func(s full) (driver.Grant, error) { return s.Enqueue(ctx, req, patience) })
}

func (e *engine) Release(ctx context.Context, g driver.Grant) error {
	return e.do(func(s full) error { return s.Release(ctx, g) })
}

func (e *engine) Evict(ctx context.Context, name string) error {
	return e.do(func(s full) error { return s.Evict(ctx, name) })
}

func (e *engine) Leave(ctx context.Context, name, holder string) error {
	return e.do(func(s full) error { return s.Leave(ctx, name, holder) })
}

func (e *engine) Delete(ctx context.Context, key string, v driver.Version) error {
	return e.do(func(s full) error { return s.Delete(ctx, key, e.inside(v)) })
}

func (e *engine) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	return on(e, func(s full, _ time.Duration) (driver.Occupancy, error) { return s.Holders(ctx, name) })
}

func (e *engine) Look(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
	return on(e, func(s full, shift time.Duration) (driver.Sight, error) {
		v, err := s.Look(ctx, name, client, patience)
		v.At += shift
		for i := range v.Grants {
			v.Grants[i].At += shift
		}
		return v, err
	})
}

func (e *engine) Load(ctx context.Context, key string) (driver.Record, error) {
	return on(e, func(s full, _ time.Duration) (driver.Record, error) {
		r, err := s.Load(ctx, key)
		r.Version = e.outside(r.Version)
		return r, err
	})
}

func (e *engine) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	return on(e, func(s full, _ time.Duration) (driver.Version, error) {
		w.Version = e.inside(w.Version)
		v, err := s.Save(ctx, key, value, w)
		return e.outside(v), err
	})
}

func (e *engine) LoadObject(ctx context.Context, key string) (any, driver.Version, error) {
	s, _, err := e.now()
	if err != nil {
		return nil, 0, err
	}
	o, v, err := s.LoadObject(ctx, key)
	return o, e.outside(v), err
}

func (e *engine) SaveObject(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
	return on(e, func(s full, _ time.Duration) (driver.Version, error) {
		w.Version = e.inside(w.Version)
		v, err := s.SaveObject(ctx, key, value, w)
		return e.outside(v), err
	})
}

func (e *engine) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return nil, errDown
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := &ear{name: name, client: client, wake: wake}
	l.stop = e.listen(l)
	e.ears[l] = struct{}{}
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.ears, l)
		l.stop()
	}, nil
}
