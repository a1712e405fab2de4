// Package seamlog wraps a store and writes down each call and its reply, as the events
// of [history.Seam].
//
// It sees what its caller sees. Directly on a store, below whatever makes faults, that
// is what the store has done and when: a request that a fault sends late or twice is
// there when it arrives, as often as it does, and no outcome is unknown. That is where a
// simulation has it, and where a model of the store can be held against the history
// strictly. In a client process the engine is behind a network, and the history is what
// that client saw: an outcome that is [history.Unknown] may take effect at any time
// after the call, or never.
package seamlog

import (
	"context"
	"errors"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// The operations, named as the methods are.
const (
	Acquire    history.Op = "acquire"    // Call: Key, Holder, Limit, Slots, TTL. Return: Outcome and Fence, Slots, TTL, At; if Held: Holder, TTL (after which to ask again), At; if Limit: Limit, the one in force
	Enqueue    history.Op = "enqueue"    // as Acquire; Call: Patience too
	Extend     history.Op = "extend"     // Call: Key, Holder, Fence, TTL. Return: as Acquire
	Release    history.Op = "release"    // Call: Key, Holder, Fence
	Evict      history.Op = "evict"      // Call: Key
	Leave      history.Op = "leave"      // Call: Key, Holder
	Holders    history.Op = "holders"    // Call: Key. Return: Limit, Grants, Waiting
	Look       history.Op = "look"       // Call: Key, Holder (the client), Patience. Return: Grants, Waiting, Holder, TTL (after which to ask again), At
	Push       history.Op = "push"       // a Note: Key, and Holder, Fence, Slots, TTL, At of the Grant, if it has one
	Load       history.Op = "load"       // Call: Key. Return: Value, Version, TTL
	Save       history.Op = "save"       // Call: Key, Value, If, Version (of the condition), TTL. Return: Version
	Delete     history.Op = "delete"     // Call: Key, Version
	LoadObject history.Op = "loadobject" // as Load, without TTL
	SaveObject history.Op = "saveobject" // as Save
)

// What is in If.
const (
	IfAlways  = "always"
	IfAbsent  = "absent"
	IfVersion = "version"
)

// Store is a [driver.Store] that writes down what is done with another. Make it with
// [New].
type Store struct {
	inner driver.Store
	caps  driver.Capabilities // of inner
	rec   *history.Recorder
}

// What a Store has if the inner store has it.
var (
	_ driver.Queuer      = (*Store)(nil)
	_ driver.ObjectStore = (*Store)(nil)
	_ driver.Inspector   = (*Store)(nil)
	_ driver.Pinger      = (*Store)(nil)
	_ driver.Doctor      = (*Store)(nil)
)

// New returns a store that does on inner what it is asked to, and writes it down with
// rec. It has the optional parts that inner has.
func New(inner driver.Store, rec *history.Recorder) *Store {
	return &Store{inner: inner, caps: driver.CapabilitiesOf(inner), rec: rec}
}

// Capabilities returns the parts that the inner store has.
func (s *Store) Capabilities() driver.Capabilities {
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

// ErrNotDone is what an error of the inner store is, to errors.Is, if the request is known
// not to have been done: its outcome is [history.Invalid], not [history.Unknown].
var ErrNotDone = errors.New("not done")

// call writes down one call. What do returns is written into the event of the Return,
// if there was no error. A call whose ctx has ended is none.
func call[T any](ctx context.Context, s *Store, e history.Event, do func() (T, error), tell func(T, *history.Event)) (T, error) {
	if ctx.Err() != nil {
		return do()
	}
	e.Layer = history.Seam
	id := s.rec.Call(e)
	v, err := do()
	r := history.Event{Layer: history.Seam, Op: e.Op, Key: e.Key, Holder: e.Holder, Outcome: Outcome(err)}
	if err != nil {
		refusal(err, &r)
	} else if tell != nil {
		tell(v, &r)
	}
	s.rec.Return(id, r)
	return v, err
}

func call0(ctx context.Context, s *Store, e history.Event, do func() error) error {
	_, err := call(ctx, s, e, func() (struct{}, error) { return struct{}{}, do() }, nil)
	return err
}

// Outcome is what a store's answer means.
func Outcome(err error) history.Outcome {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case err == nil:
		return history.OK
	case is(driver.ErrHeld):
		return history.Held
	case is(driver.ErrLost):
		return history.Lost
	case is(driver.ErrLimit):
		return history.Limit
	case is(driver.ErrNotFound):
		return history.NotFound
	case is(driver.ErrConflict):
		return history.Conflict
	case is(driver.ErrInvalid), is(driver.ErrUnsupported), is(ErrNotDone):
		return history.Invalid
	}
	return history.Unknown
}

func refusal(err error, e *history.Event) {
	e.Error = err.Error()
	var held *driver.HeldError
	var limit *driver.LimitError
	switch {
	case errors.As(err, &held):
		e.Holder, e.TTL, e.At = held.Holder, held.RetryAfter, held.At
	case errors.As(err, &limit):
		e.Limit = limit.Have
	}
}

func granted(g driver.Grant, e *history.Event) {
	e.Holder, e.Fence, e.Slots, e.TTL, e.At = g.Holder, g.Fence, g.Slots, g.TTL, g.At
}

func request(op history.Op, r driver.AcquireRequest, patience time.Duration) history.Event {
	return history.Event{
		Op: op, Key: r.Name, Holder: r.Holder, Limit: r.Limit, Slots: r.Slots, TTL: r.TTL, Patience: patience,
	}
}
