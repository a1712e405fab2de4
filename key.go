package cachify

import (
	"context"
	"fmt"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// What is put behind a key in the store, as in py-cachify, so that the verbs do not
// meet by accident. A lock made with [Cachify.Lock] has nothing behind its key.
const (
	suffixLocked = "-lock"
	suffixOnce   = "-once"
	suffixPool   = "-pool"
	suffixCached = "-cached"
)

// subject is one key of one verb, and what can be asked of it besides acquiring.
type subject struct {
	instance *Cachify
	verb     Verb
	key      string
	suffix   string
	limit    int
	settings leaseSettings
	name     string // in the store, if that is known already
	err      error  // what is wrong with the key or the options
}

func newSubject(c *Cachify, verb Verb, key, suffix string, limit int, s settings) subject {
	sub := subject{instance: c, verb: verb, key: key, suffix: suffix, limit: limit, settings: s.leaseSettings, err: s.err}
	if c != nil && c.core != nil && key != "" {
		sub.name = c.core.Prefix + key + suffix
	}
	return sub
}

// on finds the instance and the name in its store.
func (s *subject) on(ctx context.Context) (*core, string, error) {
	if ctx == nil {
		return nil, "", errNilContext
	}
	if s.err != nil {
		return nil, "", s.err
	}
	if s.verb == "" {
		return nil, "", fmt.Errorf("%w: the zero value cannot be used: make it with a method of Cachify", ErrInvalid)
	}
	if s.key == "" {
		return nil, "", fmt.Errorf("%w: the %s's key is empty", ErrInvalid, s.verb)
	}
	k, err := s.instance.ready()
	if err != nil {
		return nil, "", err
	}
	if err := s.settings.check(s.expiry(k)); err != nil {
		return nil, "", err
	}
	if s.name != "" {
		return k, s.name, nil
	}
	return k, k.Prefix + s.key + s.suffix, nil
}

// expiry is how long a lease lasts.
func (s *subject) expiry(k *core) time.Duration {
	switch {
	case s.settings.expiry != 0:
		return s.settings.expiry
	case s.verb == VerbPool:
		return k.PoolSlotExpiration
	}
	return k.LockExpiration
}

// acquire gets a lease.
func (s *subject) acquire(ctx context.Context) (*Lease, error) {
	k, name, err := s.on(ctx)
	if err != nil {
		return nil, err
	}
	l := &Lease{}
	a := &l.own.acquisition
	*a = acquisition{core: k, verb: s.verb, key: s.key, name: name, limit: s.limit, settings: s.settings}
	a.settings.expiry, a.settings.slots = s.expiry(k), max(s.settings.slots, 1)
	return l.acquire(ctx)
}

func (s *subject) occupancy(ctx context.Context) (driver.Occupancy, error) {
	k, name, err := s.on(ctx)
	if err != nil {
		return driver.Occupancy{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	o, err := k.store.Holders(ctx, name)
	return o, k.failure("look at", name, err)
}

func (s *subject) isLocked(ctx context.Context) (bool, error) {
	o, err := s.occupancy(ctx)
	return len(o.Holders) > 0, err
}

func (s *subject) holders(ctx context.Context) ([]Holder, error) {
	o, err := s.occupancy(ctx)
	if err != nil {
		return nil, err
	}
	hs := make([]Holder, len(o.Holders))
	for i, h := range o.Holders {
		hs[i] = Holder(h)
	}
	return hs, nil
}

func (s *subject) holder(ctx context.Context) (Holder, bool, error) {
	hs, err := s.holders(ctx)
	if err != nil || len(hs) == 0 {
		return Holder{}, false, err
	}
	return hs[0], true, nil
}

func (s *subject) forceRelease(ctx context.Context) error {
	k, name, err := s.on(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err = k.failure("evict", name, k.store.Evict(ctx, name))
	k.released(name)
	return err
}

// Holder is who holds a key, as the store sees it.
type Holder driver.Holder
