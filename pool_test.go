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
)

// onPoolStores is onAllStores for the two that can do pools.
func onPoolStores(t *testing.T, f func(t *testing.T, store driver.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, memory(t)) })
	synctest.Test(t, func(t *testing.T) { f(t, plainStore{memory(t)}) })
}

func wantSize(t *testing.T, p *Pool, want int) {
	t.Helper()
	if got, err := p.Size(t.Context()); got != want || err != nil {
		t.Errorf("Size: %d, %v; want %d", got, err, want)
	}
}

func TestPool(t *testing.T) {
	onPoolStores(t, func(t *testing.T, store driver.Store) {
		var full []WaitEvent
		c := instanceOn(t, store, &Config{Events: &Events{
			Full:    func(e WaitEvent) { full = append(full, e) },
			Refused: func(WaitEvent) { t.Error("a pool is no lock") },
		}})
		pool := c.Pool("api", 3, SlotExpiry(10*time.Second))
		wantSize(t, pool, 0)
		var leases []*Lease
		for i := range 3 {
			leases = append(leases, mustAcquire(t, pool))
			wantSize(t, pool, i+1)
		}
		_, err := pool.Acquire(t.Context())
		wantIs(t, err, ErrPoolFull)
		wantNot(t, err, ErrLocked, ErrTimeout, ErrStore, ErrPoolSize)
		e := wantAs[*PoolFullError](t, err)
		if e.Key != "api" || e.Size != 3 || e.Slots != 1 || e.RetryAfter != 10*time.Second || e.Waited != 0 {
			t.Errorf("%+v", e)
		}
		if len(full) != 1 || full[0].Key != "api" || full[0].Verb != VerbPool {
			t.Errorf("told %+v", full)
		}
		hs, err := pool.Holders(t.Context())
		wantNil(t, err)
		for i := range hs {
			if hs[i].ID != leases[i].Holder() {
				t.Error("holders are not in order")
			}
		}
		wantState(t, store, "PYC-api-pool", 3, 0)

		_, err = c.Pool("api", 3, Wait(time.Second)).Acquire(t.Context())
		wantIs(t, err, ErrPoolFull, ErrTimeout)
		if e := wantAs[*PoolFullError](t, err); e.Waited != time.Second {
			t.Errorf("%+v", e)
		}
		mustRelease(t, leases[1])
		wantNil(t, leases[0].Err()) // each slot is a lease of its own
		wantNil(t, c.Pool("api", 3).Do(t.Context(), func(context.Context) error { wantSize(t, pool, 3); return nil }))
		wantSize(t, pool, 2)
		<-time.After(9 * time.Second)
		wantSize(t, pool, 0) // SlotExpiry
		wantIs(t, leases[0].Release(t.Context()), ErrExpired)

		l := mustAcquire(t, pool)
		wantNil(t, pool.ForceRelease(t.Context()))
		wantSize(t, pool, 0)
		wantIs(t, l.Release(t.Context()), ErrLost)
	})
}

func TestPoolNeverHasMoreThanItsSize(t *testing.T) {
	onPoolStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		var mu sync.Mutex
		used, most := 0, 0
		var wg sync.WaitGroup
		for i := range 60 {
			n := 1 + i%3
			wg.Go(func() {
				for range 10 {
					err := c.Pool("a", 5, Slots(n), Wait(Forever)).Do(t.Context(), func(context.Context) error {
						mu.Lock()
						used += n
						most = max(most, used)
						mu.Unlock()
						<-time.After(time.Millisecond)
						mu.Lock()
						used -= n
						mu.Unlock()
						return nil
					})
					wantNil(t, err)
				}
			})
		}
		wg.Wait()
		if most != 5 {
			t.Errorf("%d slots were in use at once, want 5", most)
		}
		wantState(t, store, "PYC-a-pool", 0, 0)
	})
}

func TestPoolWeights(t *testing.T) {
	onPoolStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, &Config{LockPollInterval: time.Hour})
		pool := func(n int, opts ...PoolOption) *Pool { return c.Pool("a", 4, append(opts, Slots(n))...) }
		two := mustAcquire(t, pool(2))
		if two.Slots() != 2 {
			t.Errorf("%d slots", two.Slots())
		}
		_, err := pool(3).Acquire(t.Context())
		wantIs(t, err, ErrPoolFull)
		if e := wantAs[*PoolFullError](t, err); e.Slots != 3 || !strings.Contains(err.Error(), "3 of its 4") {
			t.Errorf("%+v: %v", e, err)
		}
		wantSize(t, pool(1), 2) // all or nothing

		// A wide one in line is not overtaken by a narrow one, for whom there is room.
		wide := begin(t.Context(), pool(4, Wait(Forever)))
		synctest.Wait()
		_, err = pool(1).Acquire(t.Context())
		wantIs(t, err, ErrPoolFull)
		narrow := begin(t.Context(), pool(1, Wait(Forever)))
		other := begin(t.Context(), pool(3, Wait(Forever)))
		synctest.Wait()
		if !wide.pending() || !narrow.pending() {
			t.Error("somebody overtook")
		}
		mustRelease(t, two)
		all := wide.got(t)
		synctest.Wait()
		if !narrow.pending() || !other.pending() {
			t.Error("somebody did not wait")
		}
		mustRelease(t, all)
		a, b := narrow.got(t), other.got(t) // both at once
		wantSize(t, pool(1), 4)
		mustRelease(t, a)
		mustRelease(t, b)
	})
}

