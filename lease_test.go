package cachify

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
)

func TestLeaseTellsWhatItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		l := mustAcquire(t, c.Lock("a"))
		if l.Key() != "a" || l.Slots() != 1 || l.Fence() == 0 || l.Err() != nil {
			t.Errorf("key %q, slots %d, fence %d, err %v", l.Key(), l.Slots(), l.Fence(), l.Err())
		}
		h, held, err := c.Lock("a").Holder(t.Context())
		if err != nil || !held || h.ID != l.Holder() || h.Fence != l.Fence() || h.TTL != DefaultLockExpiration {
			t.Errorf("Holder: %+v, %v, %v", h, held, err)
		}
		if strings.Count(l.Holder(), ":") != 2 || !strings.Contains(l.Holder(), "/") {
			t.Errorf("holder %q is not host:pid:random/sequence", l.Holder())
		}
		wantTime(t, "Remaining", l.Remaining(), DefaultLockExpiration*99/100)
		mustRelease(t, l)
		again := mustAcquire(t, c.Lock("a"))
		if again.Fence() <= l.Fence() || again.Holder() == l.Holder() {
			t.Error("the second lease has not a larger fence and another holder")
		}
		mustRelease(t, again)
		if _, held, err := c.Lock("a").Holder(t.Context()); held || err != nil {
			t.Errorf("Holder of a free lock: %v, %v", held, err)
		}
	})
}

func TestLeaseContextEndsBeforeTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		start := time.Now()
		l := mustAcquire(t, c.Lock("a", Expiry(10*time.Second)))
		ctx := l.Context()
		if ctx != l.Context() {
			t.Error("Context is another one each time")
		}
		<-ctx.Done()
		wantTime(t, "end of the context", time.Since(start), 9900*time.Millisecond)
		if locked, err := c.Lock("a").IsLocked(t.Context()); !locked || err != nil {
			t.Errorf("the store was first: %v, %v", locked, err)
		}
		wantIs(t, context.Cause(ctx), ErrExpired)
		wantNot(t, context.Cause(ctx), ErrLost, ErrReleased)
		wantIs(t, l.Err(), ErrExpired)
		if e := wantAs[*LeaseError](t, l.Err()); e.Key != "a" || e.Fence != l.Fence() {
			t.Errorf("%+v", e)
		}
		wantTime(t, "Remaining", l.Remaining(), 0)
		wantIs(t, l.Release(t.Context()), ErrExpired)
	})
}

// The end comes without a timer too, when somebody asks.
func TestLeaseExpiresUnobserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		l := mustAcquire(t, c.Lock("a", Expiry(time.Second)))
		<-time.After(989 * time.Millisecond)
		wantNil(t, l.Err())
		<-time.After(time.Millisecond)
		wantIs(t, l.Err(), ErrExpired)
		ctx := l.Context()
		if ctx.Err() == nil {
			t.Error("the context of a lease that is over has not ended")
		}
		wantIs(t, context.Cause(ctx), ErrExpired)
	})
}

func TestLeaseContextHasOnlyTheValuesOfAcquire(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, 7), time.Second)
		l, err := c.Lock("a", Expiry(10*time.Second)).Acquire(ctx)
		wantNil(t, err)
		under := l.Context()
		cancel()
		<-time.After(2 * time.Second)
		if under.Err() != nil || l.Err() != nil {
			t.Error("the end of Acquire's ctx ended the lease")
		}
		if under.Value(key{}) != 7 {
			t.Error("a value is missing")
		}
		if _, ok := under.Deadline(); ok {
			t.Error("Acquire's deadline is the lease's")
		}
		mustRelease(t, l)
		wantIs(t, context.Cause(under), ErrReleased)
	})
}

func TestLeaseWithoutExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry), KeepAlive()))
		ctx := l.Context()
		<-time.After(1000 * time.Hour)
		wantTime(t, "Remaining", l.Remaining(), NoExpiry)
		wantNil(t, ctx.Err())
		wantState(t, mem, "PYC-a", 1, 0)
		mustRelease(t, l)
	})
}

