package cachify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/kvstore"
	"github.com/go-cachify/cachify/memstore"
)

// onAllStores runs f in a bubble on a store with queues, on one without, and on the
// adapter for plain key-value clients.
func onAllStores(t *testing.T, f func(t *testing.T, store driver.Store)) {
	t.Helper()
	for _, kind := range []string{"queues", "no queues", "key-value"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var store driver.Store = memory(t)
				switch kind {
				case "no queues":
					store = plainStore{store}
				case "key-value":
					kv, err := kvstore.New(&mapClient{values: make(map[string]mapValue)}, nil)
					if err != nil {
						t.Fatal(err)
					}
					store = kv
				}
				f(t, store)
			})
		})
	}
}

// mapClient is a key-value client in memory.
type mapClient struct {
	mu     sync.Mutex
	values map[string]mapValue
}

type mapValue struct {
	bytes []byte
	until time.Time // zero: for ever
}

func newMapValue(b []byte, ttl time.Duration) mapValue {
	if ttl == driver.NoExpiry {
		return mapValue{bytes: b}
	}
	return mapValue{b, time.Now().Add(ttl)}
}

func (m *mapClient) get(key string) ([]byte, bool) {
	v, ok := m.values[key]
	if ok && !v.until.IsZero() && !time.Now().Before(v.until) {
		delete(m.values, key)
		ok = false
	}
	return v.bytes, ok
}

func (m *mapClient) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.get(key)
	return v, ok, nil
}

func (m *mapClient) SetIfAbsent(_ context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.get(key); ok {
		return false, nil
	}
	m.values[key] = newMapValue(value, ttl)
	return true, nil
}

func (m *mapClient) CompareAndDelete(_ context.Context, key string, old []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.get(key); !ok || !bytes.Equal(v, old) {
		return false, nil
	}
	delete(m.values, key)
	return true, nil
}

func (m *mapClient) CompareAndSwap(_ context.Context, key string, old, value []byte, ttl time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.get(key); !ok || !bytes.Equal(v, old) {
		return false, nil
	}
	m.values[key] = newMapValue(value, ttl)
	return true, nil
}

// The example of py-cachify's page on locks.
func TestLockParameters(t *testing.T) {
	for _, tc := range []struct {
		interval time.Duration
		reports  int
	}{
		{500 * time.Millisecond, 4},
		{100 * time.Millisecond, 20},
		{300 * time.Millisecond, 7},
		{time.Hour, 1},
	} {
		t.Run(tc.interval.String(), func(t *testing.T) {
			onAllStores(t, func(t *testing.T, store driver.Store) {
				var reports []time.Duration
				start := time.Now()
				c := instanceOn(t, store, &Config{LockPollInterval: tc.interval, Events: &Events{
					Waiting: func(e WaitEvent) {
						at := time.Since(start)
						reports = append(reports, at)
						if e.Verb != VerbLock || e.Key != "example-lock" || e.Waited != at {
							t.Errorf("at %v: %+v", at, e)
						}
						wantTime(t, "RetryAfter", e.RetryAfter, 2*time.Second-at, 2*time.Millisecond)
					},
				}})
				lock := c.Lock("example-lock", Wait(4*time.Second), Expiry(2*time.Second))
				outer := mustAcquire(t, lock)
				inner := mustAcquire(t, lock)
				wantTime(t, "the second acquire", time.Since(start), 2*time.Second, 2*time.Millisecond)
				var want []time.Duration
				for i := range tc.reports {
					want = append(want, time.Duration(i)*tc.interval)
				}
				if !slices.Equal(reports, want) {
					t.Errorf("reports at %v, want %v", reports, want)
				}
				mustRelease(t, inner)
				wantIs(t, outer.Release(t.Context()), ErrExpired)
			})
		})
	}
}

