package cachify

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

func TestLockExcludes(t *testing.T) {
	c := instanceOn(t, memory(t), nil)
	lock := c.Lock("a", Wait(Forever))
	count := 0
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 100 {
				if err := lock.Do(context.Background(), func(context.Context) error {
					count++ // the race detector watches
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if count != 2000 {
		t.Errorf("counted %d", count)
	}
}

func TestLockRefuses(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		var refused []WaitEvent
		c := instanceOn(t, store, &Config{Events: &Events{
			Refused: func(e WaitEvent) { refused = append(refused, e) },
			Full:    func(WaitEvent) { t.Error("a lock is no pool") },
		}})
		lock := c.Lock("example-lock", Expiry(10*time.Second))
		l := mustAcquire(t, lock)
		<-time.After(time.Second)
		_, err := lock.Acquire(t.Context())
		if err == nil || err.Error() != "example-lock is already locked!" {
			t.Errorf("text %q", err)
		}
		wantIs(t, err, ErrLocked)
		wantNot(t, err, ErrTimeout, ErrPoolFull, ErrStore, ErrLost, ErrExpired)
		e := wantAs[*LockedError](t, err)
		if e.Key != "example-lock" || e.Waited != 0 || e.Holder != l.Holder() {
			t.Errorf("%+v", e)
		}
		wantTime(t, "RetryAfter", e.RetryAfter, 9*time.Second, 2*time.Millisecond)
		if len(refused) != 1 || refused[0].Key != "example-lock" || refused[0].Waited != 0 {
			t.Errorf("told %+v", refused)
		}
		ran := false
		wantIs(t, lock.Do(t.Context(), func(context.Context) error { ran = true; return nil }), ErrLocked)
		if ran {
			t.Error("the function ran without the lock")
		}
		mustRelease(t, l)

		l = mustAcquire(t, c.Lock("b", Expiry(NoExpiry)))
		_, err = c.Lock("b").Acquire(t.Context())
		if e := wantAs[*LockedError](t, err); e.RetryAfter != NoExpiry {
			t.Errorf("RetryAfter %v of what never ends", e.RetryAfter)
		}
		mustRelease(t, l)
	})
}

func TestIsLocked(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		lock := c.Lock("a", Expiry(time.Second))
		if lock.Key() != "a" {
			t.Errorf("key %q", lock.Key())
		}
		want := func(want bool) {
			t.Helper()
			if got, err := lock.IsLocked(t.Context()); got != want || err != nil {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
		}
		want(false)
		l := mustAcquire(t, lock)
		want(true)
		mustRelease(t, l)
		want(false)
		_ = mustAcquire(t, lock)
		<-time.After(time.Second + time.Millisecond)
		want(false)
	})
}

func TestInstancesWithOtherPrefixesDoNotMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		a := instanceOn(t, mem, &Config{Prefix: "A-"})
		b := instanceOn(t, mem, &Config{Prefix: "B-"})
		again := instanceOn(t, mem, &Config{Prefix: "A-"})
		l := mustAcquire(t, a.Lock("x"))
		mustRelease(t, mustAcquire(t, b.Lock("x")))
		_, err := again.Lock("x").Acquire(t.Context())
		wantIs(t, err, ErrLocked)
		wantState(t, mem, "A-x", 1, 0)
		mustRelease(t, l)
	})
}

// order is an argument whose fields fill a key.
type order struct {
	Region string
	ID     int
}

func TestLocked(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		entered, leave := make(chan struct{}), make(chan struct{})
		f, err := Locked(c, "charge-{region}-{id}", func(ctx context.Context, o order) (string, error) {
			if o.ID == 1 {
				close(entered)
				<-leave
			}
			return fmt.Sprint("charged ", o.ID), nil
		}, Expiry(time.Minute))
		wantNil(t, err)
		one, two := order{"eu", 1}, order{"eu", 2}
		if key, err := f.Key(one); key != "charge-eu-1" || err != nil {
			t.Errorf("key %q, %v", key, err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if r, err := f.Call(context.Background(), one); r != "charged 1" || err == nil {
				t.Errorf("%q, %v", r, err)
			} else {
				wantIs(t, err, ErrLost) // by ForceRelease
			}
		}()
		<-entered
		r, err := f.Call(t.Context(), one)
		wantIs(t, err, ErrLocked)
		if r != "" || err.Error() != "charge-eu-1 is already locked!" {
			t.Errorf("%q, %v", r, err)
		}
		if r, err := f.Call(t.Context(), two); r != "charged 2" || err != nil {
			t.Errorf("%q, %v", r, err)
		}
		wantState(t, store, "PYC-charge-eu-1-lock", 1, 0)
		for arg, want := range map[order]bool{one: true, two: false} {
			if got, err := f.IsLocked(t.Context(), arg); got != want || err != nil {
				t.Errorf("IsLocked(%v): %v, %v", arg, got, err)
			}
			if h, got, err := f.Holder(t.Context(), arg); got != want || (h.ID != "") != want || err != nil {
				t.Errorf("Holder(%v): %v, %v, %v", arg, h, got, err)
			}
		}
		wantNil(t, f.ForceRelease(t.Context(), two))
		wantState(t, store, "PYC-charge-eu-1-lock", 1, 0)
		wantNil(t, f.ForceRelease(t.Context(), one))
		wantState(t, store, "PYC-charge-eu-1-lock", 0, 0)
		close(leave)
		<-done
	})
}

