package cachify

import (
	"context"
	"errors"
	"fmt"
)

// Guard keeps a function from running twice at the same time, over all who use the
// same store and prefix: who comes while it runs skips it. Make it with
// [Cachify.Once]. Like a [Lock] it is cheap and holds nothing by itself.
type Guard struct{ subject }

// Once returns the guard on key. Without options, who comes while the function runs
// elsewhere skips it quietly, and a run that does not end keeps others out for
// [Config].LockExpiration. What is wrong with key or options is the error of every
// operation. In the store, "-once" stands behind the key.
//
//	ran, err := c.Once("daily-report", cachify.KeepAlive()).Do(ctx, sendReport)
func (c *Cachify) Once(key string, opts ...OnceOption) *Guard {
	return &Guard{c.once(key, opts)}
}

func (c *Cachify) once(key string, opts []OnceOption) subject {
	var s settings
	for _, o := range opts {
		if o != nil {
			s = o.onceOption(s)
		}
	}
	return newSubject(c, VerbOnce, key, suffixOnce, 1, s)
}

// Key returns the guard's key.
func (g *Guard) Key() string { return g.key }

// Acquire begins a run whose end is not that of a function: it ends when the lease is
// released, or is over. While it runs elsewhere the error is [ErrLocked], with
// [ErrorOnLocked] or without. ctx is as for [Lock.Acquire].
func (g *Guard) Acquire(ctx context.Context) (*Lease, error) {
	lease, err := g.acquire(ctx)
	if err != nil {
		_ = g.skipped(err) // tells the events
		return nil, err
	}
	return lease, nil
}

// Do runs fn unless it runs elsewhere, and reports whether it ran. fn's ctx ends
// with ctx, or when the guard is lost. If it was skipped, the error is nil, or one
// that is [ErrLocked] with [ErrorOnLocked]. If it ran, the error is as for
// [Lock.Do].
func (g *Guard) Do(ctx context.Context, fn func(ctx context.Context) error) (ran bool, err error) {
	if fn == nil {
		return false, errNilFunc
	}
	lease, err := g.acquire(ctx)
	if err != nil {
		return false, g.skipped(err)
	}
	return true, lease.run(ctx, fn)
}

// skipped decides what a refusal is to a guard: nothing, unless it was to be an
// error.
func (s *subject) skipped(err error) error {
	held := (*LockedError)(nil)
	if !errors.As(err, &held) {
		return err
	}
	if k, _, err := s.on(context.Background()); err == nil && k.Events.Skipped != nil {
		k.Events.Skipped(WaitEvent{Verb: VerbOnce, Key: s.key, Holder: held.Holder, RetryAfter: held.RetryAfter})
	}
	if s.settings.fail {
		return err
	}
	return nil
}

// IsLocked reports whether the function runs anywhere.
func (g *Guard) IsLocked(ctx context.Context) (bool, error) { return g.isLocked(ctx) }

// Holder tells who runs the function; false: nobody.
func (g *Guard) Holder(ctx context.Context) (Holder, bool, error) { return g.holder(ctx) }

// ForceRelease lets the function run again although a run has not ended. That run
// learns it by [ErrLost].
func (g *Guard) ForceRelease(ctx context.Context) error { return g.forceRelease(ctx) }

// OnceFunc is a function that is skipped while it runs elsewhere. Make it with
// [Once].
type OnceFunc[A, R any] struct {
	wrapped[A]
	fn      func(context.Context, A) (R, error)
	instead R
}

// Once wraps fn so that a call is skipped while another call with the same key runs
// anywhere. A skipped call returns the zero R, or what [ReturnOnLocked] says, and no
// error unless [ErrorOnLocked] is given. c, template and the error are as for
// [Locked]; in the store, "-once" stands behind the key.
func Once[A, R any](c *Cachify, template string, fn func(context.Context, A) (R, error), opts ...OnceFuncOption) (*OnceFunc[A, R], error) {
	if fn == nil {
		return nil, errNilFunc
	}
	var s settings
	for _, o := range opts {
		if o != nil {
			s = o.onceFuncOption(s)
		}
	}
	f := &OnceFunc[A, R]{fn: fn}
	if s.returnThis != nil {
		box, ok := s.returnThis.(returnValue).as(&f.instead)
		if !ok {
			return nil, fmt.Errorf("%w: ReturnOnLocked got a %s: this function returns a %s", ErrInvalid, box, fmt.Sprintf("%T", &f.instead)[1:])
		}
	}
	var err error
	f.wrapped, err = newWrapped[A](c, VerbOnce, template, suffixOnce, 1, s)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Call runs the function unless it runs elsewhere. Who must know whether it ran
// uses Try.
func (f *OnceFunc[A, R]) Call(ctx context.Context, arg A) (R, error) {
	r, _, err := f.Try(ctx, arg)
	return r, err
}

// Try is Call that reports whether the function ran.
func (f *OnceFunc[A, R]) Try(ctx context.Context, arg A) (r R, ran bool, err error) {
	s := f.on(arg)
	lease, err := s.acquire(ctx)
	if err == nil {
		r, err = call(ctx, lease, f.fn, arg)
		return r, true, err
	}
	if err = s.skipped(err); err != nil {
		return r, false, err
	}
	return f.instead, false, nil
}

// IsLocked reports whether the function runs anywhere for arg.
func (f *OnceFunc[A, R]) IsLocked(ctx context.Context, arg A) (bool, error) {
	return f.isLocked(ctx, arg)
}

// Holder tells who runs the function for arg; false: nobody.
func (f *OnceFunc[A, R]) Holder(ctx context.Context, arg A) (Holder, bool, error) {
	return f.holder(ctx, arg)
}

// ForceRelease is that of [Guard], for arg.
func (f *OnceFunc[A, R]) ForceRelease(ctx context.Context, arg A) error {
	return f.forceRelease(ctx, arg)
}

// ErrorOnLockedOption is what [ErrorOnLocked] returns.
type ErrorOnLockedOption struct{}

// ErrorOnLocked makes a skipped call an error that is [ErrLocked], also if there is
// a [ReturnOnLocked].
func ErrorOnLocked() ErrorOnLockedOption { return ErrorOnLockedOption{} }

func (ErrorOnLockedOption) onceOption(s settings) settings {
	s.fail = true
	return s
}
func (o ErrorOnLockedOption) onceFuncOption(s settings) settings { return o.onceOption(s) }

// ReturnOnLockedOption is what [ReturnOnLocked] returns.
type ReturnOnLockedOption struct{ value returnValue }

// ReturnOnLocked makes a skipped call return v. That v has the type which the
// function returns is checked when it is wrapped.
func ReturnOnLocked[R any](v R) ReturnOnLockedOption {
	return ReturnOnLockedOption{typedValue[R]{v}}
}

func (o ReturnOnLockedOption) onceFuncOption(s settings) settings {
	s.returnThis = o.value
	return s
}

// returnValue is a value whose type is forgotten and then asked for again. It
// keeps interface types and nil, which a plain any does not.
type returnValue interface {
	// as stores the value in target, a *R; false and the type's name if it is not.
	as(target any) (name string, ok bool)
}

type typedValue[R any] struct{ v R }

func (t typedValue[R]) as(target any) (string, bool) {
	p, ok := target.(*R)
	if ok {
		*p = t.v
	}
	return fmt.Sprintf("%T", &t.v)[1:], ok
}
