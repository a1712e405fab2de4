package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// Acquire makes one attempt.
func (s *Store) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	return s.acquire(ctx, req, 0)
}

// acquire is Acquire and, with a patience, Enqueue.
func (s *Store) acquire(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (g driver.Grant, err error) {
	if err := s.ready(ctx); err != nil {
		return driver.Grant{}, err
	}
	if err := req.Validate(); err != nil {
		return driver.Grant{}, err
	}
	var refused error
	err = s.write(ctx, func(t *turn) { g, refused = t.acquire(req, patience) })
	if err == nil {
		err = refused
	}
	if err != nil {
		return driver.Grant{}, err
	}
	return g, nil
}

func (t *turn) acquire(req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	p := t.settle(req.Name)
	if p.used > 0 {
		if g, _, ok := t.find(req.Name, req.Holder); ok {
			return g, nil
		}
	}
	switch {
	case p.capacity != 0 && p.capacity != req.Limit:
		return driver.Grant{}, &driver.LimitError{Name: req.Name, Want: req.Limit, Have: p.capacity}
	case !p.queued && p.used+req.Slots <= req.Limit:
		t.sweep()
		return t.admit(&p, req, micros(req.TTL)), nil
	case patience > 0:
		t.join(req, patience)
		t.sweep()
	}
	return driver.Grant{}, t.refusal(&p)
}

// Extend sets a new end.
func (s *Store) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	if err := s.readyForLease(ctx, g.Name, g.Holder); err != nil {
		return driver.Grant{}, err
	}
	if err := driver.ValidateTTL(ttl); err != nil {
		return driver.Grant{}, err
	}
	ok := false
	err := s.write(ctx, func(t *turn) { g, ok = t.extend(g, ttl) })
	switch {
	case err != nil:
		return driver.Grant{}, orLost(err)
	case !ok:
		return driver.Grant{}, driver.ErrLost
	}
	return g, nil
}

func (t *turn) extend(g driver.Grant, ttl time.Duration) (driver.Grant, bool) {
	p := t.settle(g.Name)
	old, end, ok := t.find(g.Name, g.Holder)
	if !ok {
		return g, false
	}
	newEnd := after(t.now, ttl)
	t.run("extend-lease", nil, g.Name, driver.ClientOf(g.Holder), g.Holder, newEnd)
	t.given = true // the time has to be remembered: the next boot counts from it what is left
	if newEnd < end && p.queued {
		t.run("waiting-clients", func(s *sqlite3.Stmt) {
			t.pushes = append(t.pushes, push{s.ColumnText(0), driver.Wake{Grant: driver.Grant{Name: g.Name}}})
		}, g.Name)
	}
	return t.grant(g.Name, g.Holder, int64(old.Fence), old.Slots, newEnd), true
}

// Release ends a lease.
func (s *Store) Release(ctx context.Context, g driver.Grant) error {
	if err := s.readyForLease(ctx, g.Name, g.Holder); err != nil {
		return err
	}
	ok := false
	err := s.write(ctx, func(t *turn) { ok = t.release(g.Name, g.Holder) })
	if err == nil && !ok {
		err = driver.ErrLost
	}
	return orLost(err)
}

// orLost says of a lease in a file that was removed that it is lost: others go by
// another file.
func orLost(err error) error {
	if errors.Is(err, ErrRemoved) {
		return fmt.Errorf("%w: %w", driver.ErrLost, err)
	}
	return err
}

func (t *turn) release(name, holder string) bool {
	p := t.settle(name)
	if p.used == 0 {
		return false
	}
	g, _, ok := t.find(name, holder)
	if ok {
		t.run("remove-lease", nil, name, driver.ClientOf(holder), holder)
		p.used -= g.Slots
		t.handOver(&p)
	}
	return ok
}

// Evict frees name by force.
func (s *Store) Evict(ctx context.Context, name string) error {
	if err := s.readyFor(ctx, name); err != nil {
		return err
	}
	return s.write(ctx, func(t *turn) {
		p := t.settle(name)
		t.run("remove-leases", nil, name)
		p.used = 0
		t.handOver(&p)
	})
}

// Holders tells who holds name. It only reads: a name whose lease has just ended is
// handed over by whoever looks next.
func (s *Store) Holders(ctx context.Context, name string) (o driver.Occupancy, err error) {
	if err := s.readyFor(ctx, name); err != nil {
		return driver.Occupancy{}, err
	}
	err = s.read(ctx, func(t *turn) { o = t.occupancy(name) })
	return o, err
}

func (t *turn) occupancy(name string) (o driver.Occupancy) {
	t.run("waiting", func(s *sqlite3.Stmt) { o.Waiting, o.Limit = s.ColumnInt(0), s.ColumnInt(1) }, name, t.now)
	t.run("holders", func(s *sqlite3.Stmt) {
		o.Limit = s.ColumnInt(5)
		o.Holders = append(o.Holders, driver.Holder{
			ID: s.ColumnText(0), Fence: uint64(s.ColumnInt64(1)), Slots: s.ColumnInt(2),
			Age: until(s.ColumnInt64(3), t.now), TTL: until(t.now, s.ColumnInt64(4)),
		})
	}, name, t.now)
	return o
}