func TestWrappedFunctionsAreBoundToTheirInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := global.Load()
		defer global.Store(old)
		mine, theirs := memory(t), memory(t)
		c := instanceOn(t, mine, nil)
		var where string
		find := func(ctx context.Context, n int) (string, error) {
			where = ""
			for name, store := range map[string]driver.Inspector{"mine": mine, "theirs": theirs} {
				if names, _ := store.Names(ctx, "", 10); len(names) > 0 {
					where = name + " " + strings.Join(names, " ")
				}
			}
			return "", nil
		}
		global.Store(nil)
		bound := Must(Locked(c, "{}", find))
		early := Must(Locked(nil, "{}", find))
		handle := Must(Once(Global(), "{}", find))
		pooled := Must(Pooled(nil, "{}", 3, find))

		_, err := early.Call(t.Context(), 1)
		wantIs(t, err, ErrNotInitialized)
		_, err = handle.Call(t.Context(), 1)
		wantIs(t, err, ErrNotInitialized)
		_, err = pooled.Call(t.Context(), 1)
		wantIs(t, err, ErrNotInitialized)
		_, err = (*Cachify)(nil).Lock("a").Acquire(t.Context())
		wantIs(t, err, ErrNotInitialized)
		_, err = Global().Pool("a", 1).Acquire(t.Context())
		wantIs(t, err, ErrNotInitialized)
		_, err = Global().Once("a").Do(t.Context(), func(context.Context) error { return nil })
		wantIs(t, err, ErrNotInitialized)

		g, err := Init(theirs, nil)
		wantNil(t, err)
		defer g.Close(t.Context())
		for _, tc := range []struct {
			call func(context.Context, int) (string, error)
			want string
		}{
			{bound.Call, "mine PYC-1-lock"},
			{early.Call, "theirs PYC-1-lock"},
			{handle.Call, "theirs PYC-1-once"},
			{pooled.Call, "theirs PYC-1-pool"},
		} {
			_, err := tc.call(t.Context(), 1)
			wantNil(t, err)
			if where != tc.want {
				t.Errorf("held %q, want %q", where, tc.want)
			}
		}
	})
}

func TestWrappedFunctionsRefuseBadTemplates(t *testing.T) {
	c := instanceOn(t, memory(t), nil)
	fn := func(context.Context, order) (string, error) { return "", nil }
	for _, template := range []string{"", "{nowhere}", "{id", "id}"} {
		_, err := Locked(c, template, fn)
		wantIs(t, err, ErrInvalid)
		_, err = Once(c, template, fn)
		wantIs(t, err, ErrInvalid)
		_, err = Pooled(c, template, 1, fn)
		wantIs(t, err, ErrInvalid)
	}
	_, err := Locked(c, "{}", fn, KeyFunc(func(int) string { return "" }))
	wantIs(t, err, ErrInvalid)
	_, err = Locked(c, "{}", fn, KeyFunc[order](nil))
	wantIs(t, err, ErrInvalid)

	f, err := Locked(c, "{}", fn, KeyFunc(func(o order) string { return o.Region }))
	wantNil(t, err)
	if key, err := f.Key(order{"eu", 1}); key != "eu" || err != nil {
		t.Errorf("%q, %v", key, err)
	}
	_, err = f.Call(t.Context(), order{}) // an empty key
	wantIs(t, err, ErrInvalid)
	_, err = f.IsLocked(t.Context(), order{})
	wantIs(t, err, ErrInvalid)
	wantIs(t, f.ForceRelease(t.Context(), order{}), ErrInvalid)
}

func TestMustPanics(t *testing.T) {
	defer func() {
		err, _ := recover().(error)
		wantIs(t, err, ErrInvalid)
	}()
	Must(Locked(nil, "{unclosed", echo))
}

// A lease is an object and a holder; a lock, guard or pool that is made for it takes no
// more than the name in the store.
func TestWhatIsUsedAtOnceTakesNoMemory(t *testing.T) {
	c, ctx := instanceOn(t, memory(t), nil), t.Context()
	for verb, acquire := range map[string]func() (*Lease, error){
		"Lock": func() (*Lease, error) { return c.Lock("a").Acquire(ctx) },
		"Once": func() (*Lease, error) { return c.Once("a").Acquire(ctx) },
		"Pool": func() (*Lease, error) { return c.Pool("a", 2).Acquire(ctx) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			lease, err := acquire()
			if err == nil {
				err = lease.Release(ctx)
			}
			if err != nil {
				t.Error(err)
			}
		}); n > 3 {
			t.Errorf("%s: %v allocations, want 3", verb, n)
		}
	}
}
