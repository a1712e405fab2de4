package seamlog

import (
	"context"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// Acquire implements [driver.Store].
func (s *Store) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	return call(ctx, s, request(Acquire, req, 0), func() (driver.Grant, error) { return s.inner.Acquire(ctx, req) }, granted)
}

// Extend implements [driver.Store].
func (s *Store) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	e := history.Event{Op: Extend, Key: g.Name, Holder: g.Holder, Fence: g.Fence, TTL: ttl}
	return call(ctx, s, e, func() (driver.Grant, error) { return s.inner.Extend(ctx, g, ttl) }, granted)
}

// Release implements [driver.Store].
func (s *Store) Release(ctx context.Context, g driver.Grant) error {
	e := history.Event{Op: Release, Key: g.Name, Holder: g.Holder, Fence: g.Fence}
	return call0(ctx, s, e, func() error { return s.inner.Release(ctx, g) })
}

// Holders implements [driver.Store].
func (s *Store) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	return call(ctx, s, history.Event{Op: Holders, Key: name},
		func() (driver.Occupancy, error) { return s.inner.Holders(ctx, name) },
		func(o driver.Occupancy, e *history.Event) {
			e.Limit, e.Waiting = o.Limit, o.Waiting
			for _, h := range o.Holders {
				e.Grants = append(e.Grants, history.Grant{Holder: h.ID, Fence: h.Fence, Slots: h.Slots, TTL: h.TTL})
			}
		})
}

// Evict implements [driver.Store].
func (s *Store) Evict(ctx context.Context, name string) error {
	return call0(ctx, s, history.Event{Op: Evict, Key: name}, func() error { return s.inner.Evict(ctx, name) })
}

// Enqueue implements [driver.Queuer].
func (s *Store) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	if s.caps.Queue == nil {
		return driver.Grant{}, driver.ErrUnsupported
	}
	return call(ctx, s, request(Enqueue, req, patience), func() (driver.Grant, error) {
		return s.caps.Queue.Enqueue(ctx, req, patience)
	}, granted)
}

// Look implements [driver.Queuer].
func (s *Store) Look(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
	if s.caps.Queue == nil {
		return driver.Sight{}, driver.ErrUnsupported
	}
	return call(ctx, s, history.Event{Op: Look, Key: name, Holder: client, Patience: patience},
		func() (driver.Sight, error) { return s.caps.Queue.Look(ctx, name, client, patience) },
		func(v driver.Sight, e *history.Event) {
			e.Holder, e.TTL, e.At, e.Waiting = v.Holder, v.RetryAfter, v.At, v.Waiting
			for _, g := range v.Grants {
				e.Grants = append(e.Grants, history.Grant{Holder: g.Holder, Fence: g.Fence, Slots: g.Slots, TTL: g.TTL})
			}
		})
}

// Leave implements [driver.Queuer].
func (s *Store) Leave(ctx context.Context, name, holder string) error {
	if s.caps.Queue == nil {
		return driver.ErrUnsupported
	}
	return call0(ctx, s, history.Event{Op: Leave, Key: name, Holder: holder}, func() error {
		return s.caps.Queue.Leave(ctx, name, holder)
	})
}

// Listen implements [driver.Queuer]. It is not written down, but each push is.
func (s *Store) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
	if s.caps.Queue == nil {
		return nil, driver.ErrUnsupported
	}
	return s.caps.Queue.Listen(ctx, name, client, func(w driver.Wake) {
		e := history.Event{Layer: history.Seam, Op: Push, Key: name}
		granted(w.Grant, &e)
		s.rec.Note(e)
		wake(w)
	})
}
