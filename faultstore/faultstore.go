package faultstore

import (
	"context"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Store is a [driver.Store] with faults, on another one. Make it with [New].
type Store struct {
	inner  driver.Store
	caps   driver.Capabilities // of inner
	ended  chan struct{}       // closed by Close
	mu     sync.Mutex
	script Script
	counts Counts
	closed bool
	late   map[*delivery]struct{} // scheduled and not yet begun
	busy   int                    // deliveries that are scheduled or under way
	idle   sync.Cond              // busy became 0
}

// What a Store has if the inner store has it.
var (
	_ driver.Queuer      = (*Store)(nil)
	_ driver.ObjectStore = (*Store)(nil)
	_ driver.Inspector   = (*Store)(nil)
	_ driver.Pinger      = (*Store)(nil)
	_ driver.Doctor      = (*Store)(nil)
)

// New returns a store that does on inner what it is asked to do, and to it what
// script says. nil: nothing, for now.
func New(inner driver.Store, script Script) *Store {
	s := &Store{
		inner: inner, caps: driver.CapabilitiesOf(inner), script: script,
		ended: make(chan struct{}), late: make(map[*delivery]struct{}),
	}
	s.idle.L = &s.mu
	return s
}

// Capabilities returns the parts that the inner store has, with faults.
func (s *Store) Capabilities() driver.Capabilities {
	c := driver.Capabilities{Lacks: s.caps.Lacks}
	if s.caps.Queue != nil {
		c.Queue = s
	}
	if s.caps.Objects != nil {
		c.Objects = s
	}
	if s.caps.Inspect != nil {
		c.Inspect = s
	}
	if s.caps.Ping != nil {
		c.Ping = s
	}
	if s.caps.Doctor != nil {
		c.Doctor = s
	}
	return c
}

// SetScript replaces the script, for calls from now on. N goes on counting. nil: no
// more faults.
func (s *Store) SetScript(script Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// Counts returns what happened so far.
func (s *Store) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Wait returns when all requests and pushes that are on their way late have arrived,
// those included that are sent meanwhile.
func (s *Store) Wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy > 0 {
		s.idle.Wait()
	}
}

// Close ends the wrapper: calls that hang or are delayed return [driver.ErrClosed], as
// do all later ones; requests and pushes on their way are lost. It waits for
// deliveries that are under way, so it must not be called from a wake function. The
// inner store stays open: it belongs to who made it. Call Wait first to have
// everything delivered.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.ended)
	}
	for d := range s.late {
		d.timer.Stop()
		s.doneLocked(d)
	}
	for s.busy > 0 {
		s.idle.Wait()
	}
	return nil
}

// decide counts the call and asks the script.
func (s *Store) decide(c Call) (Call, Fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return c, Fault{}, driver.ErrClosed
	}
	s.counts.calls[c.Op]++
	c.N = s.counts.calls[c.Op]
	if s.script == nil {
		return c, Fault{}, nil
	}
	f := s.script(c)
	if f.Kind >= kinds {
		panic("faultstore: the script returned an unknown kind of fault")
	}
	if f.Kind != None {
		s.counts.faults[f.Kind]++
	}
	if f.Before > 0 || f.After > 0 {
		s.counts.delayed++
	}
	return c, f, nil
}

// run does one call, with what the script has for it.
func run[T any](ctx context.Context, s *Store, c Call, do func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	c, f, err := s.decide(c)
	if err != nil {
		return zero, err
	}
	if err := s.pause(ctx, f.Before); err != nil {
		return zero, err
	}
	again := func() {
		if c.Op.changes() {
			detached := context.WithoutCancel(ctx)
			s.deliver(f.After, func() { _, _ = do(detached) })
		}
	}
	switch f.Kind {
	case Fail:
		return zero, f.err(c)
	case Hang, Drop:
		return zero, s.hang(ctx)
	case Late:
		err := s.hang(ctx)
		again()
		return zero, err
	case Stray:
		again()
		return zero, f.err(c)
	}

	v, err := do(ctx)
	if f.Kind == Duplicate {
		again()
		return v, err
	}
	if err := s.pause(ctx, f.After); err != nil {
		return zero, err
	}
	switch f.Kind {
	case LoseReply:
		return zero, f.err(c)
	case HangReply:
		return zero, s.hang(ctx)
	}
	return v, err
}

// run0 is run for an operation whose only result is its error.
func (s *Store) run0(ctx context.Context, c Call, do func(context.Context) error) error {
	_, err := run(ctx, s, c, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

// pause waits for d unless ctx or the store ends first.
func (s *Store) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended:
		return driver.ErrClosed
	}
}

// hang waits until ctx or the store ends, and says which.
func (s *Store) hang(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended:
		return driver.ErrClosed
	}
}

// delivery is a request or a push that is on its way.
type delivery struct{ timer *time.Timer }

// deliver calls f after d: at once if that is 0, else in a goroutine of its own. Not at
// all if the store is closed before.
func (s *Store) deliver(d time.Duration, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.busy++
	one := &delivery{}
	if d <= 0 {
		s.arrive(one, f)
		return
	}
	s.late[one] = struct{}{}
	one.timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, scheduled := s.late[one]; !scheduled {
			return // Close was faster
		}
		delete(s.late, one)
		s.arrive(one, f)
	})
}

// arrive calls f without the lock, which its caller holds.
func (s *Store) arrive(one *delivery, f func()) {
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.doneLocked(one)
	}()
	f()
}

func (s *Store) doneLocked(one *delivery) {
	delete(s.late, one)
	if s.busy--; s.busy == 0 {
		s.idle.Broadcast()
	}
}
