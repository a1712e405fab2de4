package cachify

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

func TestALockIsNotReentrantByDefault(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		err := c.Lock("a").Do(t.Context(), func(ctx context.Context) error {
			_, err := c.Lock("a").Acquire(ctx)
			wantIs(t, err, ErrLocked)
			_, err = c.Lock("a", Wait(time.Second)).Acquire(ctx)
			wantIs(t, err, ErrLocked, ErrTimeout)
			return nil
		})
		wantNil(t, err)
	})
}

func TestReentrant(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		lock := c.Lock("a", Reentrant(), Wait(Forever))
		outer := mustAcquire(t, lock)
		inner, err := lock.Acquire(outer.Context())
		wantNil(t, err)
		if inner.Fence() != outer.Fence() || inner.Holder() != outer.Holder() || inner.Remaining() != outer.Remaining() {
			t.Error("the inner lease is another one")
		}
		third, err := c.Lock("a", Reentrant()).Acquire(inner.Context())
		wantNil(t, err)

		// In any order: the last one frees it.
		mustRelease(t, outer)
		wantIs(t, outer.Err(), ErrReleased)
		wantIs(t, outer.Extend(t.Context(), time.Minute), ErrReleased)
		wantTime(t, "Remaining", outer.Remaining(), 0)
		wantNil(t, inner.Err())
		wantNil(t, inner.Extend(t.Context(), time.Minute))
		mustRelease(t, outer)
		mustRelease(t, third)
		wantState(t, store, "PYC-a", 1, 0)
		mustRelease(t, inner)
		wantState(t, store, "PYC-a", 0, 0)
		if inner.Context().Err() == nil {
			t.Error("the context has not ended")
		}
	})
}

func TestReentrantInDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		lock := c.Lock("a", Reentrant())
		other := c.Lock("b", Reentrant())
		depth := 0
		var innermost context.Context
		var enter func(ctx context.Context) error
		enter = func(ctx context.Context) error {
			wantState(t, mem, "PYC-a", 1, 0)
			if depth++; depth == 5 {
				innermost = ctx
				return nil
			}
			return other.Do(ctx, func(ctx context.Context) error { return lock.Do(ctx, enter) })
		}
		wantNil(t, lock.Do(t.Context(), func(ctx context.Context) error {
			if err := enter(ctx); err != nil {
				return err
			}
			if innermost.Err() == nil || ctx.Err() != nil {
				t.Error("a function's ctx has to end with its own Do")
			}
			wantIs(t, context.Cause(innermost), ErrReleased)
			wantState(t, mem, "PYC-a", 1, 0)
			wantState(t, mem, "PYC-b", 0, 0)
			return nil
		}))
		if depth != 5 {
			t.Errorf("depth %d", depth)
		}
		wantState(t, mem, "PYC-a", 0, 0)

		// A wrapped function meets the lock of the same name in the store.
		f := Must(Locked(c, "x-{}", func(ctx context.Context, n int) (int, error) { return n, nil }, Reentrant()))
		wantNil(t, c.Lock("x-1-lock").Do(t.Context(), func(ctx context.Context) error {
			n, err := f.Call(ctx, 1)
			if n != 1 {
				t.Error("it did not run")
			}
			return err
		}))
	})
}

// What a long-held lock is entered with does not pile up.
func TestReentrantDoLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		lock := c.Lock("a", Reentrant())
		outer := mustAcquire(t, lock)
		ctx := outer.Context()
		for range 100 {
			wantNil(t, lock.Do(ctx, func(context.Context) error { return nil }))
		}
		if n := len(outer.hold.contexts); n != 1 {
			t.Errorf("%d contexts, want 1", n)
		}
		mustRelease(t, outer)
	})
}

func TestReentrantOnlyOnTheSameLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		l := mustAcquire(t, c.Lock("a"))
		ctx := l.Context()

		other, err := c.Lock("b", Reentrant()).Acquire(ctx)
		wantNil(t, err)
		if other.Holder() == l.Holder() {
			t.Error("another key shares the lease")
		}
		mustRelease(t, other)

		prefixed := instanceOn(t, mem, &Config{Prefix: "B-"})
		other, err = prefixed.Lock("a", Reentrant()).Acquire(ctx)
		wantNil(t, err)
		if other.Holder() == l.Holder() {
			t.Error("another prefix shares the lease")
		}
		mustRelease(t, other)

		elsewhere := instanceOn(t, memory(t), nil)
		other, err = elsewhere.Lock("a", Reentrant()).Acquire(ctx)
		wantNil(t, err)
		if other.Holder() == l.Holder() {
			t.Error("another store shares the lease")
		}
		mustRelease(t, other)

		twin := instanceOn(t, mem, nil) // the same lock through another instance
		inner, err := twin.Lock("a", Reentrant()).Acquire(ctx)
		wantNil(t, err)
		mustRelease(t, inner)

		_, err = c.Lock("a", Reentrant()).Acquire(t.Context()) // not under it
		wantIs(t, err, ErrLocked)
		mustRelease(t, l)
	})
}

// mutable is a store whose type cannot be compared.
type mutable struct {
	driver.Store
	_ []int
}

func TestReentrantOnAStoreThatCannotBeCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c, twin := instanceOn(t, mutable{Store: mem}, nil), instanceOn(t, mutable{Store: mem}, nil)
		l := mustAcquire(t, c.Lock("a"))
		inner, err := c.Lock("a", Reentrant()).Acquire(l.Context())
		wantNil(t, err)
		mustRelease(t, inner)
		_, err = twin.Lock("a", Reentrant()).Acquire(l.Context())
		wantIs(t, err, ErrLocked)
		mustRelease(t, l)
	})
}

func TestReentrantAfterTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		lock := c.Lock("a", Reentrant(), Expiry(time.Second))
		outer := mustAcquire(t, lock)
		ctx := outer.Context()
		<-ctx.Done()
		_, err := lock.Acquire(ctx)
		wantIs(t, err, context.Canceled)
		_, err = lock.Acquire(context.WithoutCancel(ctx)) // it is still the store's holder
		wantIs(t, err, ErrLocked)
		<-time.After(time.Second)
		inner, err := lock.Acquire(context.WithoutCancel(ctx))
		wantNil(t, err)
		if inner.Fence() <= outer.Fence() {
			t.Error("it shares a lease that is over")
		}
		mustRelease(t, inner)

		// A loss reaches all who share.
		outer = mustAcquire(t, lock)
		inner, err = lock.Acquire(outer.Context())
		wantNil(t, err)
		wantNil(t, lock.ForceRelease(t.Context()))
		wantIs(t, inner.Extend(t.Context(), time.Second), ErrLost)
		wantIs(t, inner.Release(t.Context()), ErrLost)
		wantIs(t, outer.Release(t.Context()), ErrLost)
	})
}
