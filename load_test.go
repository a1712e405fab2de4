package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/memstore"
)

func TestConcurrentMissesRunOnce(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Second}
		f := mustCache(e, e.instance(nil), "{}", r.next)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { wantCall(e, f, "a", 1) })
		}
		wg.Wait()
		r.want(e, 1)
	})
}

func TestConcurrentMissesOfAnUnreadableValueRunOnce(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		if e.objects {
			save(e, "PYC-a-cached", []byte("x"))
		} else {
			save(e, "PYC-a-cached", []byte("foreign"))
		}
		r := runs{took: time.Second}
		f := mustCache(e, e.instance(&cachify.Config{Events: &cachify.Events{Corrupt: j.events().Corrupt}}), "{}", r.next)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { wantCall(e, f, "a", 1) })
		}
		wg.Wait()
		r.want(e, 1)
		j.want(e, "corrupt a")
	})
}

// As long as its result is on its way to a store that does not answer, others join the
// run; but who calls when the result's time is over gets a new one, and at once.
func TestAResultThatIsNotStoredIsNotSharedForLongerThanItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newCacheEnv(t, false)
		store := faultstore.New(e.store, nil)
		r := runs{took: time.Second}
		f := mustCache(e, e.instanceOn(store, nil), "{}", r.next, cachify.TTL(time.Second))
		store.SetScript(faultstore.Only(faultstore.Save, faultstore.Nth(2, faultstore.Fault{Kind: faultstore.Hang})))
		first := inBackground(func() { wantCall(e, f, "a", 1) })
		<-time.After(1500 * time.Millisecond)
		second := inBackground(func() { wantCall(e, f, "a", 1) })
		<-time.After(501 * time.Millisecond)
		begun := time.Now()
		wantCall(e, f, "a", 2)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("it took %v", took)
		}
		first()
		second()
		r.want(e, 2)
	})
}

// Nor is it shared while what was reserved for it is taken away.
func TestARunIsNotJoinedDuringItsCleanUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newCacheEnv(t, true)
		store := faultstore.New(e.store, nil)
		r := runs{took: time.Second}
		f := mustCache(e, e.instanceOn(store, nil), "{}", r.next, cachify.TTL(time.Millisecond))
		store.SetScript(faultstore.First(
			faultstore.Only(faultstore.SaveObject, faultstore.Nth(2, faultstore.Fault{Kind: faultstore.Fail})),
			faultstore.Only(faultstore.Delete, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail})),
		))
		first := inBackground(func() { wantCall(e, f, "a", 1) })
		<-time.After(time.Second + 5*time.Millisecond)
		wantCall(e, f, "a", 2)
		first()
		r.want(e, 2)
	})
}

// Nor while the lock on the load is released, and nobody waits for that for long.
func TestARunIsNotJoinedDuringTheReleaseOfItsLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newCacheEnv(t, true)
		store := faultstore.New(e.store, faultstore.Only(faultstore.Release, faultstore.Always(faultstore.Fault{Kind: faultstore.Hang})))
		r := runs{took: time.Second}
		f := mustCache(e, e.instanceOn(store, nil), "{}", r.next, cachify.TTL(time.Millisecond), cachify.LoadLock())
		begun := time.Now()
		first := inBackground(func() {
			wantCall(e, f, "a", 1)
			if took := time.Since(begun); took > time.Second+100*time.Millisecond {
				t.Errorf("the call took %v", took)
			}
		})
		<-time.After(time.Second + 5*time.Millisecond)
		wantCall(e, f, "a", 2)
		first()
		r.want(e, 2)
	})
}

