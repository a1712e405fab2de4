package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Acquire makes one attempt.
func (s *Store) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	return s.acquire(ctx, req, 0)
}

// Enqueue makes one attempt and, if it is refused, joins the queue.
func (s *Store) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	if err := validatePatience(patience); err != nil {
		return driver.Grant{}, err
	}
	return s.acquire(ctx, req, patience)
}

// acquire is both: a patience of 0 means not to queue.
func (s *Store) acquire(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	if err := s.ready(ctx); err != nil {
		return driver.Grant{}, err
	}
	if err := req.Validate(); err != nil {
		return driver.Grant{}, err
	}
	var t turn
	if err := t.begin(s, req.Name, true); err != nil {
		return driver.Grant{}, err
	}
	defer t.end()
	p := t.place

	if l := p.leases.find(req.Holder); l != nil {
		return l.grant(req.Name, t.now), nil
	}
	if p.limit != 0 && p.limit != req.Limit {
		return driver.Grant{}, &driver.LimitError{Name: req.Name, Want: req.Limit, Have: p.limit}
	}
	if p.queue.empty() && p.leases.slots+req.Slots <= req.Limit {
		p.limit = req.Limit
		return p.admit(s, req, t.now).grant(req.Name, t.now), nil
	}
	if patience > 0 {
		p.limit = req.Limit
		p.queue.join(req, t.now, patience)
	}
	return driver.Grant{}, p.refusal(req.Name, t.now)
}

// Extend sets a new end.
func (s *Store) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	if err := s.readyForLease(ctx, g); err != nil {
		return driver.Grant{}, err
	}
	if err := driver.ValidateTTL(ttl); err != nil {
		return driver.Grant{}, err
	}
	var t turn
	if err := t.begin(s, g.Name, false); err != nil {
		return driver.Grant{}, err
	}
	defer t.end()
	l := t.find(g.Holder)
	if l == nil {
		return driver.Grant{}, driver.ErrLost
	}
	earlier := after(t.now, ttl) < l.until
	t.place.leases.extend(l, after(t.now, ttl))
	if earlier && !t.place.queue.empty() {
		t.wakeAll()
	}
	return l.grant(g.Name, t.now), nil
}

// Release ends a lease.
func (s *Store) Release(ctx context.Context, g driver.Grant) error {
	if err := s.readyForLease(ctx, g); err != nil {
		return err
	}
	var t turn
	if err := t.begin(s, g.Name, false); err != nil {
		return err
	}
	defer t.end()
	if t.find(g.Holder) == nil {
		return driver.ErrLost
	}
	t.place.leases.remove(g.Holder)
	t.handOver()
	return nil
}

// Holders tells who holds name.
func (s *Store) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	if err := s.readyFor(ctx, name); err != nil {
		return driver.Occupancy{}, err
	}
	var t turn
	if err := t.begin(s, name, false); err != nil {
		return driver.Occupancy{}, err
	}
	defer t.end()
	if t.place == nil || t.place.idle() {
		return driver.Occupancy{}, nil
	}
	return t.place.occupancy(t.now), nil
}

// Evict frees name by force.
func (s *Store) Evict(ctx context.Context, name string) error {
	if err := s.readyFor(ctx, name); err != nil {
		return err
	}
	var t turn
	if err := t.begin(s, name, false); err != nil {
		return err
	}
	defer t.end()
	if t.place != nil {
		t.place.leases.clear()
		t.handOver()
	}
	return nil
}

// Look shows how a client stands in the queue.
func (s *Store) Look(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
	if err := s.readyFor(ctx, name); err != nil {
		return driver.Sight{}, err
	}
	if err := validatePatience(patience); err != nil {
		return driver.Sight{}, err
	}
	var t turn
	if err := t.beginLook(s, name, client, patience); err != nil {
		return driver.Sight{}, err
	}
	defer t.end()
	sight := driver.Sight{RetryAfter: driver.NoExpiry, At: t.now}
	if t.place != nil {
		sight.Grants = t.place.leases.of(name, client, t.now)
		sight.Waiting = t.place.queue.waiting(client)
		sight.RetryAfter = until(t.now, t.place.leases.firstEnd())
		sight.Holder = t.place.leases.one()
	}
	return sight, nil
}

// Leave gives up a place in the queue, or what was handed over.
func (s *Store) Leave(ctx context.Context, name, holder string) error {
	if err := s.readyForLease(ctx, driver.Grant{Name: name, Holder: holder}); err != nil {
		return err
	}
	var t turn
	if err := t.begin(s, name, false); err != nil {
		return err
	}
	defer t.end()
	if t.place != nil {
		t.place.queue.leave(holder)
		t.place.leases.remove(holder)
		t.handOver()
	}
	return nil
}

func (s *Store) readyForLease(ctx context.Context, g driver.Grant) error {
	if err := s.readyFor(ctx, g.Name); err != nil {
		return err
	}
	if g.Holder == "" {
		return fmt.Errorf("%w: the holder is empty", driver.ErrInvalid)
	}
	return nil
}

func validatePatience(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%w: a patience of %v: it must be positive", driver.ErrInvalid, d)
	}
	return nil
}