func TestExtend(t *testing.T) {
	for _, tc := range []struct {
		name         string
		first, later time.Duration
		options      []LockOption
	}{
		{"longer", 10 * time.Second, time.Minute, nil},
		{"shorter", 10 * time.Second, 2 * time.Second, nil},
		{"from no expiry", NoExpiry, 2 * time.Second, nil},
		{"from no expiry, renewed", NoExpiry, 2 * time.Second, []LockOption{KeepAlive()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := instanceOn(t, memory(t), nil)
				l := mustAcquire(t, c.Lock("a", append(tc.options, Expiry(tc.first))...))
				ctx := l.Context()
				<-time.After(time.Second)
				wantNil(t, l.Extend(t.Context(), tc.later))
				wantTime(t, "Remaining", l.Remaining(), tc.later-tc.later/100)
				if h, _, _ := c.Lock("a").Holder(t.Context()); h.TTL != tc.later {
					t.Errorf("the store says %v", h.TTL)
				}
				if tc.options != nil {
					<-time.After(10 * tc.later)
					wantNil(t, ctx.Err())
					mustRelease(t, l)
					return
				}
				extended := time.Now()
				<-ctx.Done()
				wantTime(t, "end of the context", time.Since(extended), tc.later-tc.later/100)
				wantIs(t, context.Cause(ctx), ErrExpired)
			})
		})
	}
}

func TestExtendToNoExpiry(t *testing.T) {
	for _, options := range [][]LockOption{{}, {KeepAlive()}} {
		synctest.Test(t, func(t *testing.T) {
			mem := memory(t)
			f := faultstore.New(mem, nil)
			c := instanceOn(t, f, nil)
			l := mustAcquire(t, c.Lock("a", append(options, Expiry(3*time.Second))...))
			ctx := l.Context()
			wantNil(t, l.Extend(t.Context(), NoExpiry))
			<-time.After(time.Hour)
			wantNil(t, ctx.Err())
			wantTime(t, "Remaining", l.Remaining(), NoExpiry)
			wantState(t, mem, "PYC-a", 1, 0)
			if n := f.Counts().Calls(faultstore.Extend); n != 1 {
				t.Errorf("%d requests to extend what never ends", n)
			}
			mustRelease(t, l)
		})
	}
}

func TestExtendAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		lock := c.Lock("a", Expiry(time.Second))

		l := mustAcquire(t, lock)
		mustRelease(t, l)
		wantIs(t, l.Extend(t.Context(), time.Minute), ErrReleased)

		l = mustAcquire(t, lock)
		<-time.After(time.Second)
		wantIs(t, l.Extend(t.Context(), time.Minute), ErrExpired)

		l = mustAcquire(t, lock)
		wantNil(t, lock.ForceRelease(t.Context()))
		err := l.Extend(t.Context(), time.Minute)
		wantIs(t, err, ErrLost)
		wantNot(t, err, ErrExpired, ErrReleased)
		wantIs(t, l.Err(), ErrLost)
		wantState(t, mem, "PYC-a", 0, 0) // never made anew
	})
}

func TestExtendBadInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		l := mustAcquire(t, c.Lock("a", Expiry(10*time.Second)))
		for _, d := range badDurations {
			wantIs(t, l.Extend(t.Context(), d), ErrInvalid)
		}
		wantIs(t, l.Extend(nil, time.Second), ErrInvalid) //nolint:staticcheck // that is the point
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 {
			wantIs(t, l.Extend(ended, time.Second), context.Canceled)
		}
		wantTime(t, "Remaining", l.Remaining(), 9900*time.Millisecond)
		mustRelease(t, l)
		wantIs(t, l.Release(nil), ErrInvalid) //nolint:staticcheck // that is the point
	})
}

func TestExtendWithUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, c := faulty(t, nil, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(10*time.Second)))
		ctx := l.Context()

		f.SetScript(faultstore.Only(faultstore.Extend, faultstore.Always(faultstore.Fault{Kind: faultstore.LoseReply})))
		err := l.Extend(t.Context(), time.Minute)
		wantIs(t, err, ErrStore, faultstore.ErrInjected)
		if e := wantAs[*StoreError](t, err); e.Op != "extend" || e.Key != "PYC-a" {
			t.Errorf("%+v", e)
		}
		wantTime(t, "Remaining after a longer one", l.Remaining(), 9900*time.Millisecond)

		wantIs(t, l.Extend(t.Context(), 2*time.Second), ErrStore)
		wantTime(t, "Remaining after a shorter one", l.Remaining(), 1980*time.Millisecond)
		start := time.Now()
		<-ctx.Done()
		wantTime(t, "end of the context", time.Since(start), 1980*time.Millisecond)

		f.SetScript(nil)
		l = mustAcquire(t, c.Lock("b", Expiry(NoExpiry)))
		f.SetScript(faultstore.Only(faultstore.Extend, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail})))
		wantIs(t, l.Extend(t.Context(), time.Second), ErrStore)
		wantTime(t, "Remaining of an endless one", l.Remaining(), 990*time.Millisecond)
		wantNil(t, l.Err())
		mustRelease(t, l)
	})
}

func TestExtendIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, c := faulty(t, nil, faultstore.Only(faultstore.Extend, faultstore.Always(faultstore.Fault{Kind: faultstore.Hang})))
		l := mustAcquire(t, c.Lock("a", Expiry(time.Hour)))
		start := time.Now()
		wantIs(t, l.Extend(t.Context(), time.Hour), ErrStore)
		wantTime(t, "without a bound", time.Since(start), storeTimeout)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		wantIs(t, l.Extend(ctx, time.Hour), context.DeadlineExceeded)
		wantTime(t, "with a ctx", time.Since(start), time.Second)

		// One that stands behind another is bound by its own ctx too.
		first := make(chan error, 1)
		go func() { first <- l.Extend(t.Context(), time.Hour) }()
		synctest.Wait()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		wantIs(t, l.Extend(ctx, time.Hour), context.DeadlineExceeded)
		wantTime(t, "behind another", time.Since(start), time.Second)

		// A release ends the one under way.
		mustRelease(t, l)
		wantIs(t, <-first, ErrReleased)
		wantTime(t, "with the release", time.Since(start), time.Second)
	})
}

func TestReleaseTwice(t *testing.T) {
	c := instanceOn(t, memory(t), nil)
	for range 20 {
		l := mustAcquire(t, c.Lock("a"))
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { wantNil(t, l.Release(context.Background())) })
		}
		wg.Wait()
		next := mustAcquire(t, c.Lock("a"))
		wantNil(t, l.Release(t.Context()))
		wantNil(t, next.Err())
		mustRelease(t, next)
		wantIs(t, next.Err(), ErrReleased)
	}
}

func TestStaleReleaseChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		lock := c.Lock("a", Expiry(time.Second))
		stale := mustAcquire(t, lock)
		<-time.After(time.Second)
		owner := mustAcquire(t, lock)
		err := stale.Release(t.Context())
		wantIs(t, err, ErrLost, ErrExpired)
		wantAs[*LeaseError](t, err)
		if again := stale.Release(t.Context()); again != err {
			t.Errorf("the second Release returned %v", again)
		}
		if h, held, _ := lock.Holder(t.Context()); !held || h.ID != owner.Holder() {
			t.Error("the new holder has lost it")
		}
		mustRelease(t, owner)
	})
}

func TestReleaseWithACtxThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		ctx, cancel := context.WithCancel(t.Context())
		l, err := c.Lock("a").Acquire(ctx)
		wantNil(t, err)
		cancel()
		wantNil(t, l.Release(ctx))
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

func TestReleaseWhoseReplyIsLost(t *testing.T) {
	for n := 1; n < releaseAttempts; n++ {
		synctest.Test(t, func(t *testing.T) {
			lose := make([]faultstore.Fault, n)
			for i := range lose {
				lose[i].Kind = faultstore.LoseReply
			}
			mem, _, c := faulty(t, nil, faultstore.Only(faultstore.Release, faultstore.Sequence(lose...)))
			l := mustAcquire(t, c.Lock("a"))
			mustRelease(t, l)
			wantState(t, mem, "PYC-a", 0, 0)
		})
	}
}

