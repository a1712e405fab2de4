package sabotage

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var queueSabotages = []Sabotage{
	{
		Name:     "barging",
		Explains: "Acquire takes free slots though others wait, so one who waits for many slots never gets them.",
		Rule:     "wide-waiter-not-overtaken",
		Wrap: func(in driver.Store) driver.Store {
			s := newLined(in)
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				g, err := in.Acquire(ctx, req)
				if !errors.Is(err, driver.ErrHeld) || !s.fits(ctx, req) {
					return g, err
				}
				s.stepAside(ctx, req.Name)
				g, err = in.Acquire(ctx, req)
				s.stepBack(ctx, req.Name)
				return g, err
			}
			return s.shim
		},
	},
	{
		Name:     "race-for-release",
		Explains: "Release makes the name free and does not hand it over; those who wait are served when somebody looks, and a newcomer who asks before that has it.",
		Rule:     "newcomer-waits",
		Wrap: func(in driver.Store) driver.Store {
			s := newLined(in)
			s.release = func(ctx context.Context, g driver.Grant) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.stepAside(ctx, g.Name)
				err := in.Release(ctx, g)
				if err != nil {
					s.stepBack(ctx, g.Name)
				}
				return err
			}
			s.acquire = func(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				g, err := in.Acquire(ctx, req)
				s.stepBack(ctx, req.Name)
				return g, err
			}
			s.holders = func(ctx context.Context, name string) (driver.Occupancy, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.stepBack(ctx, name)
				return in.Holders(ctx, name)
			}
			return s.shim
		},
	},
	{
		Name:     "hands-over-twice",
		Explains: "Release hands the one slot to the first two in line, as where two nodes promote at once.",
		Rule:     "hand-over-one",
		Wrap:     handsOverTwice,
	},
	{
		Name:     "last-in-first-out",
		Explains: "Who came last is served first, so that the first may wait for ever.",
		Rule:     "queue-fifo",
		Wrap: func(in driver.Store) driver.Store {
			s := newLined(in)
			s.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				g, err := s.caps.Queue.Enqueue(ctx, req, patience)
				if !errors.Is(err, driver.ErrHeld) || s.waits(req) {
					return g, err
				}
				s.line[req.Name] = slices.Insert(s.line[req.Name], 0, place{req, patience})
				s.stepAside(ctx, req.Name)
				s.stepBack(ctx, req.Name)
				return g, err
			}
			return s.shim
		},
	},
	{
		Name:     "asks-twice-comes-last",
		Explains: "Enqueue again with the same holder takes the last place anew: a waiter that shows that it lives is never served.",
		Rule:     "enqueue-keeps-place",
		Wrap: func(in driver.Store) driver.Store {
			s := newLined(in)
			s.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				if _, ok := holder(ctx, in, req.Name, req.Holder); !ok && req.Validate() == nil {
					if err := s.caps.Queue.Leave(ctx, req.Name, req.Holder); err != nil {
						return driver.Grant{}, err
					}
				}
				return s.caps.Queue.Enqueue(ctx, req, patience)
			}
			return s.shim
		},
	},
	{
		Name:     "immortal-waiter",
		Explains: "A place in the queue is kept for ever, so the name is handed to waiters that are long dead.",
		Rule:     "patience-runs-out",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
				if patience > 0 {
					patience = driver.MaxTTL
				}
				return s.caps.Queue.Enqueue(ctx, req, patience)
			}
			return s
		},
	},
	{
		Name:     "patience-of-zero",
		Explains: "A patience that is not positive is taken for a long one.",
		Rule:     "patience-invalid",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
				if patience <= 0 {
					patience = time.Hour
				}
				return s.caps.Queue.Enqueue(ctx, req, patience)
			}
			return s
		},
	},
	{
		Name:     "impatient",
		Explains: "A place is lost after a tenth of its patience: waiters that live lose their turn.",
		Rule:     "patience-kept",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
				if patience > 0 {
					patience = max(driver.MinTTL, patience/10)
				}
				return s.caps.Queue.Enqueue(ctx, req, patience)
			}
			return s
		},
	},
	{
		Name:     "look-renews-nothing",
		Explains: "Look does not show that the waiters live, so those who only look lose their places.",
		Rule:     "look-renews",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.look = func(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
				if patience > 0 {
					patience = driver.MinTTL
				}
				return s.caps.Queue.Look(ctx, name, client, patience)
			}
			return s
		},
	},
	{
		Name:     "leave-strands",
		Explains: "Leave of one who was handed the name already does nothing: the name stays held by somebody who has gone.",
		Rule:     "leave-gives-on",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.leave = func(ctx context.Context, name, id string) error {
				if _, ok := holder(ctx, in, name, id); ok {
					return nil
				}
				return s.caps.Queue.Leave(ctx, name, id)
			}
			return s
		},
	},
	{
		Name:     "leave-complains",
		Explains: "Leave of one who has no place is an error, so that a waiter cannot just clean up.",
		Rule:     "leave-queue",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.leave = func(ctx context.Context, name, id string) error {
				before, err := in.Holders(ctx, name)
				if err != nil {
					return err
				}
				if err := s.caps.Queue.Leave(ctx, name, id); err != nil {
					return err
				}
				after, err := in.Holders(ctx, name)
				if err == nil && before.Waiting == after.Waiting && len(before.Holders) == len(after.Holders) {
					return driver.ErrNotFound
				}
				return err
			}
			return s
		},
	},
	{
		Name:     "evict-drops-waiters",
		Explains: "Evict deletes the queue with the rest: those who wait wait for ever, or until they notice.",
		Rule:     "evict-keeps-queue",
		Wrap: func(in driver.Store) driver.Store {
			s := newLined(in)
			s.evict = func(ctx context.Context, name string) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.stepAside(ctx, name)
				delete(s.line, name)
				return in.Evict(ctx, name)
			}
			return s.shim
		},
	},
	{
		Name:     "handed-time-from-queueing",
		Explains: "The time of a lease that is handed over counts from when the waiter took its place: one that has waited long has almost none.",
		Rule:     "handed-ttl",
		Wrap: func(in driver.Store) driver.Store {
			s := newLined(in)
			since := map[string]time.Time{} // by holder
			enqueue := s.enqueue
			s.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
				g, err := enqueue(ctx, req, patience)
				s.mu.Lock()
				defer s.mu.Unlock()
				if errors.Is(err, driver.ErrHeld) && since[req.Holder].IsZero() {
					since[req.Holder] = time.Now()
				}
				return g, err
			}
			s.release = func(ctx context.Context, g driver.Grant) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				if err := in.Release(ctx, g); err != nil {
					return err
				}
				for _, w := range s.line[g.Name] {
					if _, ok := holder(ctx, in, g.Name, w.req.Holder); ok && w.req.TTL != driver.NoExpiry {
						left := max(driver.MinTTL, w.req.TTL-time.Since(since[w.req.Holder]))
						_, _ = in.Extend(ctx, driver.Grant{Name: g.Name, Holder: w.req.Holder}, left)
					}
				}
				s.forget(ctx, g.Name)
				return nil
			}
			return s.shim
		},
	},
}