// What a run returned is no cache by itself: who calls after it has ended does not
// get its error, even as long as others are still being told.
func TestErrorIsNotSharedWithLaterCalls(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		broken := errors.New("broken")
		var n atomic.Int64
		// Without reservations, which would tell too that the run is over.
		s := faultstore.New(e.store, func(c faultstore.Call) faultstore.Fault {
			if c.Op == faultstore.Save || c.Op == faultstore.SaveObject {
				return faultstore.Fault{Kind: faultstore.Fail}
			}
			return faultstore.Fault{}
		})
		f := mustCache(e, e.instanceOn(s, nil), "{}", func(context.Context, string) (int, error) {
			time.Sleep(time.Millisecond)
			n.Add(1)
			return 0, broken
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 20 {
					before := time.Now()
					_, err := f.Call(e.ctx, "a")
					wantErr(e, err, broken)
					if time.Since(before) == 0 {
						e.Error("the error of a run that had ended before the call")
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestLeaverDoesNotCancelOthers(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Second}
		f := mustCache(e, e.instance(nil), "{}", r.next)
		leaves, leave := context.WithCancel(e.ctx)
		first := inBackground(func() {
			_, err := f.Call(leaves, "a")
			wantErr(e, err, context.Canceled)
		})
		synctest.Wait()
		second := inBackground(func() { wantCall(e, f, "a", 1) })
		limited, cancel := context.WithTimeout(e.ctx, 100*time.Millisecond)
		defer cancel()
		third := inBackground(func() {
			_, err := f.Call(limited, "a")
			wantErr(e, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		begun := time.Now()
		leave()
		first()
		third()
		if waited := time.Since(begun); waited != 100*time.Millisecond {
			e.Errorf("the leavers left after %v", waited)
		}
		second()
		r.want(e, 1)
	})
}

func TestLastLeaverCancelsAndNextStartsAfresh(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var n atomic.Int64
		ended := make(chan error, 1)
		f := mustCache(e, e.instance(nil), "{}", func(ctx context.Context, _ string) (int, error) {
			if n.Add(1) > 1 {
				return 2, nil
			}
			<-ctx.Done()
			ended <- context.Cause(ctx)
			time.Sleep(time.Second) // and takes its time to end
			return 1, nil
		})
		ctx, leave := context.WithCancel(e.ctx)
		var waits []func()
		for range 3 {
			waits = append(waits, inBackground(func() { _, _ = f.Call(ctx, "a") }))
		}
		synctest.Wait()
		leave()
		for _, w := range waits {
			w()
		}
		wantErr(e, <-ended, context.Canceled)
		wantCall(e, f, "a", 2)
		time.Sleep(2 * time.Second)
		wantCall(e, f, "a", 2) // the first run's late result was not stored
	})
}

func TestCancelledRunLeavesNothing(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Hour / 2}
		f := mustCache(e, e.instance(nil), "{}", r.next)
		ctx, cancel := context.WithTimeout(e.ctx, time.Second)
		defer cancel()
		_, err := f.Call(ctx, "a")
		wantErr(e, err, context.DeadlineExceeded)
		synctest.Wait()
		e.empty("PYC-a-cached")
	})
}

// All have left before the store has answered: there is nothing to run for.
func TestLeftBeforeTheRun(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		slow := faultstore.Always(faultstore.Fault{Before: time.Second})
		for _, op := range []faultstore.Op{faultstore.Save, faultstore.SaveObject, faultstore.Load, faultstore.LoadObject} {
			r := runs{}
			s := faultstore.New(e.store, faultstore.Only(op, slow))
			f := mustCache(e, e.instanceOn(s, nil), "{}", r.next)
			for _, call := range []func(context.Context, string) (int, error){f.Call, f.Refresh} {
				if e.objects != (op == faultstore.SaveObject || op == faultstore.LoadObject) {
					continue
				}
				ctx, cancel := context.WithTimeout(e.ctx, 100*time.Millisecond)
				_, err := call(ctx, "a")
				wantErr(e, err, context.DeadlineExceeded)
				cancel()
			}
			synctest.Wait()
			r.want(e, 0)
		}
		e.empty("PYC-a-cached")
	})
}

func TestContextOfTheRun(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		type key struct{}
		f := mustCache(e, e.instance(nil), "{}", func(ctx context.Context, _ string) (string, error) {
			if d, ok := ctx.Deadline(); ok {
				e.Errorf("the run has a caller's deadline, %v", d)
			}
			s, _ := ctx.Value(key{}).(string)
			return s, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(context.WithValue(e.ctx, key{}, "first"), time.Second)
		defer cancel()
		if got, err := f.Call(ctx, "a"); got != "first" || err != nil {
			e.Errorf("Call = %q, %v, want the value in the first caller's ctx", got, err)
		}
	})
}

func TestPanicReachesEveryWaiter(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: j.events()})
		broken := errors.New("broken")
		var n atomic.Int64
		f := mustCache(e, c, "{}", func(context.Context, string) (int, error) {
			time.Sleep(time.Second)
			if n.Add(1) == 1 {
				panic(broken)
			}
			return 2, nil
		})
		outer, err := cachify.CachedOver(c, "outer-{}", f)
		if err != nil {
			e.Fatal(err)
		}
		call := func() {
			defer func() {
				p, ok := recover().(*cachify.PanicError)
				if !ok || p.Value != broken || !errors.Is(p, broken) || !strings.Contains(string(p.Stack), "load_test.go") {
					e.Errorf("panic %v, want a PanicError with the value and where it was", p)
				}
			}()
			_, _ = outer.Call(e.ctx, "a")
			e.Error("Call returned")
		}
		var waits []func()
		for range 10 {
			waits = append(waits, inBackground(call))
		}
		for _, w := range waits {
			w()
		}
		if lines := j.take(); !strings.HasPrefix(lines[2], "loaded a 1s panic: broken") {
			e.Errorf("events %q", lines)
		}
		e.empty("PYC-a-cached")
		e.empty("PYC-outer-a-cached")
		wantCall(e, outer, "a", 2)
		wantCall(e, f, "a", 2)
	})
}