func TestPoolSizesThatDisagree(t *testing.T) {
	onPoolStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		l := mustAcquire(t, c.Pool("a", 5))
		for _, opts := range [][]PoolOption{nil, {Wait(Forever)}} {
			_, err := c.Pool("a", 7, opts...).Acquire(t.Context())
			wantIs(t, err, ErrPoolSize)
			wantNot(t, err, ErrPoolFull, ErrStore)
			if e := wantAs[*PoolSizeError](t, err); e.Key != "a" || e.Size != 7 || e.Have != 5 {
				t.Errorf("%+v", e)
			}
			if text := err.Error(); !strings.Contains(text, "5") || !strings.Contains(text, "7") {
				t.Errorf("text %q does not name both sizes", text)
			}
		}
		wantState(t, store, "PYC-a-pool", 1, 0)
		mustRelease(t, l)
		mustRelease(t, mustAcquire(t, c.Pool("a", 7))) // nobody is left to disagree with
	})
}

func TestPooled(t *testing.T) {
	onPoolStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		entered, leave := make(chan struct{}, 2), make(chan struct{})
		fn := func(_ context.Context, o order) (string, error) {
			if o.ID == 1 {
				entered <- struct{}{}
				<-leave
			}
			return "called", nil
		}
		type key struct{}
		own := errors.New("own")
		quiet := Must(Pooled(c, "api-{region}", 2, fn))
		loud := Must(Pooled(c, "api-{region}", 2, fn, ErrorOnFull()))
		later := Must(Pooled(c, "api-{region}", 2, fn, ErrorOnFull(), OnFull(func(ctx context.Context, o order) (string, error) {
			if ctx.Value(key{}) != 1 || o != (order{"eu", 9}) {
				t.Errorf("OnFull got %v, %v", ctx.Value(key{}), o)
			}
			return "queued", own
		})))
		waits := Must(Pooled(c, "api-{region}", 2, fn, ErrorOnFull(), Wait(time.Second)))
		if key, _ := quiet.Key(order{"eu", 1}); key != "api-eu" {
			t.Errorf("key %q", key)
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if r, ran, err := quiet.Try(context.Background(), order{"eu", 1}); r != "called" || !ran || err != nil {
					t.Errorf("%q, %v, %v", r, ran, err)
				}
			})
			<-entered
		}
		full := order{"eu", 9}
		if r, ran, err := quiet.Try(t.Context(), full); r != "" || ran || err != nil {
			t.Errorf("%q, %v, %v", r, ran, err)
		}
		if r, err := quiet.Call(t.Context(), order{"us", 9}); r != "called" || err != nil {
			t.Errorf("%q, %v", r, err)
		}
		_, err := loud.Call(t.Context(), full)
		wantIs(t, err, ErrPoolFull)
		r, ran, err := later.Try(context.WithValue(t.Context(), key{}, 1), full)
		if r != "queued" || ran || err != own {
			t.Errorf("%q, %v, %v", r, ran, err)
		}
		_, err = waits.Call(t.Context(), full)
		wantIs(t, err, ErrPoolFull, ErrTimeout)
		for region, want := range map[string]int{"eu": 2, "us": 0} {
			if n, err := quiet.Size(t.Context(), order{region, 0}); n != want || err != nil {
				t.Errorf("Size(%s): %d, %v", region, n, err)
			}
			if hs, err := quiet.Holders(t.Context(), order{region, 0}); len(hs) != want || err != nil {
				t.Errorf("Holders(%s): %v, %v", region, hs, err)
			}
		}
		wantNil(t, quiet.ForceRelease(t.Context(), order{"us", 0}))
		close(leave)
		wg.Wait()
	})
}

func TestOnFullIsChecked(t *testing.T) {
	c := instanceOn(t, memory(t), nil)
	_, err := Pooled(c, "{}", 1, echo, OnFull(func(context.Context, string) (string, error) { return "", nil }))
	wantIs(t, err, ErrInvalid)
	_, err = Pooled(c, "{}", 1, echo, OnFull(func(context.Context, int) (int, error) { return 0, nil }))
	wantIs(t, err, ErrInvalid)
	if err != nil && !strings.Contains(err.Error(), "func(context.Context, int) (string, error)") {
		t.Errorf("text %q does not say what would be right", err)
	}
	_, err = Pooled(c, "{}", 1, echo, OnFull[int, string](nil))
	wantIs(t, err, ErrInvalid)
	_, err = Pooled(c, "{}", 1, echo, OnFull(echo))
	wantNil(t, err)
}

func TestPoolKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		pool := c.Pool("a", 2, Slots(2), SlotExpiry(time.Second), KeepAlive())
		l := mustAcquire(t, pool)
		<-time.After(time.Minute)
		wantNil(t, l.Err())
		wantSize(t, pool, 2)
		mustRelease(t, l)
	})
}