// handsOverTwice keeps the second of the two under a second name.
func handsOverTwice(in driver.Store) driver.Store {
	s := newLined(in)
	seconds := map[string]driver.Grant{} // by holder, under the first name
	under := func(g driver.Grant) driver.Grant {
		g.Name += "\x00second"
		return g
	}
	enqueue, look, leave := s.enqueue, s.look, s.leave

	s.release = func(ctx context.Context, g driver.Grant) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, ok := seconds[g.Holder]; ok {
			delete(seconds, g.Holder)
			return in.Release(ctx, under(g))
		}
		if err := in.Release(ctx, g); err != nil {
			return err
		}
		s.forget(ctx, g.Name)
		if len(s.line[g.Name]) == 0 {
			return nil
		}
		req := s.line[g.Name][0].req
		req.Name += "\x00second"
		if second, err := in.Acquire(ctx, req); err == nil {
			second.Name = g.Name
			seconds[req.Holder] = second
			s.line[g.Name] = s.line[g.Name][1:]
			_ = s.caps.Queue.Leave(ctx, g.Name, req.Holder)
		}
		return nil
	}
	s.extend = func(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, ok := seconds[g.Holder]; !ok {
			return in.Extend(ctx, g, ttl)
		}
		name := g.Name
		g, err := in.Extend(ctx, under(g), ttl)
		if err == nil {
			g.Name = name
		}
		return g, err
	}
	s.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
		s.mu.Lock()
		g, ok := seconds[req.Holder]
		s.mu.Unlock()
		if ok {
			return g, nil
		}
		return enqueue(ctx, req, patience)
	}
	s.look = func(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
		sight, err := look(ctx, name, client, patience)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, g := range seconds {
			if err == nil && g.Name == name && driver.ClientOf(g.Holder) == client {
				sight.Grants = append(sight.Grants, g)
			}
		}
		return sight, err
	}
	s.leave = func(ctx context.Context, name, id string) error {
		s.mu.Lock()
		g, ok := seconds[id]
		delete(seconds, id)
		s.mu.Unlock()
		if ok {
			return in.Release(ctx, under(g))
		}
		return leave(ctx, name, id)
	}
	return s.shim
}