func TestGoexit(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var n atomic.Int64
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (int, error) {
			time.Sleep(time.Second)
			if n.Add(1) == 1 {
				runtime.Goexit()
			}
			return 2, nil
		})
		var waits []func()
		for range 3 {
			waits = append(waits, inBackground(func() {
				_, err := f.Call(e.ctx, "a")
				wantErr(e, err, cachify.ErrGoexit)
			}))
		}
		for _, w := range waits {
			w()
		}
		e.empty("PYC-a-cached")
		wantCall(e, f, "a", 2)
	})
}

func TestResetDuringLoad(t *testing.T) {
	for _, who := range []string{"same instance", "another instance"} {
		t.Run(who, func(t *testing.T) {
			onBothStores(t, func(e *cacheEnv) {
				var j journal
				r := runs{took: time.Second}
				ev := &cachify.Events{Discarded: j.events().Discarded}
				f := mustCache(e, e.instance(&cachify.Config{Events: ev}), "{}", r.next)
				resetter := f
				if who == "another instance" {
					resetter = mustCache(e, e.instance(nil), "{}", r.next)
				}
				stale := inBackground(func() { wantCall(e, f, "a", 1) })
				time.Sleep(500 * time.Millisecond)
				if err := resetter.Reset(e.ctx, "a"); err != nil {
					e.Error(err)
				}
				wantCall(e, f, "a", 2) // a fresh run, also where the old one goes on
				stale()
				j.want(e, "discarded a")
				wantCall(e, f, "a", 2)
				wantCall(e, resetter, "a", 2)
				r.want(e, 2)
			})
		})
	}
}

// Also if the store takes no reservations, at least in the same instance.
func TestResetDuringLoadWithoutReservation(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		fail := faultstore.Always(faultstore.Fault{Kind: faultstore.Fail})
		s := faultstore.New(e.store, faultstore.First(faultstore.Only(faultstore.Save, fail), faultstore.Only(faultstore.SaveObject, fail)))
		r := runs{took: time.Second}
		f := mustCache(e, e.instanceOn(s, nil), "{}", r.next)
		stale := inBackground(func() { wantCall(e, f, "a", 1) })
		time.Sleep(500 * time.Millisecond)
		if err := f.Reset(e.ctx, "a"); err != nil {
			e.Error(err)
		}
		wantCall(e, f, "a", 2)
		stale()
	})
}

// Nobody calls after the reset: still nothing is stored.
func TestResetDuringLoadStoresNothing(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Second}
		c := e.instance(nil)
		f := mustCache(e, c, "{}", r.next)
		stale := inBackground(func() { wantCall(e, f, "a", 1) })
		time.Sleep(500 * time.Millisecond)
		if err := c.Forget(e.ctx, "a"); err != nil {
			e.Error(err)
		}
		stale()
		e.empty("PYC-a-cached")
	})
}

func TestResetDuringTwoLoads(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Second}
		f := mustCache(e, e.instance(nil), "{}", r.next)
		g := mustCache(e, e.instance(nil), "{}", r.next)
		one := inBackground(func() { wantCall(e, f, "a", 1) })
		time.Sleep(300 * time.Millisecond)
		two := inBackground(func() { wantCall(e, g, "a", 2) }) // under the reservation of the first
		time.Sleep(300 * time.Millisecond)
		if err := f.Reset(e.ctx, "a"); err != nil {
			e.Error(err)
		}
		one()
		two()
		e.empty("PYC-a-cached")
		wantCall(e, f, "a", 3)
		wantCall(e, g, "a", 3)
	})
}

func TestTwoInstancesLoad(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Second}
		f := mustCache(e, e.instance(nil), "{}", r.next)
		g := mustCache(e, e.instance(nil), "{}", r.next)
		one := inBackground(func() { wantCall(e, f, "a", 1) })
		time.Sleep(300 * time.Millisecond)
		wantCall(e, g, "a", 2) // it ran, as LoadLock is not given
		one()
		wantCall(e, f, "a", 1) // the first to end has stored
		wantCall(e, g, "a", 1)
	})
}

