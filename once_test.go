package cachify

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

func TestOnceSkipsQuietly(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		var j journal
		c := instanceOn(t, store, &Config{Events: &Events{
			Skipped: func(e WaitEvent) { j.add("skipped %s %s", e.Verb, e.Key) },
			Refused: func(e WaitEvent) { j.add("refused %s %s", e.Verb, e.Key) },
		}})
		guard := c.Once("report")
		own := errors.New("own")
		ran, err := guard.Do(t.Context(), func(ctx context.Context) error {
			wantState(t, store, "PYC-report-once", 1, 0)
			again, err := guard.Do(ctx, func(context.Context) error { t.Error("it runs twice"); return nil })
			if again || err != nil {
				t.Errorf("ran %v, %v", again, err)
			}
			loud, err := c.Once("report", ErrorOnLocked()).Do(ctx, func(context.Context) error { return nil })
			if loud {
				t.Error("it ran")
			}
			wantIs(t, err, ErrLocked)
			locked, err := guard.IsLocked(ctx)
			if !locked || err != nil {
				t.Errorf("%v, %v", locked, err)
			}
			if _, held, _ := guard.Holder(ctx); !held {
				t.Error("nobody holds it")
			}
			return own
		})
		if !ran || err != own {
			t.Errorf("ran %v, %v", ran, err)
		}
		wantState(t, store, "PYC-report-once", 0, 0)
		j.want(t, "skipped once report", "skipped once report")
	})
}

func TestOnceOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		run := func(g *Guard, d time.Duration) (time.Duration, error) {
			start := time.Now()
			ran, err := g.Do(t.Context(), func(ctx context.Context) error {
				select {
				case <-time.After(d):
				case <-ctx.Done():
				}
				return nil
			})
			if !ran {
				t.Error("it was skipped")
			}
			return time.Since(start), err
		}
		took, err := run(c.Once("a", Expiry(time.Second)), time.Minute)
		wantTime(t, "a run that expires", took, 990*time.Millisecond)
		wantIs(t, err, ErrExpired)

		took, err = run(c.Once("b", Expiry(time.Second), KeepAlive()), time.Minute)
		wantTime(t, "a run kept alive", took, time.Minute)
		wantNil(t, err)

		quick := c.Once("c", MinHold(10*time.Second))
		_, err = run(quick, time.Second)
		wantNil(t, err)
		<-time.After(8 * time.Second)
		ran, err := quick.Do(t.Context(), func(context.Context) error { return nil })
		if ran || err != nil {
			t.Errorf("it ran within its minimum: %v", err)
		}
		<-time.After(time.Second)
		_, err = run(quick, time.Second)
		wantNil(t, err)

		_, err = c.Once("d").Do(t.Context(), func(ctx context.Context) error { return c.Once("d").ForceRelease(ctx) })
		wantIs(t, err, ErrLost)
	})
}

func TestOnceFunc(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		entered, leave := make(chan struct{}), make(chan struct{})
		fn := func(_ context.Context, id string) (string, error) {
			if id == "slow" {
				close(entered)
				<-leave
			}
			return "ran " + id, nil
		}
		zero := Must(Once(c, "sync-{}", fn))
		value := Must(Once(c, "sync-{}", fn, ReturnOnLocked("skipped")))
		loud := Must(Once(c, "sync-{}", fn, ErrorOnLocked(), ReturnOnLocked("never")))
		if key, _ := zero.Key("x"); key != "sync-x" {
			t.Errorf("key %q", key)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			r, ran, err := zero.Try(context.Background(), "slow")
			if r != "ran slow" || !ran || !errors.Is(err, ErrLost) {
				t.Errorf("%q, %v, %v", r, ran, err)
			}
		}()
		<-entered
		if r, ran, err := zero.Try(t.Context(), "slow"); r != "" || ran || err != nil {
			t.Errorf("%q, %v, %v", r, ran, err)
		}
		if r, ran, err := value.Try(t.Context(), "slow"); r != "skipped" || ran || err != nil {
			t.Errorf("%q, %v, %v", r, ran, err)
		}
		if r, err := value.Call(t.Context(), "slow"); r != "skipped" || err != nil {
			t.Errorf("%q, %v", r, err)
		}
		r, err := loud.Call(t.Context(), "slow")
		wantIs(t, err, ErrLocked)
		if r != "" {
			t.Errorf("%q beside an error", r)
		}
		if r, ran, err := value.Try(t.Context(), "other"); r != "ran other" || !ran || err != nil {
			t.Errorf("%q, %v, %v", r, ran, err)
		}
		for id, want := range map[string]bool{"slow": true, "other": false} {
			if got, err := value.IsLocked(t.Context(), id); got != want || err != nil {
				t.Errorf("IsLocked(%s): %v, %v", id, got, err)
			}
			if _, got, err := value.Holder(t.Context(), id); got != want || err != nil {
				t.Errorf("Holder(%s): %v, %v", id, got, err)
			}
		}
		wantNil(t, value.ForceRelease(t.Context(), "slow"))
		close(leave)
		<-done
	})
}

func TestReturnOnLockedIsChecked(t *testing.T) {
	c := instanceOn(t, memory(t), nil)
	_, err := Once(c, "{}", echo, ReturnOnLocked(7))
	wantIs(t, err, ErrInvalid)
	if err != nil && !strings.Contains(err.Error(), "ReturnOnLocked got a int: this function returns a string") {
		t.Errorf("text %q", err)
	}
	iface := func(context.Context, int) (error, error) { return nil, nil }
	if _, err := Once(c, "{}", iface, ReturnOnLocked[error](nil)); err != nil {
		t.Errorf("a nil of the function's interface type: %v", err)
	}
	_, err = Once(c, "{}", iface, ReturnOnLocked(errors.New("of another type").Error()))
	wantIs(t, err, ErrInvalid)
}

// What fn itself returns is not taken for a refusal.
func TestOnceReturnsTheFunctionsOwnRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		_ = mustAcquire(t, c.Lock("a"))
		ran, err := c.Once("b").Do(t.Context(), func(ctx context.Context) error {
			_, err := c.Lock("a").Acquire(ctx)
			return err
		})
		if !ran {
			t.Error("it did not run")
		}
		wantIs(t, err, ErrLocked)
	})
}

func TestGuardAcquire(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		var j journal
		c := instanceOn(t, store, &Config{Events: &Events{
			Skipped: func(e WaitEvent) { j.add("skipped %s %s", e.Verb, e.Key) },
			Refused: func(e WaitEvent) { j.add("refused %s %s", e.Verb, e.Key) },
		}})
		guard := c.Once("report")
		lease, err := guard.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantState(t, store, "PYC-report-once", 1, 0)
		for _, other := range []*Guard{guard, c.Once("report", ErrorOnLocked())} {
			again, err := other.Acquire(t.Context())
			if again != nil {
				t.Error("it runs twice")
			}
			wantIs(t, err, ErrLocked)
		}
		if ran, err := guard.Do(t.Context(), func(context.Context) error { return nil }); ran || err != nil {
			t.Errorf("ran %v, %v", ran, err)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Error(err)
		}
		wantState(t, store, "PYC-report-once", 0, 0)
		j.want(t, "skipped once report", "skipped once report", "skipped once report")
	})
}
