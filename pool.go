package cachify

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-cachify/cachify/driver"
)

// Pool is a counting semaphore on one key: at most size slots are taken at a time,
// over all who use the same store and prefix. Each acquisition is a lease of its
// own. Make it with [Cachify.Pool]. Like a [Lock] it is cheap and holds nothing by
// itself.
type Pool struct{ subject }

// Pool returns the pool on key with size slots, from 1 to 1,000,000. Without
// options, acquiring takes one slot, fails at once if none is free, and the slot
// frees itself after [Config].PoolSlotExpiration. All who use a pool must name the
// same size: as long as somebody holds a slot or waits for one, another size is a
// [*PoolSizeError]. What is wrong with key, size or options is the error of every
// operation. In the store, "-pool" stands behind the key.
func (c *Cachify) Pool(key string, size int, opts ...PoolOption) *Pool {
	return &Pool{c.pool(key, size, opts)}
}

func (c *Cachify) pool(key string, size int, opts []PoolOption) subject {
	var s settings
	for _, o := range opts {
		if o != nil {
			s = o.poolOption(s)
		}
	}
	return newSubject(c, VerbPool, key, suffixPool, size, checkPool(size, s))
}

func checkPool(size int, s settings) settings {
	switch {
	case size < 1 || size > driver.MaxLimit:
		return s.failed(fmt.Errorf("%w: a pool of %d slots: it must be from 1 to %d", ErrInvalid, size, driver.MaxLimit))
	case s.slots > size:
		return s.failed(fmt.Errorf("%w: Slots of %d: the pool has %d", ErrInvalid, s.slots, size))
	}
	return s
}

// Key returns the pool's key.
func (p *Pool) Key() string { return p.key }

// Acquire takes its slots, all at once, or returns an error that is [ErrPoolFull];
// after waiting, it is [ErrTimeout] too. Waiters are served in order: one who wants
// many slots is not overtaken by one who wants few. ctx is as for [Lock.Acquire].
func (p *Pool) Acquire(ctx context.Context) (*Lease, error) { return p.acquire(ctx) }

// Do runs fn while it holds its slots. ctx and the error are as for [Lock.Do].
func (p *Pool) Do(ctx context.Context, fn func(ctx context.Context) error) error {
	if fn == nil {
		return errNilFunc
	}
	lease, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	return lease.run(ctx, fn)
}

// Size returns how many slots are taken now, as py-cachify's size does.
func (p *Pool) Size(ctx context.Context) (int, error) { return p.taken(ctx) }

func (s *subject) taken(ctx context.Context) (int, error) {
	o, err := s.occupancy(ctx)
	return o.Slots(), err
}

// Holders tells who holds slots, longest first.
func (p *Pool) Holders(ctx context.Context) ([]Holder, error) { return p.holders(ctx) }

// ForceRelease frees all slots, by force. Their holders learn it by [ErrLost].
func (p *Pool) ForceRelease(ctx context.Context) error { return p.forceRelease(ctx) }

// PooledFunc is a function of which at most so many calls run at a time. Make it
// with [Pooled].
type PooledFunc[A, R any] struct {
	wrapped[A]
	fn     func(context.Context, A) (R, error)
	onFull func(context.Context, A) (R, error) // nil: none
}

// Pooled wraps fn so that at most size calls with the same key run at a time
// anywhere. A call that finds the pool full returns what [OnFull]'s function does,
// an error that is [ErrPoolFull] with [ErrorOnFull], and otherwise the zero R and no
// error, as py-cachify. c, template and the error are as for [Locked], size as for
// [Cachify.Pool]; in the store, "-pool" stands behind the key.
func Pooled[A, R any](c *Cachify, template string, size int, fn func(context.Context, A) (R, error), opts ...PooledOption) (*PooledFunc[A, R], error) {
	if fn == nil {
		return nil, errNilFunc
	}
	var s settings
	for _, o := range opts {
		if o != nil {
			s = o.pooledOption(s)
		}
	}
	f := &PooledFunc[A, R]{fn: fn}
	if s.fallback != nil {
		var ok bool
		if f.onFull, ok = s.fallback.(func(context.Context, A) (R, error)); !ok {
			return nil, fmt.Errorf("%w: OnFull got a %T: this function needs a %T", ErrInvalid, s.fallback, f.onFull)
		}
	}
	var err error
	f.wrapped, err = newWrapped[A](c, VerbPool, template, suffixPool, size, checkPool(size, s))
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Call runs the function in its slots. Who must know whether it ran uses Try.
func (f *PooledFunc[A, R]) Call(ctx context.Context, arg A) (R, error) {
	r, _, err := f.Try(ctx, arg)
	return r, err
}

// Try is Call that reports whether the function ran, and not what stands in for it.
func (f *PooledFunc[A, R]) Try(ctx context.Context, arg A) (r R, ran bool, err error) {
	lease, err := f.acquire(ctx, arg)
	switch {
	case err == nil:
		r, err = call(ctx, lease, f.fn, arg)
		return r, true, err
	case !errors.Is(err, ErrPoolFull):
		return r, false, err
	case f.onFull != nil:
		r, err = f.onFull(ctx, arg)
		return r, false, err
	case f.base.settings.fail:
		return r, false, err
	}
	return r, false, nil
}

// Size returns how many slots are taken now for arg.
func (f *PooledFunc[A, R]) Size(ctx context.Context, arg A) (int, error) {
	s := f.on(arg)
	return s.taken(ctx)
}

// Holders tells who holds slots for arg, longest first.
func (f *PooledFunc[A, R]) Holders(ctx context.Context, arg A) ([]Holder, error) {
	s := f.on(arg)
	return s.holders(ctx)
}

// ForceRelease is that of [Pool], for arg.
func (f *PooledFunc[A, R]) ForceRelease(ctx context.Context, arg A) error {
	return f.forceRelease(ctx, arg)
}

// OnFullOption is what [OnFull] returns.
type OnFullOption struct{ fn any }

// OnFull makes a call that finds the pool full call fn instead, with the same
// arguments. That fn has the wrapped function's type is checked when it is wrapped.
func OnFull[A, R any](fn func(context.Context, A) (R, error)) OnFullOption {
	if fn == nil {
		return OnFullOption{}
	}
	return OnFullOption{fn}
}

func (o OnFullOption) pooledOption(s settings) settings {
	if o.fn == nil {
		return s.failed(fmt.Errorf("%w: OnFull of nil", ErrInvalid))
	}
	s.fallback = o.fn
	return s
}

// ErrorOnFullOption is what [ErrorOnFull] returns.
type ErrorOnFullOption struct{}

// ErrorOnFull makes a call that finds the pool full return an error that is
// [ErrPoolFull]. If there is an [OnFull], that is called instead.
func ErrorOnFull() ErrorOnFullOption { return ErrorOnFullOption{} }

func (ErrorOnFullOption) pooledOption(s settings) settings {
	s.fail = true
	return s
}