func TestReleaseWithTheStoreDown(t *testing.T) {
	for _, tc := range []struct {
		kind faultstore.Kind
		most time.Duration
	}{{faultstore.Fail, time.Second}, {faultstore.Hang, storeTimeout}} {
		synctest.Test(t, func(t *testing.T) {
			_, f, c := faulty(t, nil, faultstore.Only(faultstore.Release, faultstore.Always(faultstore.Fault{Kind: tc.kind})))
			l := mustAcquire(t, c.Lock("a", Expiry(10*time.Second)))
			start := time.Now()
			err := l.Release(t.Context())
			if took := time.Since(start); took > tc.most {
				t.Errorf("%v: it took %v", tc.kind, took)
			}
			wantIs(t, err, ErrStore)
			wantNot(t, err, ErrLost, ErrExpired)
			if e := wantAs[*ReleaseError](t, err); e.Key != "a" {
				t.Errorf("%+v", e)
			}
			f.SetScript(nil)
			<-time.After(10*time.Second - time.Since(start))
			mustRelease(t, mustAcquire(t, c.Lock("a"))) // it has ended by its expiry
		})
	}
}

func TestForceRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		mem := memory(t)
		c := instanceOn(t, mem, &Config{Events: &Events{
			Lost:     func(e LeaseEvent) { j.add("lost %s", e.Key) },
			Released: func(e LeaseEvent) { j.add("released %s", e.Key) },
		}})
		lock := c.Lock("a", Wait(Forever))
		wantNil(t, lock.ForceRelease(t.Context())) // of nobody's

		l := mustAcquire(t, lock)
		next := begin(t.Context(), lock)
		synctest.Wait()
		wantNil(t, lock.ForceRelease(t.Context()))
		promoted := next.got(t)
		wantTime(t, "promotion", next.took, 0)
		wantNil(t, l.Err()) // it cannot know yet
		err := l.Release(t.Context())
		wantIs(t, err, ErrLost)
		wantNot(t, err, ErrExpired)
		wantState(t, mem, "PYC-a", 1, 0)
		mustRelease(t, promoted)
		j.want(t, "lost a", "released a")
	})
}

func TestMinHold(t *testing.T) {
	for _, plain := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			mem := memory(t)
			var store driver.Store = mem
			if plain {
				store = plainStore{mem}
			}
			c := instanceOn(t, store, nil)
			lock := c.Lock("a", Expiry(time.Minute), MinHold(10*time.Second), Wait(Forever))
			start := time.Now()
			l := mustAcquire(t, lock)
			next := begin(t.Context(), lock)
			<-time.After(3 * time.Second)
			mustRelease(t, l)
			wantTime(t, "Release", time.Since(start), 3*time.Second)
			wantIs(t, l.Err(), ErrReleased)
			_, err := c.Lock("a").Acquire(t.Context())
			wantIs(t, err, ErrLocked)
			second := next.got(t)
			wantTime(t, "the waiter's turn", next.took, 10*time.Second)

			<-time.After(11 * time.Second)
			mustRelease(t, second) // later than the minimum: at once
			wantState(t, mem, "PYC-a", 0, 0)
		})
	}
}

func TestMinHoldWithALostReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, _, c := faulty(t, nil, faultstore.Only(faultstore.Extend, faultstore.Nth(1, faultstore.Fault{Kind: faultstore.LoseReply})))
		start := time.Now()
		mustRelease(t, mustAcquire(t, c.Lock("a", MinHold(time.Second))))
		<-time.After(time.Second - time.Since(start) - time.Millisecond)
		wantState(t, mem, "PYC-a", 1, 0)
		<-time.After(time.Millisecond)
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

// A renewal under way cannot make a released lease last longer than its minimum.
func TestMinHoldAndARenewalUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, _, c := faulty(t, nil, faultstore.Only(faultstore.Extend,
			faultstore.Nth(1, faultstore.Fault{Kind: faultstore.HangReply})))
		l := mustAcquire(t, c.Lock("a", Expiry(9*time.Second), MinHold(5*time.Second), KeepAlive()))
		start := time.Now()
		<-time.After(3*time.Second + 10*time.Millisecond) // the renewal hangs
		mustRelease(t, l)
		wantTime(t, "Release", time.Since(start), 3010*time.Millisecond)
		<-time.After(5*time.Second - time.Since(start))
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

