package cachify

import "context"

// Lock is a lock on one key: at most one holder at a time, over all who use the
// same store and prefix. It is cheap to make, holds nothing by itself, and can be
// used many times and by many goroutines.
//
// It is not re-entrant unless [Reentrant] is given: acquiring it inside itself is
// refused, or waits for the end of the outer lease. That wait succeeds only with a
// ctx that does not come from the outer lease, which ends a little before the lease
// does in the store.
type Lock struct{ subject }

// Lock returns the lock on key. Without options, acquiring fails at once if it is
// held, and it frees itself after [Config].LockExpiration. What is wrong with key
// or options is the error of every operation.
//
//	lease, err := c.Lock("invoice-42", cachify.Wait(4*time.Second), cachify.Expiry(30*time.Second)).Acquire(ctx)
func (c *Cachify) Lock(key string, opts ...LockOption) *Lock {
	return &Lock{c.lock(key, opts)}
}

// lock is apart from Lock so that Lock can be inlined: then a lock that is used at
// once needs no memory. Once and Pool do likewise.
func (c *Cachify) lock(key string, opts []LockOption) subject {
	var s settings
	for _, o := range opts {
		if o != nil {
			s = o.lockOption(s)
		}
	}
	return newSubject(c, VerbLock, key, "", 1, s)
}

// Key returns the lock's key.
func (l *Lock) Key() string { return l.key }

// Acquire gets the lock, or an error that is [ErrLocked] if it is held; after
// waiting, it is [ErrTimeout] too. ctx bounds only the acquiring: when it ends, the
// error is ctx's own, and what it was granted meanwhile is given back. The lease
// lasts on, and is the caller's to release. A store that fails is [ErrStore]; while
// there is time to wait, it is asked again. A grant that comes when its time is
// already over is given back, and is [ErrExpired].
func (l *Lock) Acquire(ctx context.Context) (*Lease, error) { return l.acquire(ctx) }

// Do runs fn while it holds the lock. fn's ctx ends with ctx, or when the lock is
// lost. The error is that of Acquire, in which case fn was not run, or fn's own
// joined with that of [Lease.Release]: the loss of the lock is reported also when
// fn returned nil.
func (l *Lock) Do(ctx context.Context, fn func(ctx context.Context) error) error {
	if fn == nil {
		return errNilFunc
	}
	lease, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	return lease.run(ctx, fn)
}

// IsLocked reports whether anybody holds the lock.
func (l *Lock) IsLocked(ctx context.Context) (bool, error) { return l.isLocked(ctx) }

// Holder tells who holds the lock; false: nobody.
func (l *Lock) Holder(ctx context.Context) (Holder, bool, error) { return l.holder(ctx) }

// ForceRelease takes the lock away from whoever holds it. The holder learns it by
// [ErrLost], at its next renewal or release; until then it believes to hold the
// lock. It is no error if nobody did.
func (l *Lock) ForceRelease(ctx context.Context) error { return l.forceRelease(ctx) }

// LockedFunc is a function that runs under a lock. Make it with [Locked].
type LockedFunc[A, R any] struct {
	wrapped[A]
	fn func(context.Context, A) (R, error)
}

// Locked wraps fn so that each call holds the lock on the key that template makes
// of its argument ([Cached] says how). c is the instance, bound now; nil or
// [Global] is the global one at the time of each call. The key in the store is
// that of the template with "-lock" behind it. The error wraps [ErrInvalid]: a bad
// template, option, or function.
func Locked[A, R any](c *Cachify, template string, fn func(context.Context, A) (R, error), opts ...LockedOption) (*LockedFunc[A, R], error) {
	if fn == nil {
		return nil, errNilFunc
	}
	var s settings
	for _, o := range opts {
		if o != nil {
			s = o.lockedOption(s)
		}
	}
	w, err := newWrapped[A](c, VerbLock, template, suffixLocked, 1, s)
	if err != nil {
		return nil, err
	}
	return &LockedFunc[A, R]{w, fn}, nil
}

// Call runs the function under the lock, as [Lock.Do] does.
func (f *LockedFunc[A, R]) Call(ctx context.Context, arg A) (R, error) {
	lease, err := f.acquire(ctx, arg)
	if err != nil {
		var none R
		return none, err
	}
	return call(ctx, lease, f.fn, arg)
}

// IsLocked reports whether anybody holds the lock for arg.
func (f *LockedFunc[A, R]) IsLocked(ctx context.Context, arg A) (bool, error) {
	return f.isLocked(ctx, arg)
}

// Holder tells who holds the lock for arg; false: nobody.
func (f *LockedFunc[A, R]) Holder(ctx context.Context, arg A) (Holder, bool, error) {
	return f.holder(ctx, arg)
}

// ForceRelease takes the lock for arg away from whoever holds it, as
// [Lock.ForceRelease] does.
func (f *LockedFunc[A, R]) ForceRelease(ctx context.Context, arg A) error {
	return f.forceRelease(ctx, arg)
}