func TestRefresh(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Second}
		f := mustCache(e, e.instance(nil), "{}", r.next, cachify.TTL(10*time.Second))
		wantCall(e, f, "a", 1)
		time.Sleep(4 * time.Second)
		refreshed := inBackground(func() {
			if got, err := f.Refresh(e.ctx, "a"); got != 2 || err != nil {
				e.Errorf("Refresh = %v, %v", got, err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		before := time.Now()
		wantCall(e, f, "a", 1) // the old one, at once
		if took := time.Since(before); took != 0 {
			e.Errorf("a call during a refresh took %v", took)
		}
		if p, ok, _ := f.Peek(e.ctx, "a"); !ok || p.TTL != 5500*time.Millisecond || p.Age != 4500*time.Millisecond {
			e.Errorf("Peek during a refresh = %+v, %v", p, ok)
		}
		refreshed()
		wantCall(e, f, "a", 2)
		if p, _, _ := f.Peek(e.ctx, "a"); p.TTL != 10*time.Second {
			e.Errorf("%v left after the refresh, want 10s", p.TTL)
		}
		if got, err := f.Refresh(e.ctx, "b"); got != 3 || err != nil { // nothing there
			e.Errorf("Refresh of nothing = %v, %v", got, err)
		}
		wantCall(e, f, "b", 3)
		r.want(e, 3)
	})
}

func TestOldValueEndsInTimeDuringRefresh(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{}
		f := mustCache(e, e.instance(nil), "{}", r.next, cachify.TTL(time.Second))
		wantCall(e, f, "a", 1)
		r.took = 10 * time.Second
		time.Sleep(900 * time.Millisecond)
		refreshed := inBackground(func() { _, _ = f.Refresh(e.ctx, "a") })
		time.Sleep(100*time.Millisecond - 1)
		wantCall(e, f, "a", 1)
		time.Sleep(1)
		if p, ok, err := f.Peek(e.ctx, "a"); ok || err != nil {
			e.Errorf("Peek = %+v, %v: the old value is over", p, err)
		}
		wantCall(e, f, "a", 2) // with the refresh
		refreshed()
		wantCall(e, f, "a", 2) // stored, though the old one had ended meanwhile
		r.want(e, 2)
	})
}

func TestFailedRefreshKeepsTheOldValue(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		fails := map[string]func(){
			"error": func() {}, "panic": func() { panic("x") }, "goexit": runtime.Goexit,
		}
		for name, fail := range fails {
			for _, ttl := range []time.Duration{10 * time.Second, cachify.NoExpiry} {
				var n atomic.Int64
				f := mustCache(e, e.instance(&cachify.Config{Prefix: name + ttl.String()}), "{}", func(context.Context, string) (int, error) {
					if n.Add(1) == 1 {
						return 1, nil
					}
					time.Sleep(time.Second)
					fail()
					return 0, errors.New("broken")
				}, cachify.TTL(ttl))
				wantCall(e, f, "a", 1)
				time.Sleep(time.Second)
				func() {
					defer func() { _ = recover() }()
					if _, err := f.Refresh(e.ctx, "a"); err == nil {
						e.Errorf("%s: Refresh = nil", name)
					}
				}()
				wantCall(e, f, "a", 1)
				want := ttl
				if want != cachify.NoExpiry {
					want -= 2 * time.Second
				}
				if p, ok, err := f.Peek(e.ctx, "a"); !ok || err != nil || p.TTL != want || p.Age != 2*time.Second {
					e.Errorf("%s: Peek = %+v, %v, %v, want a TTL of %v", name, p, ok, err, want)
				}
				if ttl != cachify.NoExpiry {
					time.Sleep(want)
					if _, ok, _ := f.Peek(e.ctx, "a"); ok {
						e.Errorf("%s: the old value lasts longer than it should", name)
					}
				}
			}
		}
	})
}

// A refresh that fails after the old value's time leaves nothing.
func TestFailedRefreshAfterTheEnd(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (int, error) { return 1, nil }, cachify.TTL(time.Second))
		wantCall(e, f, "a", 1)
		broken := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (int, error) {
			time.Sleep(2 * time.Second)
			return 0, errors.New("broken")
		})
		_, _ = broken.Refresh(e.ctx, "a")
		e.empty("PYC-a-cached")
	})
}