// A lease whose grant took longer than the lease lasts is none.
func TestGrantThatComesTooLate(t *testing.T) {
	for _, wait := range [][]LockOption{nil, {Wait(Forever)}} {
		synctest.Test(t, func(t *testing.T) {
			slow := faultstore.Always(faultstore.Fault{After: 995 * time.Millisecond})
			mem, _, c := faulty(t, nil, faultstore.First(
				faultstore.Only(faultstore.Acquire, slow), faultstore.Only(faultstore.Enqueue, slow)))
			_, err := c.Lock("a", append(wait, Expiry(time.Second))...).Acquire(t.Context())
			wantIs(t, err, ErrExpired)
			wantState(t, mem, "PYC-a", 0, 0)
		})
	}
}

func TestEventsOfALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		log := func(what string) func(LeaseEvent) {
			return func(e LeaseEvent) { j.add("%s %s %s %v waited %v", what, e.Verb, e.Key, e.Held, e.Waited) }
		}
		c := instanceOn(t, memory(t), &Config{Events: &Events{
			Acquired: log("acquired"), Released: log("released"), Renewed: log("renewed"), Expired: log("expired"), Lost: log("lost"),
		}})
		l := mustAcquire(t, c.Lock("a", Expiry(10*time.Second)))
		<-time.After(time.Second)
		wantNil(t, l.Extend(t.Context(), 10*time.Second))
		mustRelease(t, l)
		_ = mustAcquire(t, c.Lock("b", Expiry(10*time.Second)))
		<-time.After(time.Minute)
		j.want(t,
			"acquired lock a 0s waited 0s", "renewed lock a 1s waited 0s", "released lock a 1s waited 0s",
			"acquired lock b 0s waited 0s", "expired lock b 9.9s waited 0s")
	})
}

func TestLeasesOutliveTheInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(3*time.Second), KeepAlive()))
		wantNil(t, c.Close(t.Context()))
		<-time.After(time.Minute)
		wantNil(t, l.Err())
		mustRelease(t, l)
		wantState(t, mem, "PYC-a", 0, 0)

		other := instanceOn(t, mem, nil)
		l = mustAcquire(t, other.Lock("a"))
		wantNil(t, mem.Close())
		err := l.Release(t.Context())
		wantIs(t, err, ErrClosed)
		wantNot(t, err, ErrStore)
		wantAs[*ReleaseError](t, err)
		_, err = other.Lock("a").Acquire(t.Context())
		wantIs(t, err, ErrClosed)
		_, err = other.Lock("a", Wait(Forever)).Acquire(t.Context())
		wantIs(t, err, ErrClosed)
	})
}

func TestDoReturnsWhatTheFunctionDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		own := errors.New("own")
		if err := c.Lock("a").Do(t.Context(), func(context.Context) error { return own }); err != own {
			t.Errorf("got %v, want the function's own error, unchanged", err)
		}
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

func TestDoReportsTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		start := time.Now()
		err := c.Lock("a", Expiry(time.Second)).Do(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			wantTime(t, "end of the ctx", time.Since(start), 990*time.Millisecond)
			wantIs(t, context.Cause(ctx), ErrExpired)
			return nil
		})
		wantIs(t, err, ErrExpired)

		own := errors.New("own")
		err = c.Lock("a").Do(t.Context(), func(ctx context.Context) error {
			wantNil(t, c.Lock("a").ForceRelease(ctx))
			return own
		})
		wantIs(t, err, ErrLost, own)
	})
}

func TestDoEndsWithTheCallersCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Lock("a").Do(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		wantIs(t, err, context.DeadlineExceeded)
		wantNot(t, err, ErrExpired, ErrLost)
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

func TestDoReleasesAlsoAfterAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		var after context.Context
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("recovered %v", r)
				}
			}()
			_ = c.Lock("a").Do(t.Context(), func(ctx context.Context) error {
				after = ctx
				panic("boom")
			})
		}()
		wantState(t, mem, "PYC-a", 0, 0)
		wantIs(t, context.Cause(after), ErrReleased)

		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Lock("a").Do(t.Context(), func(context.Context) error {
				goexit()
				return nil
			})
		}()
		<-done
		wantState(t, mem, "PYC-a", 0, 0)
	})
}