func TestWaitTimesOut(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		var j journal
		start := time.Now()
		c := instanceOn(t, store, &Config{Events: &Events{
			TimedOut: func(e WaitEvent) { j.add("%s after %v, at %v", e.Key, e.Waited, time.Since(start)) },
		}})
		l := mustAcquire(t, c.Lock("a", Expiry(time.Minute)))
		_, err := c.Lock("a", Wait(3*time.Second)).Acquire(t.Context())
		wantTime(t, "the end", time.Since(start), 3*time.Second)
		wantIs(t, err, ErrLocked, ErrTimeout)
		wantNot(t, err, context.DeadlineExceeded, ErrStore, ErrPoolFull)
		e := wantAs[*LockedError](t, err)
		if e.Key != "a" || e.Waited != 3*time.Second || e.Holder != l.Holder() && e.Holder != "" {
			t.Errorf("%+v", e)
		}
		wantTime(t, "RetryAfter", e.RetryAfter, 57*time.Second, time.Second)
		if err.Error() != "a is already locked! (waited 3s)" {
			t.Errorf("text %q", err)
		}
		j.want(t, "a after 3s, at 3s")
		wantState(t, store, "PYC-a", 1, 0)
		mustRelease(t, l)
	})
}

func TestWaitEndsWithTheCtx(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
		for _, wait := range []time.Duration{Forever, time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			at := begin(ctx, c.Lock("a", Wait(wait)))
			<-at.done
			wantTime(t, "the end", at.took, 3*time.Second)
			wantIs(t, at.err, context.DeadlineExceeded)
			wantNot(t, at.err, ErrLocked, ErrTimeout, ErrStore)
			wantState(t, store, "PYC-a", 1, 0)
		}
		mustRelease(t, l)
	})
}

func TestHandOverIsPromptAndInOrder(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		var j journal
		c := instanceOn(t, store, &Config{LockPollInterval: time.Hour})
		lock := c.Lock("a", Wait(Forever), Expiry(NoExpiry))
		first := mustAcquire(t, lock)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				l := mustAcquire(t, lock)
				j.add("%d", i)
				<-time.After(time.Second)
				mustRelease(t, l)
			})
			synctest.Wait()
		}
		start := time.Now()
		mustRelease(t, first)
		wg.Wait()
		wantTime(t, "50 turns of a second", time.Since(start), 50*time.Second)
		for i, line := range j.all() {
			if line != fmt.Sprint(i) {
				t.Fatalf("the order is %v", j.all())
			}
		}
		wantState(t, store, "PYC-a", 0, 0)
	})
}

func TestNewcomersDoNotOvertake(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, &Config{LockPollInterval: time.Hour})
		lock := c.Lock("a", Wait(Forever), Expiry(NoExpiry))
		l := mustAcquire(t, lock)
		first := begin(t.Context(), lock)
		synctest.Wait()
		second := begin(t.Context(), lock)
		synctest.Wait()

		release := make(chan struct{})
		var wg sync.WaitGroup
		refused := 0
		wg.Go(func() { // one that does not wait, again and again around the release
			for range 2000 {
				if l, err := c.Lock("a").Acquire(t.Context()); err == nil {
					t.Error("a newcomer has overtaken those in line")
					mustRelease(t, l)
				} else {
					wantIs(t, err, ErrLocked)
					refused++
				}
				if refused == 1000 {
					close(release)
				}
			}
		})
		<-release
		mustRelease(t, l)
		l = first.got(t)
		third := begin(t.Context(), lock)
		wg.Wait()
		synctest.Wait()
		if !second.pending() || !third.pending() {
			t.Error("somebody did not wait")
		}
		mustRelease(t, l)
		mustRelease(t, second.got(t))
		mustRelease(t, third.got(t))
	})
}

func TestOrderOverTwoInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		mem := memory(t)
		instances := []*Cachify{instanceOn(t, mem, nil), instanceOn(t, mem, nil)}
		l := mustAcquire(t, instances[0].Lock("a"))
		var wg sync.WaitGroup
		for i := range 40 {
			lock := instances[i*7%5%2].Lock("a", Wait(Forever))
			wg.Go(func() {
				l := mustAcquire(t, lock)
				j.add("%02d", i)
				mustRelease(t, l)
			})
			synctest.Wait()
		}
		wantState(t, mem, "PYC-a", 1, 40)
		start := time.Now()
		mustRelease(t, l)
		wg.Wait()
		wantTime(t, "all turns", time.Since(start), 0)
		if !slices.IsSorted(j.all()) {
			t.Errorf("the order is %v", j.all())
		}
	})
}

