package faultstore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Enqueue implements [driver.Queuer].
func (s *Store) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	if s.caps.Queue == nil {
		return driver.Grant{}, driver.ErrUnsupported
	}
	return run(ctx, s, Call{Op: Enqueue, Name: req.Name, Holder: req.Holder}, func(ctx context.Context) (driver.Grant, error) {
		return s.caps.Queue.Enqueue(ctx, req, patience)
	})
}

// Look implements [driver.Queuer].
func (s *Store) Look(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
	if s.caps.Queue == nil {
		return driver.Sight{}, driver.ErrUnsupported
	}
	return run(ctx, s, Call{Op: Look, Name: name, Holder: client}, func(ctx context.Context) (driver.Sight, error) {
		return s.caps.Queue.Look(ctx, name, client, patience)
	})
}

// Leave implements [driver.Queuer].
func (s *Store) Leave(ctx context.Context, name, holder string) error {
	if s.caps.Queue == nil {
		return driver.ErrUnsupported
	}
	return s.run0(ctx, Call{Op: Leave, Name: name, Holder: holder}, func(ctx context.Context) error {
		return s.caps.Queue.Leave(ctx, name, holder)
	})
}

// Listen implements [driver.Queuer]. Its faults are those of a call: if the caller
// gets an error nobody listens afterwards. What happens to the pushes is decided for
// each of them, as a [Push].
func (s *Store) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
	if s.caps.Queue == nil {
		return nil, driver.ErrUnsupported
	}
	var stopped atomic.Bool
	var stop func()
	listen := func(ctx context.Context) (func(), error) {
		var err error
		stop, err = s.caps.Queue.Listen(ctx, name, client, func(w driver.Wake) { s.push(name, w, wake, &stopped) })
		return stop, err
	}
	_, err := run(ctx, s, Call{Op: Listen, Name: name, Holder: client}, listen)
	if err != nil {
		stopped.Store(true)
		if stop != nil {
			stop()
		}
		return nil, err
	}
	return func() {
		stopped.Store(true)
		stop()
	}, nil
}

// push passes w on, with what the script has for it. It does not block.
func (s *Store) push(name string, w driver.Wake, wake func(driver.Wake), stopped *atomic.Bool) {
	_, f, err := s.decide(Call{Op: Push, Name: name, Holder: w.Grant.Holder})
	if err != nil {
		return
	}
	send := func() {
		if !stopped.Load() {
			wake(w)
		}
	}
	switch f.Kind {
	case None, Late, Stray:
		s.deliver(f.Before+f.After, send)
	case Duplicate:
		s.deliver(f.Before, send)
		s.deliver(f.Before+f.After, send)
	}
}