func TestNewerRefreshWins(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		for _, old := range []bool{true, false} {
			for _, older := range []string{"refresh", "call"} {
				prefix := older + map[bool]string{true: " over a value", false: ""}[old]
				if old && older == "call" {
					continue // it would be a hit
				}
				var n atomic.Int64
				load := func(context.Context, string) (int, error) {
					i := int(n.Add(1))
					switch i {
					case 1:
						time.Sleep(time.Second)
					case 2:
						time.Sleep(100 * time.Millisecond)
					}
					return i, nil
				}
				f := mustCache(e, e.instance(&cachify.Config{Prefix: prefix}), "{}", load)
				g := mustCache(e, e.instance(&cachify.Config{Prefix: prefix}), "{}", load) // elsewhere
				if old {
					if _, err := cachify.Fetch(e.ctx, e.instance(&cachify.Config{Prefix: prefix}), "a", func(context.Context) (int, error) { return 99, nil }); err != nil {
						e.Fatal(err)
					}
				}
				wait := inBackground(func() {
					if older == "call" {
						_, _ = g.Call(e.ctx, "a")
					} else {
						_, _ = g.Refresh(e.ctx, "a")
					}
				})
				synctest.Wait()
				if got, err := f.Refresh(e.ctx, "a"); got != 2 || err != nil {
					e.Errorf("%s: Refresh = %v, %v", prefix, got, err)
				}
				wait()
				wantCall(e, f, "a", 2)
				wantCall(e, g, "a", 2)
			}
		}
	})
}

func TestResetDuringRefresh(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Second}
		f := mustCache(e, e.instance(nil), "{}", r.next)
		wantCall(e, f, "a", 1)
		refreshed := inBackground(func() { _, _ = f.Refresh(e.ctx, "a") })
		time.Sleep(500 * time.Millisecond)
		if err := f.Reset(e.ctx, "a"); err != nil {
			e.Error(err)
		}
		refreshed()
		e.empty("PYC-a-cached")
		wantCall(e, f, "a", 3)
	})
}

func TestRefreshThatIsNotStoredKeepsTheOldValue(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var n int
		f := mustCache(e, e.instance(nil), "{}", func(ctx context.Context, _ string) (int, error) {
			if n++; n > 1 {
				cachify.NoStore(ctx)
			}
			return n, nil
		})
		wantCall(e, f, "a", 1)
		if got, err := f.Refresh(e.ctx, "a"); got != 2 || err != nil {
			e.Errorf("Refresh = %v, %v", got, err)
		}
		wantCall(e, f, "a", 1)
	})
}

func TestRefreshDuringManyHits(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		r := runs{}
		f := mustCache(e, e.instance(&cachify.Config{Events: &cachify.Events{Miss: j.events().Miss}}), "{}", r.next)
		_, _ = f.Call(e.ctx, "a")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					if _, err := f.Call(e.ctx, "a"); err != nil {
						e.Error(err)
					}
				}
			})
			wg.Go(func() {
				last := 0
				for range 50 {
					got, err := f.Refresh(e.ctx, "a")
					if err != nil || got <= last {
						e.Errorf("Refresh = %v, %v after %d", got, err, last)
					}
					last = got
				}
			})
		}
		wg.Wait()
		j.want(e, "miss a") // the first one
	})
}

func TestLoadLock(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		ev := j.events()
		ev.Acquired = func(l cachify.LeaseEvent) { j.add("acquired %s %s", l.Verb, l.Key) }
		r := runs{took: time.Minute} // longer than the lock without its renewal
		f := mustCache(e, e.instance(&cachify.Config{Events: ev}), "{}", r.next, cachify.LoadLock())
		g := mustCache(e, e.instance(nil), "{}", r.next, cachify.LoadLock())
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { wantCall(e, f, "a", 1) })
			synctest.Wait()
			wg.Go(func() { wantCall(e, g, "a", 1) })
		}
		wg.Wait()
		r.want(e, 1)
		if lines := j.take(); lines[0] != "acquired cached a" {
			e.Errorf("events %q", lines)
		}
		o, err := e.store.Holders(e.ctx, "PYC-a-cached-load")
		if err != nil || len(o.Holders)+o.Waiting != 0 {
			e.Errorf("the lock is left: %+v, %v", o, err)
		}

		ctx, cancel := context.WithCancel(e.ctx)
		first := inBackground(func() { _, _ = f.Call(ctx, "b") })
		synctest.Wait()
		second := inBackground(func() { wantCall(e, g, "b", 3) })
		synctest.Wait()
		cancel()
		first()
		second() // goes on where the first gave up
	})
}

func TestLoadLockWaiterLeaves(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: time.Minute}
		f := mustCache(e, e.instance(nil), "{}", r.next, cachify.LoadLock())
		g := mustCache(e, e.instance(nil), "{}", r.next, cachify.LoadLock())
		first := inBackground(func() { wantCall(e, f, "a", 1) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(e.ctx, time.Second)
		defer cancel()
		_, err := g.Call(ctx, "a")
		wantErr(e, err, context.DeadlineExceeded)
		synctest.Wait()
		if o, err := e.store.Holders(e.ctx, "PYC-a-cached-load"); o.Waiting != 0 || err != nil {
			e.Errorf("the waiter left something: %+v, %v", o, err)
		}
		first()
	})
}

