package cachify

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// badDurations are none from 1 ms to 100 years.
var badDurations = []time.Duration{
	0, -1, -time.Second, -NoExpiry, 1, time.Millisecond - 1, 100*365*24*time.Hour + 1, NoExpiry - 1,
}

// operations are all that a lock, guard or pool can be asked, each of which reports
// what is wrong with it.
func operations(c *Cachify, lock []LockOption, once []OnceOption, pool []PoolOption, key string, size int) map[string]func(context.Context) error {
	fn := func(context.Context) error { panic("the function was called") }
	l, g, p := c.Lock(key, lock...), c.Once(key, once...), c.Pool(key, size, pool...)
	second := func(_ any, err error) error { return err }
	third := func(_, _ any, err error) error { return err }
	return map[string]func(context.Context) error{
		"Lock.Acquire":      func(ctx context.Context) error { return second(l.Acquire(ctx)) },
		"Lock.Do":           func(ctx context.Context) error { return l.Do(ctx, fn) },
		"Lock.IsLocked":     func(ctx context.Context) error { return second(l.IsLocked(ctx)) },
		"Lock.Holder":       func(ctx context.Context) error { h, ok, err := l.Holder(ctx); return third(h, ok, err) },
		"Lock.ForceRelease": l.ForceRelease,
		"Once.Do":           func(ctx context.Context) error { return second(g.Do(ctx, fn)) },
		"Once.IsLocked":     func(ctx context.Context) error { return second(g.IsLocked(ctx)) },
		"Once.Holder":       func(ctx context.Context) error { h, ok, err := g.Holder(ctx); return third(h, ok, err) },
		"Once.ForceRelease": g.ForceRelease,
		"Pool.Acquire":      func(ctx context.Context) error { return second(p.Acquire(ctx)) },
		"Pool.Do":           func(ctx context.Context) error { return p.Do(ctx, fn) },
		"Pool.Size":         func(ctx context.Context) error { return second(p.Size(ctx)) },
		"Pool.Holders":      func(ctx context.Context) error { return second(p.Holders(ctx)) },
		"Pool.ForceRelease": p.ForceRelease,
	}
}

func TestBadInputIsRefusedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, f, c := faulty(t, nil, nil)
		_ = mem
		check := func(what string, want error, ctx context.Context, ops map[string]func(context.Context) error) {
			t.Helper()
			for name, op := range ops {
				for range 2 { // the first operation, and every one after it
					err := op(ctx)
					if err == nil {
						t.Errorf("%s: %s was accepted", name, what)
					}
					wantIs(t, err, want)
				}
			}
		}
		ctx := t.Context()
		check("an empty key", ErrInvalid, ctx, operations(c, nil, nil, nil, "", 1))
		check("no context", ErrInvalid, nil, operations(c, nil, nil, nil, "a", 1))
		onlyPool := func(ops map[string]func(context.Context) error) map[string]func(context.Context) error {
			for name := range ops {
				if name[:4] != "Pool" {
					delete(ops, name)
				}
			}
			return ops
		}
		onlyLock := func(ops map[string]func(context.Context) error) map[string]func(context.Context) error {
			for name := range ops {
				if name[:4] != "Lock" {
					delete(ops, name)
				}
			}
			return ops
		}
		for _, d := range badDurations {
			check("Expiry", ErrInvalid, ctx, operations(c, []LockOption{Expiry(d)}, []OnceOption{Expiry(d)}, []PoolOption{SlotExpiry(d)}, "a", 1))
			check("MinHold", ErrInvalid, ctx, operations(c, []LockOption{MinHold(d)}, []OnceOption{MinHold(d)}, []PoolOption{Wait(d)}, "a", 1))
			check("Wait", ErrInvalid, ctx, onlyLock(operations(c, []LockOption{Wait(d)}, nil, nil, "a", 1)))
			_, err := Locked(c, "{}", echo, Wait(d))
			wantIs(t, err, ErrInvalid)
			_, err = Once(c, "{}", echo, Expiry(d))
			wantIs(t, err, ErrInvalid)
			_, err = Pooled(c, "{}", 1, echo, SlotExpiry(d))
			wantIs(t, err, ErrInvalid)
		}
		for _, h := range []MinHoldOption{MinHold(NoExpiry), MinHold(DefaultLockExpiration + 1)} {
			check("MinHold", ErrInvalid, ctx, operations(c, []LockOption{h}, []OnceOption{h}, []PoolOption{Slots(0)}, "a", 1))
		}
		for _, size := range []int{0, -1, 1_000_001} {
			check("a size", ErrInvalid, ctx, onlyPool(operations(c, nil, nil, nil, "a", size)))
			_, err := Pooled(c, "{}", size, echo)
			wantIs(t, err, ErrInvalid)
		}
		for _, n := range []int{0, -1, 4} {
			check("slots", ErrInvalid, ctx, onlyPool(operations(c, nil, nil, []PoolOption{Slots(n)}, "a", 3)))
			_, err := Pooled(c, "{}", 3, echo, Slots(n))
			wantIs(t, err, ErrInvalid)
		}
		// Two that do not go together, seen without an instance.
		_, err := Locked(nil, "{}", echo, Expiry(time.Second), MinHold(2*time.Second))
		wantIs(t, err, ErrInvalid)
		_, err = Once(nil, "{}", echo, MinHold(2*time.Second), Expiry(time.Second))
		wantIs(t, err, ErrInvalid)

		for _, err := range []error{
			c.Lock("a").Do(ctx, nil), c.Pool("a", 1).Do(ctx, nil),
			func() error { _, err := c.Once("a").Do(ctx, nil); return err }(),
		} {
			wantIs(t, err, ErrInvalid)
		}
		var none func(context.Context, int) (string, error)
		_, err = Locked(c, "{}", none)
		wantIs(t, err, ErrInvalid)
		_, err = Once(c, "{}", none)
		wantIs(t, err, ErrInvalid)
		_, err = Pooled(c, "{}", 1, none)
		wantIs(t, err, ErrInvalid)

		if counts := f.Counts().String(); counts != "calls: none; faults: none; delayed 0" {
			t.Errorf("the store was asked: %s", counts)
		}

		closed := instanceOn(t, f, nil)
		wantNil(t, closed.Close(ctx))
		check("a closed instance", ErrClosed, ctx, operations(closed, nil, nil, nil, "a", 1))
		wantNil(t, mem.Close())
		check("a closed store", ErrClosed, ctx, operations(c, nil, nil, nil, "a", 1))
		ended, cancel := context.WithCancel(ctx)
		cancel()
		open := instanceOn(t, memory(t), nil)
		check("a ctx that has ended", context.Canceled, ended, operations(open, nil, nil, nil, "a", 1))
	})
}

func TestExtremeDurationsAreAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		for _, d := range []time.Duration{time.Millisecond, 100 * 365 * 24 * time.Hour, NoExpiry} {
			mustRelease(t, mustAcquire(t, c.Lock("a", Expiry(d), Wait(d))))
			mustRelease(t, mustAcquire(t, c.Pool("a", 1, SlotExpiry(d), Wait(d))))
		}
		mustRelease(t, mustAcquire(t, c.Pool("a", 1_000_000, Slots(1_000_000))))
	})
}

func TestTheLastOptionCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		l := mustAcquire(t, c.Lock("a", Expiry(time.Second), nil, Expiry(time.Minute)))
		wantTime(t, "Remaining", l.Remaining(), time.Minute*99/100)
		mustRelease(t, l)
	})
}

func TestDefaultsOfTheInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), &Config{LockExpiration: 5 * time.Second, PoolSlotExpiration: 7 * time.Second})
		for _, tc := range []struct {
			of   acquirer
			want time.Duration
		}{
			{c.Lock("a"), 5 * time.Second},
			{c.Pool("b", 2), 7 * time.Second},
		} {
			l := mustAcquire(t, tc.of)
			wantTime(t, "Remaining", l.Remaining(), tc.want-tc.want/100)
			mustRelease(t, l)
		}
		_, err := c.Once("c").Do(t.Context(), func(ctx context.Context) error {
			h, _, err := c.Once("c").Holder(ctx)
			wantTime(t, "a guard's time", h.TTL, 5*time.Second)
			return err
		})
		wantNil(t, err)
	})
}

// echo is a function to wrap.
func echo(_ context.Context, n int) (string, error) { return string(rune('a' + n)), nil }