func TestACancelledWaiterLeavesNoTrace(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, &Config{LockPollInterval: time.Hour})
		lock := c.Lock("a", Wait(Forever), Expiry(NoExpiry))
		l := mustAcquire(t, lock)
		ctx, cancel := context.WithCancel(t.Context())
		gone := begin(ctx, lock)
		synctest.Wait()
		next := begin(t.Context(), lock)
		synctest.Wait()
		cancel()
		<-gone.done
		wantIs(t, gone.err, context.Canceled)
		wantTime(t, "giving up", gone.took, 0)
		mustRelease(t, l)
		l = next.got(t)
		wantTime(t, "the next one's turn", next.took, 0)
		mustRelease(t, l)
		wantState(t, store, "PYC-a", 0, 0)
		<-time.After(2 * lineLinger)
		wantLines(t, c, 0)
	})
}

// The hand-over and the end of the wait come at the same moment: the lease is the
// waiter's, or the next one's.
func TestAGrantAtTheMomentOfGivingUp(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		for i := range 100 {
			l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			waiter := c.Lock("a", Wait(time.Second), Expiry(NoExpiry))
			if i%2 == 1 {
				ctx = t.Context()
			} else {
				waiter = c.Lock("a", Wait(Forever), Expiry(NoExpiry))
			}
			at := begin(ctx, waiter)
			synctest.Wait()
			<-time.After(time.Second)
			mustRelease(t, l)
			<-at.done
			if at.err == nil {
				mustRelease(t, at.lease)
			} else if i%2 == 0 {
				wantIs(t, at.err, context.DeadlineExceeded)
			} else {
				wantIs(t, at.err, ErrTimeout)
			}
			cancel()
			synctest.Wait()
			wantState(t, store, "PYC-a", 0, 0)
		}
	})
}

func TestAStoreThatClosesSendsWaitersHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, &Config{LockPollInterval: time.Hour})
		_ = mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
		at := begin(t.Context(), c.Lock("a", Wait(Forever)))
		<-time.After(time.Second)
		wantNil(t, mem.Close())
		<-at.done
		wantTime(t, "the end", at.took, time.Second)
		wantIs(t, at.err, ErrClosed)
	})
}

func TestCloseSendsWaitersHome(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c, other := instanceOn(t, store, nil), instanceOn(t, store, nil)
		l := mustAcquire(t, other.Lock("a"))
		var all []*attempt
		for range 5 {
			all = append(all, begin(t.Context(), c.Lock("a", Wait(Forever))))
		}
		<-time.After(time.Second)
		wantNil(t, c.Close(t.Context()))
		wantState(t, store, "PYC-a", 1, 0) // they have left the queue when Close returns
		for _, at := range all {
			<-at.done
			wantIs(t, at.err, ErrClosed)
			wantTime(t, "the end", at.took, time.Second)
		}
		mustRelease(t, l)
		mustRelease(t, mustAcquire(t, other.Lock("a"))) // nobody was handed it
		wantNil(t, c.Close(t.Context()))
	})
}

// Whatever the waiters of many keys and instances do, at most one holds a key, and
// at the end nobody does.
func TestExclusionUnderChurn(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		instances := []*Cachify{instanceOn(t, store, nil), instanceOn(t, store, nil), instanceOn(t, store, nil)}
		var holders [3]struct {
			sync.Mutex
			n, most, total int
		}
		var wg sync.WaitGroup
		for g := range 30 {
			wg.Go(func() {
				for i := range 30 {
					which := (g + i) % len(holders)
					var opts []LockOption
					switch (g + 3*i) % 4 {
					case 0:
						opts = []LockOption{Wait(Forever)}
					case 1:
						opts = []LockOption{Wait(time.Duration(1+i) * time.Millisecond)}
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(7*g+11*i)%40)*time.Millisecond)
					l, err := instances[g%3].Lock(fmt.Sprint(which), opts...).Acquire(ctx)
					cancel()
					if err != nil {
						continue
					}
					h := &holders[which]
					h.Lock()
					h.n++
					h.total++
					h.most = max(h.most, h.n)
					h.Unlock()
					<-time.After(time.Duration((g+i)%3) * time.Millisecond)
					h.Lock()
					h.n--
					h.Unlock()
					mustRelease(t, l)
				}
			})
		}
		wg.Wait()
		<-time.After(time.Second)
		for i := range holders {
			if h := &holders[i]; h.most != 1 || h.total < 10 {
				t.Errorf("key %d was held by %d at once, %d times in all", i, h.most, h.total)
			}
			wantState(t, store, fmt.Sprintf("PYC-%d", i), 0, 0)
		}
	})
}