func TestLoadLockWithoutAStore(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		for kind, most := range map[faultstore.Kind]time.Duration{faultstore.Fail: time.Second, faultstore.Hang: 20 * time.Second} {
			if kind == faultstore.Hang && e.objects {
				continue // a store in this process does not
			}
			s := faultstore.New(e.store, faultstore.Always(faultstore.Fault{Kind: kind}))
			r := runs{}
			f := mustCache(e, e.instanceOn(s, nil), "{}", r.next, cachify.LoadLock())
			begun := time.Now()
			wantCall(e, f, "a", 1)
			if took := time.Since(begun); took > most {
				e.Errorf("%v: a call took %v, want a run without the lock after %v at most", kind, took, most)
			}
		}
		time.Sleep(time.Minute) // what may have been sent is undone in the background
	})
}

// The store fails while another's load is waited for.
func TestLoadLockStoreFailsLater(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		s := faultstore.New(e.store, nil)
		r := runs{took: 10 * time.Minute}
		f := mustCache(e, e.instance(nil), "{}", r.next, cachify.LoadLock())
		g := mustCache(e, e.instanceOn(s, nil), "{}", r.next, cachify.LoadLock())
		first := inBackground(func() { wantCall(e, f, "a", 1) })
		synctest.Wait()
		begun := time.Now()
		second := inBackground(func() { wantCall(e, g, "a", 2) })
		time.Sleep(time.Minute) // waits for as long as the other takes
		r.want(e, 1)
		s.SetScript(faultstore.Always(faultstore.Fault{Kind: faultstore.Fail}))
		second()
		if took := time.Since(begun); took > 13*time.Minute {
			e.Errorf("the second call took %v", took)
		}
		r.want(e, 2)
		first()
		time.Sleep(time.Minute)
	})
}

func TestStoreFailureCostsARunNotTheCall(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		load, put := faultstore.Load, faultstore.Save
		if e.objects {
			load, put = faultstore.LoadObject, faultstore.SaveObject
		}
		fail := faultstore.Fault{Kind: faultstore.Fail}
		var j journal
		s := faultstore.New(e.store, nil)
		c := e.instanceOn(s, &cachify.Config{Events: &cachify.Events{StoreFailed: func(ev cachify.StoreFailedEvent) {
			wantErr(e, ev.Err, cachify.ErrStore, faultstore.ErrInjected)
			j.add("failed %s %s", ev.Op, ev.Key)
		}}})
		r := runs{}
		f := mustCache(e, c, "{}", r.next)
		wantCall(e, f, "a", 1)

		s.SetScript(faultstore.Only(load, faultstore.Always(fail)))
		wantCall(e, f, "a", 2)
		if lines := j.take(); len(lines) == 0 || lines[0] != "failed load PYC-a-cached" {
			e.Errorf("events %q", lines)
		}
		_, _, err := f.Peek(e.ctx, "a")
		wantErr(e, err, cachify.ErrStore)
		if got, err := f.Refresh(e.ctx, "a"); got != 3 || err != nil {
			e.Errorf("Refresh = %v, %v", got, err)
		}
		s.SetScript(nil)
		wantCall(e, f, "a", 1)

		s.SetScript(faultstore.Only(put, faultstore.Always(fail)))
		j.take()
		wantCall(e, f, "b", 4)
		if got, err := f.Refresh(e.ctx, "a"); got != 5 || err != nil {
			e.Errorf("Refresh = %v, %v", got, err)
		}
		j.want(e, "failed save PYC-b-cached", "failed save PYC-a-cached")
		s.SetScript(nil)
		e.empty("PYC-b-cached")
		wantCall(e, f, "a", 1)

		for _, kind := range []faultstore.Kind{faultstore.Fail, faultstore.LoseReply} { // only the result's write
			s.SetScript(faultstore.Only(put, faultstore.Sequence(faultstore.Fault{}, faultstore.Fault{Kind: kind})))
			if _, err := f.Call(e.ctx, kind.String()); err != nil {
				e.Error(err)
			}
			s.SetScript(nil)
		}
		e.empty("PYC-fail-cached")
		wantCall(e, f, "lose reply", 7) // it was stored

		s.SetScript(faultstore.Only(faultstore.Delete, faultstore.Always(fail)))
		j.take()
		wantErr(e, f.Reset(e.ctx, "a"), cachify.ErrStore)
		wantErr(e, c.Forget(e.ctx, "a"), cachify.ErrStore)
		j.want(e, "failed delete PYC-a-cached", "failed delete PYC-a-cached")
	})
}

