package kvstore

import (
	"context"
	"fmt"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const leasePrefix = "lease/"

// claimTTL is how long a lease lasts that has no fence yet. A client that dies then
// does not block the name for longer.
const claimTTL = 10 * time.Second

// Acquire implements [driver.Store].
func (s *Store) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	if err := s.begin(ctx); err != nil {
		return driver.Grant{}, err
	}
	if err := req.Validate(); err != nil {
		return driver.Grant{}, err
	}
	if req.Limit > 1 {
		return driver.Grant{}, fmt.Errorf("kvstore: %w: a limit of %d: only 1 is possible", driver.ErrUnsupported, req.Limit)
	}
	return rounds(ctx, func() (driver.Grant, bool, error) { return s.acquire(ctx, req) })
}

// acquire reports false if the name changed hands between its steps.
func (s *Store) acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, bool, error) {
	ttl := req.TTL
	if s.swapper != nil {
		ttl = min(ttl, claimTTL)
	}
	key := leasePrefix + req.Name
	l := s.newLease(req.Holder, 0, 0, ttl)
	raw := l.bytes()
	set, err := s.client.SetIfAbsent(ctx, key, raw, ttl)
	if err != nil {
		return driver.Grant{}, false, err
	}
	if !set {
		var found bool
		if raw, found, err = s.client.Get(ctx, key); err != nil || !found {
			return driver.Grant{}, false, err
		}
		var ours bool
		if l, ours = parseLease(raw); !ours {
			return driver.Grant{}, true, &driver.HeldError{Name: req.Name, RetryAfter: driver.NoExpiry, At: s.clock.now()}
		}
	}
	switch {
	case l.holder != req.Holder:
		return driver.Grant{}, true, s.held(req.Name, l)
	case s.swapper != nil && l.fence == 0:
		return s.complete(ctx, req, raw)
	case set:
		return grant(req.Name, l, l.since.mono, l.since.ttl), true, nil
	}
	return s.again(req.Name, l)
}

// complete gives the claim that is now under the name's key a fence and its full
// time to live.
func (s *Store) complete(ctx context.Context, req driver.AcquireRequest, claim []byte) (driver.Grant, bool, error) {
	fence, err := s.nextFence(ctx, req.Name)
	if err != nil {
		return driver.Grant{}, false, err
	}
	l := s.newLease(req.Holder, fence, 0, req.TTL)
	ok, err := s.swapper.CompareAndSwap(ctx, leasePrefix+req.Name, claim, l.bytes(), req.TTL)
	if err != nil || !ok {
		return driver.Grant{}, false, err
	}
	return grant(req.Name, l, l.since.mono, req.TTL), true, nil
}

// again returns a lease once more to the holder that has it. If its time has run out
// by our clock it is no longer safe to use, though the engine still has it.
func (s *Store) again(name string, l lease) (driver.Grant, bool, error) {
	left, at := s.clock.left(l.since), s.clock.now()
	if left <= 0 {
		return driver.Grant{}, true, s.held(name, l)
	}
	return grant(name, l, at, min(left, l.since.ttl)), true, nil
}

func (s *Store) held(name string, l lease) error {
	return &driver.HeldError{
		Name: name, Holder: l.holder,
		RetryAfter: retryAfter(s.clock.left(l.since)), At: s.clock.now(),
	}
}

func grant(name string, l lease, at, ttl time.Duration) driver.Grant {
	return driver.Grant{Name: name, Holder: l.holder, Fence: l.fence, Slots: 1, TTL: ttl, At: at}
}

// Extend implements [driver.Store]. It needs compare and swap.
func (s *Store) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	if err := s.beginWith(ctx, g); err != nil {
		return driver.Grant{}, err
	}
	if err := driver.ValidateTTL(ttl); err != nil {
		return driver.Grant{}, err
	}
	if s.swapper == nil {
		return driver.Grant{}, fmt.Errorf("kvstore: %w: extending needs a client that can compare and swap", driver.ErrUnsupported)
	}
	return rounds(ctx, func() (driver.Grant, bool, error) {
		raw, l, err := s.own(ctx, g)
		if err != nil {
			return driver.Grant{}, false, err
		}
		longer := s.newLease(l.holder, l.fence, l.age+s.clock.passed(l.since), ttl)
		ok, err := s.swapper.CompareAndSwap(ctx, leasePrefix+g.Name, raw, longer.bytes(), ttl)
		return grant(g.Name, longer, longer.since.mono, ttl), ok, err
	})
}

// Release implements [driver.Store].
func (s *Store) Release(ctx context.Context, g driver.Grant) error {
	if err := s.beginWith(ctx, g); err != nil {
		return err
	}
	_, err := rounds(ctx, func() (struct{}, bool, error) {
		raw, _, err := s.own(ctx, g)
		if err != nil {
			return struct{}{}, false, err
		}
		ok, err := s.client.CompareAndDelete(ctx, leasePrefix+g.Name, raw)
		return struct{}{}, ok, err
	})
	return err
}

// beginWith is begin for a method that works on a lease.
func (s *Store) beginWith(ctx context.Context, g driver.Grant) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	if err := driver.ValidateKey(g.Name); err != nil {
		return err
	}
	if g.Holder == "" {
		return fmt.Errorf("%w: the holder is empty", driver.ErrInvalid)
	}
	return nil
}

// own returns the lease of g and the bytes it is stored as, or [driver.ErrLost].
func (s *Store) own(ctx context.Context, g driver.Grant) ([]byte, lease, error) {
	raw, found, err := s.client.Get(ctx, leasePrefix+g.Name)
	if err != nil {
		return nil, lease{}, err
	}
	l, ours := parseLease(raw)
	if !found || !ours || l.holder != g.Holder {
		return nil, lease{}, driver.ErrLost
	}
	return raw, l, nil
}

// Holders implements [driver.Store]. A foreign holder's remaining time is unknown,
// and given as [driver.NoExpiry].
func (s *Store) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	if err := s.beginKey(ctx, name); err != nil {
		return driver.Occupancy{}, err
	}
	raw, found, err := s.client.Get(ctx, leasePrefix+name)
	if err != nil || !found {
		return driver.Occupancy{}, err
	}
	h := driver.Holder{Slots: 1, TTL: driver.NoExpiry, Foreign: true}
	if l, ours := parseLease(raw); ours {
		h = driver.Holder{
			ID: l.holder, Fence: l.fence, Slots: 1,
			Age: l.age + s.clock.passed(l.since),
			TTL: min(max(s.clock.left(l.since), 0), l.since.ttl),
		}
	}
	return driver.Occupancy{Limit: 1, Holders: []driver.Holder{h}}, nil
}

// Evict implements [driver.Store].
func (s *Store) Evict(ctx context.Context, name string) error {
	if err := s.beginKey(ctx, name); err != nil {
		return err
	}
	var first lease
	_, err := rounds(ctx, func() (struct{}, bool, error) {
		raw, found, err := s.client.Get(ctx, leasePrefix+name)
		if err != nil || !found {
			return struct{}{}, true, err
		}
		// A holder that is not the one we saw first came after the eviction.
		l, _ := parseLease(raw)
		if first.holder == "" {
			first = l
		} else if l.holder != first.holder {
			return struct{}{}, true, nil
		}
		ok, err := s.client.CompareAndDelete(ctx, leasePrefix+name, raw)
		return struct{}{}, ok, err
	})
	return err
}

func (s *Store) beginKey(ctx context.Context, key string) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	return driver.ValidateKey(key)
}