// An idle key costs one look each interval, not one for each waiter.
func TestWaitersShareTheirLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, c := faulty(t, nil, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(time.Hour)))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 100 {
			begin(ctx, c.Lock("a", Wait(Forever)))
		}
		<-time.After(50 * time.Millisecond)
		before := f.Counts()
		<-time.After(10 * time.Second)
		after := f.Counts()
		if n := after.Calls(faultstore.Look) - before.Calls(faultstore.Look); n < 95 || n > 105 {
			t.Errorf("%d looks in 10 s, want 100", n)
		}
		if n := after.Calls(faultstore.Listen); n != 1 {
			t.Errorf("%d subscriptions, want 1", n)
		}
		if n := after.Calls(faultstore.Enqueue); n != 100 {
			t.Errorf("%d requests to queue, want 100", n)
		}
		cancel()
		synctest.Wait()
		mustRelease(t, l)
	})
}

// orderedStore notes the order in which requests joined the queue, and tells when
// the whole crowd is in it.
type orderedStore struct {
	*memstore.Store
	mu       sync.Mutex
	order    []string
	complete chan struct{}
}

func (s *orderedStore) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.Store.Enqueue(ctx, req, patience)
	if errors.Is(err, driver.ErrHeld) { // not so if its time was over: on a busy machine it may be, and it asks again
		if s.order = append(s.order, req.Holder); len(s.order) == crowd {
			close(s.complete)
		}
	}
	return g, err
}

func TestACrowd(t *testing.T) {
	store := &orderedStore{Store: memory(t)}
	// A long interval, and with it a long patience: on a busy machine, so many may not
	// be heard of for a while.
	c := instanceOn(t, store, &Config{LockPollInterval: time.Minute})
	lock := c.Lock("a", Wait(Forever), Expiry(NoExpiry))
	first := mustAcquire(t, lock)
	store.order, store.complete = nil, make(chan struct{})
	var before, waiting runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()

	served := make([]string, 0, crowd)
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() {
			l, err := lock.Acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			served = append(served, l.Holder()) // under the lock
			if err := l.Release(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	<-store.complete
	if o, err := store.Holders(t.Context(), "PYC-a"); err != nil || o.Waiting != crowd {
		t.Errorf("%d wait, %v", o.Waiting, err)
	}
	queued := time.Since(begun)
	runtime.ReadMemStats(&waiting)
	mustRelease(t, first)
	wg.Wait()
	t.Logf("%d waiters: queued after %v, all served after %v, %d bytes each", crowd, queued.Round(time.Millisecond),
		time.Since(begun).Round(time.Millisecond), (waiting.HeapInuse+waiting.StackInuse-before.HeapInuse-before.StackInuse)/crowd)
	if !slices.Equal(served, store.order) {
		t.Errorf("%d of %d were served, or not in order", len(served), len(store.order))
	}
	wantState(t, store, "PYC-a", 0, 0)
}

// What is said of the holder to one who waits is what the last look saw, not what the
// refusal said.
func TestWaitersHearOfTheHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last WaitEvent
		c := instanceOn(t, memory(t), &Config{Events: &Events{Waiting: func(e WaitEvent) { last = e }}})
		lock := func(d time.Duration) *Lock { return c.Lock("a", Wait(d)) }
		first := mustAcquire(t, lock(time.Second))
		second := begin(t.Context(), lock(time.Second))
		synctest.Wait()
		third := begin(t.Context(), lock(500*time.Millisecond))
		synctest.Wait()
		if last.Holder != first.Holder() {
			t.Errorf("holder %q, want %q", last.Holder, first.Holder())
		}
		time.Sleep(20 * time.Millisecond)
		mustRelease(t, first)
		l := second.got(t)
		<-third.done
		if e := wantAs[*LockedError](t, third.err); e.Holder != l.Holder() || last.Holder != l.Holder() {
			t.Errorf("holder %q, then %q, want %q", last.Holder, e.Holder, l.Holder())
		}
		mustRelease(t, l)
	})
}