func TestStackedResetJoinsErrors(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		one, two := errors.New("one"), errors.New("two")
		far, near := faultstore.New(e.store, nil), faultstore.New(e.store, nil)
		r := runs{}
		inner := mustCache(e, e.instanceOn(far, &cachify.Config{Prefix: "far-"}), "{}", r.next)
		outer, err := cachify.CachedOver(e.instanceOn(near, nil), "{}", inner)
		if err != nil {
			e.Fatal(err)
		}
		wantCall(e, outer, "a", 1)
		var order []string
		noted := func(name string, err error) faultstore.Script {
			return func(c faultstore.Call) faultstore.Fault {
				if c.Op != faultstore.Delete {
					return faultstore.Fault{}
				}
				order = append(order, name)
				return faultstore.Fault{Kind: faultstore.Fail, Err: err}
			}
		}
		far.SetScript(noted("far", one))
		near.SetScript(noted("near", two))
		err = outer.Reset(e.ctx, "a")
		wantErr(e, err, one, two, cachify.ErrStore)
		if strings.Join(order, " ") != "far near" {
			e.Errorf("reset %q, want the inner one first", order)
		}
		near.SetScript(nil)
		err = outer.Reset(e.ctx, "a")
		if wantErr(e, err, one); errors.Is(err, two) {
			e.Errorf("Reset = %v", err)
		}
		e.empty("PYC-a-cached") // the outer one was reset although the inner failed
	})
}

// A store that does not answer costs a bounded time.
func TestHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newCacheEnv(t, false)
		s := faultstore.New(e.store, faultstore.Always(faultstore.Fault{Kind: faultstore.Hang}))
		r := runs{}
		f := mustCache(e, e.instanceOn(s, nil), "{}", r.next)
		begun := time.Now()
		wantCall(e, f, "a", 1)
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("a call took %v", took)
		}
		wantErr(e, f.Reset(e.ctx, "a"), cachify.ErrStore)
	})
}

func TestSameKeyOtherType(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: &cachify.Events{Corrupt: j.events().Corrupt}})
		numbers := mustCache(e, c, "{}", func(context.Context, string) (int, error) { return 1, nil })
		maps := mustCache(e, c, "{}", func(context.Context, string) (map[string]int, error) { return map[string]int{"a": 1}, nil })
		for range 3 {
			wantCall(e, numbers, "a", 1)
			if m, err := maps.Call(e.ctx, "a"); m["a"] != 1 || err != nil {
				e.Errorf("Call = %v, %v", m, err)
			}
		}
		if lines := j.take(); len(lines) != 5 {
			e.Errorf("events %q, want 5 times corrupt", lines)
		}
	})
}

func TestSameKeyOtherTypeAtTheSameTime(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		a := mustCache(e, c, "{}", func(context.Context, string) (int, error) { time.Sleep(time.Second); return 1, nil })
		b := mustCache(e, c, "{}", func(context.Context, string) (string, error) { time.Sleep(time.Second); return "x", nil })
		wait := inBackground(func() { wantCall(e, a, "k", 1) })
		synctest.Wait()
		wantCall(e, b, "k", "x")
		wait()
	})
}

// Several instances load, refresh and reset one key, on a store whose replies take
// their time. Who calls after a reset never sees what was computed before it.
func TestNothingStaleAfterReset(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		for seed := range uint64(20) {
			var truth, known atomic.Int64
			prefix := fmt.Sprint(seed)
			var wg sync.WaitGroup
			for i := range uint64(3) {
				rates := faultstore.Rates{Delay: 0.5, MaxDelay: 5 * time.Millisecond}
				s := faultstore.New(e.store, faultstore.Random(3*seed+i, rates))
				dice := rand.New(rand.NewPCG(seed, i))
				var mu sync.Mutex
				upTo := func(n int64) int64 {
					mu.Lock()
					defer mu.Unlock()
					return dice.Int64N(n)
				}
				f := mustCache(e, e.instanceOn(s, &cachify.Config{Prefix: prefix}), "{}", func(context.Context, string) (int64, error) {
					v := truth.Load()
					time.Sleep(time.Duration(upTo(int64(10 * time.Millisecond))))
					if upTo(5) == 0 {
						return v, errors.New("now and then")
					}
					return v, nil
				}, cachify.TTL(20*time.Millisecond))
				for range 4 {
					wg.Go(func() {
						for range 50 {
							var old, got int64
							var err error
							switch upTo(10) {
							case 0:
								old = truth.Add(1)
								if err := f.Reset(e.ctx, "a"); err != nil {
									e.Error(err)
								}
								for { // nothing older is to be seen from now on
									if k := known.Load(); k >= old || known.CompareAndSwap(k, old) {
										break
									}
								}
								continue
							case 1:
								old = truth.Load()
								got, err = f.Refresh(e.ctx, "a")
							default:
								old = known.Load()
								got, err = f.Call(e.ctx, "a")
							}
							if err == nil && got < old {
								e.Errorf("seed %d: %d, though %d was known before the call", seed, got, old)
							}
							time.Sleep(time.Duration(upTo(int64(3 * time.Millisecond))))
						}
					})
				}
			}
			wg.Wait()
		}
	})
}

