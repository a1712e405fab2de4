package cachify

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/faultstore"
)

// contend has n goroutines of each instance take the lock again and again, and hold it
// for work, until a number of acquisitions is done.
func contend(t *testing.T, instances []*Cachify, n, acquisitions int, work time.Duration) {
	t.Helper()
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(acquisitions))
	inside := 0
	for _, c := range instances {
		for range n {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					err := c.Lock("a", Wait(Forever)).Do(t.Context(), func(context.Context) error {
						if inside++; inside != 1 {
							t.Error("two hold it")
						}
						<-time.After(work)
						inside--
						return nil
					})
					wantNil(t, err)
				}
			})
			synctest.Wait()
		}
	}
	wg.Wait()
}

// Where hand-overs come more often than the interval there is nothing to look for:
// an acquisition costs its request and its release.
func TestAHandOverStandsForALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, c := faulty(t, nil, nil)
		const acquisitions = 3000 // 30 s
		contend(t, []*Cachify{c, instanceOn(t, f, nil)}, 4, acquisitions, 10*time.Millisecond)
		counts := f.Counts()
		looks := counts.Calls(faultstore.Look)
		if limit := 2 * 30; looks > limit {
			t.Errorf("%d looks, at most %d", looks, limit)
		}
		if looks < 2*30/5 {
			t.Errorf("%d looks: too few to keep the places", looks)
		}
		t.Logf("%d acquisitions, %d looks, %d requests", acquisitions, looks,
			counts.Calls(faultstore.Enqueue)+counts.Calls(faultstore.Release))
	})
}

// However busy the line is, each push that is lost costs an interval.
func TestALostPushInABusyLine(t *testing.T) {
	for _, every := range []int{2, 3, 10} {
		synctest.Test(t, func(t *testing.T) {
			const interval, work = 300 * time.Millisecond, 50 * time.Millisecond
			_, f, c := faulty(t, &Config{LockPollInterval: interval}, faultstore.Only(faultstore.Push, func(c faultstore.Call) faultstore.Fault {
				if c.N%every == 0 {
					return faultstore.Fault{Kind: faultstore.Drop}
				}
				return faultstore.Fault{}
			}))
			const waiters = 300
			start := time.Now()
			var wg sync.WaitGroup
			for range waiters { // who came back for more would look, too
				wg.Go(func() {
					wantNil(t, c.Lock("a", Wait(Forever)).Do(t.Context(), func(context.Context) error {
						<-time.After(work)
						return nil
					}))
				})
			}
			wg.Wait()
			lost := f.Counts().Faults(faultstore.Drop)
			if lost < waiters/every/2 {
				t.Errorf("only %d pushes were lost", lost)
			}
			if most := waiters*work + time.Duration(lost)*interval; time.Since(start) > most {
				t.Errorf("it took %v with %d lost pushes: at most %v", time.Since(start), lost, most)
			}
		})
	}
}

// In a pool, a push that comes says nothing of one that is lost.
func TestALostPushInABusyPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 300 * time.Millisecond
		_, _, c := faulty(t, &Config{LockPollInterval: interval}, faultstore.Only(faultstore.Push, func(c faultstore.Call) faultstore.Fault {
			if c.N == 1 {
				return faultstore.Fault{Kind: faultstore.Drop}
			}
			return faultstore.Fault{}
		}))
		pool := c.Pool("a", 2, Wait(Forever))
		first, second := mustAcquire(t, pool), mustAcquire(t, pool)
		unlucky := begin(t.Context(), pool)
		synctest.Wait()
		mustRelease(t, first)
		for range 20 { // the other slot changes hands all the time
			at := begin(t.Context(), pool)
			<-time.After(interval / 10)
			mustRelease(t, second)
			second = at.got(t)
		}
		mustRelease(t, unlucky.got(t))
		if unlucky.took > interval {
			t.Errorf("the hand-over took %v", unlucky.took)
		}
		mustRelease(t, second)
	})
}

// Who waits in a busy line is not taken for dead.
func TestPlacesAreKeptInABusyLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, f, c := faulty(t, nil, nil)
		lock := c.Lock("a", Wait(Forever))
		l := mustAcquire(t, lock)
		var order []*attempt
		const waiters = 2000
		for range waiters { // who comes later would also renew the patience: nobody does
			order = append(order, begin(t.Context(), lock))
			synctest.Wait()
		}
		for i, at := range order {
			<-time.After(20 * time.Millisecond)
			wantState(t, mem, "PYC-a", 1, waiters-i)
			mustRelease(t, l)
			l = at.got(t)
		}
		mustRelease(t, l)
		if looks := f.Counts().Calls(faultstore.Look); looks > 40 {
			t.Errorf("%d looks in 40 s", looks)
		}
	})
}

// Idle looks are paced with the number of names, and the store keeps the places for
// accordingly longer.
func TestLooksAtManyNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, f, c := faulty(t, nil, nil)
		other := instanceOn(t, mem, nil)
		const names = 2000
		held, all := make([]*Lease, names), make([]*attempt, names)
		for i := range names {
			key := fmt.Sprintf("k%d", i)
			held[i] = mustAcquire(t, other.Lock(key, Expiry(NoExpiry)))
			all[i] = begin(t.Context(), c.Lock(key, Wait(Forever)))
		}
		<-time.After(2 * time.Second)
		before := f.Counts().Calls(faultstore.Look)
		<-time.After(6 * time.Second)
		if n := f.Counts().Calls(faultstore.Look) - before; n < 5*looksPerSecond || n > 7*looksPerSecond {
			t.Errorf("%d looks in 6 s: %d a second are wanted", n, looksPerSecond)
		}
		for i := range names {
			wantState(t, mem, fmt.Sprintf("PYC-k%d", i), 1, 1)
			mustRelease(t, held[i])
		}
		for _, at := range all {
			mustRelease(t, at.got(t))
		}
	})
}