// place is one who waits, as a lined shim remembers it.
type place struct {
	req      driver.AcquireRequest
	patience time.Duration
}

// lined is a shim that knows who waits, and can take them out of the sound store's
// queue and put them back. Those who were taken out meanwhile get their turn with
// the next look at the name.
type lined struct {
	*shim
	line  map[string][]place
	aside map[string]bool
}

func newLined(in driver.Store) *lined {
	s := &lined{shim: over(in), line: map[string][]place{}, aside: map[string]bool{}}
	q := s.caps.Queue
	s.enqueue = func(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stepBack(ctx, req.Name)
		g, err := q.Enqueue(ctx, req, patience)
		if errors.Is(err, driver.ErrHeld) && !s.waits(req) {
			s.line[req.Name] = append(s.line[req.Name], place{req, patience})
		}
		return g, err
	}
	s.look = func(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stepBack(ctx, name)
		return q.Look(ctx, name, client, patience)
	}
	s.leave = func(ctx context.Context, name, id string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stepBack(ctx, name)
		s.line[name] = slices.DeleteFunc(s.line[name], func(w place) bool { return w.req.Holder == id })
		return q.Leave(ctx, name, id)
	}
	return s
}

// The methods below are called with mu held.

// waits tells whether req is remembered.
func (s *lined) waits(req driver.AcquireRequest) bool {
	return slices.ContainsFunc(s.line[req.Name], func(w place) bool { return w.req.Holder == req.Holder })
}

// fits tells whether there are slots for req, queue or not.
func (s *lined) fits(ctx context.Context, req driver.AcquireRequest) bool {
	o, err := s.Store.Holders(ctx, req.Name)
	return err == nil && o.Slots()+req.Slots <= req.Limit
}

// forget drops those who are holders by now.
func (s *lined) forget(ctx context.Context, name string) {
	s.line[name] = slices.DeleteFunc(s.line[name], func(w place) bool {
		_, ok := holder(ctx, s.Store, name, w.req.Holder)
		return ok
	})
	if len(s.line[name]) == 0 {
		delete(s.line, name)
	}
}

// stepAside takes all who wait out of the queue.
func (s *lined) stepAside(ctx context.Context, name string) {
	s.forget(ctx, name)
	for _, w := range slices.Backward(s.line[name]) {
		_ = s.caps.Queue.Leave(ctx, name, w.req.Holder)
	}
	s.aside[name] = true
}

// stepBack puts them back in order. One who fits holds the name now.
func (s *lined) stepBack(ctx context.Context, name string) {
	if !s.aside[name] {
		return
	}
	delete(s.aside, name)
	for _, w := range s.line[name] {
		_, _ = s.caps.Queue.Enqueue(ctx, w.req, w.patience)
	}
	s.forget(ctx, name)
}