// save puts bytes under a key, as another program would.
func save(e *cacheEnv, key string, value []byte) {
	e.Helper()
	if _, err := e.store.Save(e.ctx, key, value, driver.Write{TTL: driver.NoExpiry}); err != nil {
		e.Fatal(err)
	}
}

func TestCloneOfWaitersOfAnError(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (map[string]int, error) {
			time.Sleep(time.Second)
			return map[string]int{"a": 1}, errors.New("broken")
		}, cachify.Clone(maps.Clone[map[string]int]))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				m, err := f.Call(e.ctx, "a")
				if err == nil || m["a"] != 1 {
					e.Errorf("Call = %v, %v", m, err)
				}
				m["a"] = 2
			})
		}
		wg.Wait()
	})
}

func TestCloseWaitsForLoads(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		r := runs{took: time.Second}
		f := mustCache(e, c, "{}", r.next)
		call := inBackground(func() { wantCall(e, f, "a", 1) })
		synctest.Wait()
		short, cancel := context.WithTimeout(e.ctx, 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		wantErr(e, c.Close(short), context.DeadlineExceeded)
		if took := time.Since(begun); took != 100*time.Millisecond {
			e.Errorf("Close took %v", took)
		}
		call()
	})
}

// A run that could not reserve is not joined once the store answers again: another
// instance may have reset the key.
func TestARunWithoutAReservationIsNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		f := faultstore.New(mem, faultstore.Only(faultstore.SaveObject, faultstore.Sequence(faultstore.Fault{Kind: faultstore.Fail})))
		a, b := cachify.Must(cachify.New(f, nil)), cachify.Must(cachify.New(mem, nil))
		var db atomic.Int64
		fn := func(context.Context, int) (int64, error) {
			v := db.Load()
			time.Sleep(10 * time.Second)
			return v, nil
		}
		fa, fb := mustCache(t, a, "x-{id}", fn), mustCache(t, b, "x-{id}", fn)
		wait := inBackground(func() { _, _ = fa.Call(t.Context(), 1) })
		time.Sleep(time.Second)
		db.Store(1)
		if err := fb.Reset(t.Context(), 1); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if v, err := fa.Call(t.Context(), 1); v != 1 || err != nil {
			t.Errorf("%d, %v: what was there before the reset", v, err)
		}
		wait()
		for _, c := range []*cachify.Cachify{a, b} {
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// A reservation is not evicted by other keys: a function that takes long is cached
// too.
func TestReservationsAreNotEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, err := memstore.New(&memstore.Options{MaxEntries: 100})
		if err != nil {
			t.Fatal(err)
		}
		c := cachify.Must(cachify.New(mem, nil))
		quick := func(context.Context, int) (int, error) { return 0, nil }
		warm := mustCache(t, c, "warm-{}", quick)
		for i := range 5000 {
			_, _ = warm.Call(t.Context(), i%90)
		}
		var runs atomic.Int64
		slow := mustCache(t, c, "slow-{}", func(context.Context, int) (int64, error) {
			n := runs.Add(1)
			time.Sleep(time.Second)
			return n, nil
		})
		var waits []func()
		for range 2 {
			waits = append(waits, inBackground(func() { _, _ = slow.Call(t.Context(), 1) }))
			for i := range 3500 {
				_, _ = warm.Call(t.Context(), 1000+i)
				if i%5 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}
		for _, wait := range waits {
			wait()
		}
		if n := runs.Load(); n != 1 {
			t.Errorf("the function ran %d times", n)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestCachedOverItself(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		inner := mustCache(e, c, "x-{}", func(context.Context, string) (int, error) { return 1, nil })
		outer, err := cachify.CachedOver(c, "x-{}", inner)
		if err != nil {
			e.Fatal(err)
		}
		_, err = outer.Call(e.ctx, "a")
		wantErr(e, err, cachify.ErrInvalid)
		wantCall(e, inner, "a", 1)
	})
}
