package cachify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/kvstore"
	"github.com/go-cachify/cachify/memstore"
)

// acquireOps are the two ways to ask for a lease.
var acquireOps = []struct {
	name    string
	op      faultstore.Op
	options []LockOption
}{
	{"at once", faultstore.Acquire, nil},
	{"waiting", faultstore.Enqueue, []LockOption{Wait(Forever)}},
}

// A lost reply costs a second request with the same holder, which gets the same
// lease.
func TestAcquireWhoseReplyIsLost(t *testing.T) {
	for _, how := range acquireOps {
		for n := 1; n < acquireAttempts; n++ {
			synctest.Test(t, func(t *testing.T) {
				lose := make([]faultstore.Fault, n)
				for i := range lose {
					lose[i].Kind = faultstore.LoseReply
				}
				failed := 0
				mem, f, c := faulty(t, &Config{Events: &Events{StoreFailed: func(e StoreFailedEvent) {
					failed++
					if e.Op != "acquire" || e.Key != "PYC-a" || !errors.Is(e.Err, ErrStore) {
						t.Errorf("%+v", e)
					}
				}}}, faultstore.Only(how.op, faultstore.Sequence(lose...)))
				start := time.Now()
				l := mustAcquire(t, c.Lock("a", append(how.options, Expiry(10*time.Second))...))
				// The lease counts from the request that made it.
				wantTime(t, "Remaining", l.Remaining(), 9900*time.Millisecond-time.Since(start), time.Millisecond)
				if f.Counts().Calls(how.op) != n+1 || failed != n {
					t.Errorf("%v, told of %d failures", f.Counts(), failed)
				}
				mustRelease(t, l)
				wantState(t, mem, "PYC-a", 0, 0)
			})
		}
	}
}

// The same when the request was refused, and the reply that says so is lost: there
// is one place in the queue.
func TestPlaceInTheQueueWhoseReplyIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, f, c := faulty(t, nil, nil)
		l := mustAcquire(t, c.Lock("a"))
		f.SetScript(faultstore.Only(faultstore.Enqueue, faultstore.Sequence(
			faultstore.Fault{Kind: faultstore.LoseReply}, faultstore.Fault{Kind: faultstore.LoseReply})))
		at := begin(t.Context(), c.Lock("a", Wait(Forever)))
		<-time.After(time.Second)
		wantState(t, mem, "PYC-a", 1, 1)
		mustRelease(t, l)
		mustRelease(t, at.got(t))
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

// Handed over between a lost reply and the next attempt.
func TestHandOverDuringARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, f, c := faulty(t, nil, nil)
		l := mustAcquire(t, c.Lock("a"))
		warm := begin(t.Context(), c.Lock("a", Wait(time.Millisecond))) // from now on the line listens
		<-warm.done
		f.SetScript(faultstore.Only(faultstore.Enqueue, faultstore.Always(faultstore.Fault{Kind: faultstore.LoseReply})))
		at := begin(t.Context(), c.Lock("a", Wait(Forever)))
		synctest.Wait()
		mustRelease(t, l)
		l = at.got(t)
		wantTime(t, "the hand-over", at.took, 0)
		wantState(t, mem, "PYC-a", 1, 0)
		mustRelease(t, l)
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

func TestAcquireWithTheStoreDown(t *testing.T) {
	for _, tc := range []struct {
		name    string
		kind    faultstore.Kind
		options []LockOption
		most    time.Duration
		want    []error
	}{
		{"fails", faultstore.Fail, nil, 200 * time.Millisecond, []error{ErrStore, faultstore.ErrInjected}},
		{"hangs", faultstore.Hang, nil, storeTimeout + cleanUpPatience, []error{ErrStore, context.DeadlineExceeded}},
		{"fails, waiting", faultstore.Fail, []LockOption{Wait(3 * time.Second)}, 3*time.Second + cleanUpPatience, []error{ErrStore, ErrTimeout, faultstore.ErrInjected}},
		{"hangs, waiting", faultstore.Hang, []LockOption{Wait(3 * time.Second)}, storeTimeout + cleanUpPatience, []error{ErrStore, ErrTimeout}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, c := faulty(t, nil, faultstore.Always(faultstore.Fault{Kind: tc.kind}))
				at := begin(t.Context(), c.Lock("a", tc.options...))
				<-at.done
				if at.took > tc.most {
					t.Errorf("it took %v, want at most %v", at.took, tc.most)
				}
				wantIs(t, at.err, tc.want...)
				wantNot(t, at.err, ErrLocked, ErrLost)
				if e := wantAs[*StoreError](t, at.err); e.Op != "acquire" || e.Key != "PYC-a" {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

func TestAStoreThatComesBackServesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, c := faulty(t, nil, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail}))
		at := begin(t.Context(), c.Lock("a", Wait(Forever)))
		<-time.After(time.Minute)
		f.SetScript(nil)
		l := at.got(t)
		wantTime(t, "the lease", at.took, time.Minute, 2*DefaultLockPollInterval)
		mustRelease(t, l)
	})
}

// The caller has left, and the store does what it asked for all the same.
func TestARequestThatArrivesLateStrandsNothing(t *testing.T) {
	for _, how := range acquireOps {
		for _, kind := range []faultstore.Kind{faultstore.Late, faultstore.HangReply} {
			for _, late := range []time.Duration{0, time.Millisecond, 500 * time.Millisecond} {
				for _, held := range []bool{false, true} {
					t.Run(fmt.Sprint(how.name, kind, late, held), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							mem, f, c := faulty(t, nil, nil)
							other := instanceOn(t, mem, nil)
							var l *Lease
							if held {
								l = mustAcquire(t, other.Lock("a", Expiry(NoExpiry)))
							}
							f.SetScript(faultstore.Only(how.op, faultstore.Nth(1, faultstore.Fault{Kind: kind, After: late})))
							ctx, cancel := context.WithTimeout(t.Context(), time.Second)
							defer cancel()
							at := begin(ctx, c.Lock("a", append(how.options, Expiry(NoExpiry))...))
							<-at.done
							wantIs(t, at.err, context.DeadlineExceeded)
							wantTime(t, "the end", at.took, time.Second, cleanUpPatience)
							f.Wait()
							<-time.After(strayAfter)
							if held {
								mustRelease(t, l)
							}
							wantState(t, mem, "PYC-a", 0, 0)
						})
					})
				}
			}
		}
	}
}

// A clean-up goes on in the background when the store does not answer.
func TestACleanUpIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, f, c := faulty(t, nil, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
		ctx, cancel := context.WithCancel(t.Context())
		at := begin(ctx, c.Lock("a", Wait(Forever), Expiry(NoExpiry)))
		<-time.After(time.Second)
		f.SetScript(faultstore.Only(faultstore.Leave, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail})))
		start := time.Now()
		cancel()
		<-at.done
		wantTime(t, "giving up", time.Since(start), cleanUpPatience)
		wantIs(t, at.err, context.Canceled)
		<-time.After(time.Second)
		wantState(t, mem, "PYC-a", 1, 1)
		f.SetScript(nil)
		<-time.After(4 * time.Second)
		wantState(t, mem, "PYC-a", 1, 0)
		mustRelease(t, l)
	})
}

func TestALostPushCostsAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 300 * time.Millisecond
		_, f, c := faulty(t, &Config{LockPollInterval: interval}, faultstore.Only(faultstore.Push, faultstore.Always(faultstore.Fault{Kind: faultstore.Drop})))
		lock := c.Lock("a", Wait(Forever))
		l := mustAcquire(t, lock)
		for i := range 20 {
			at := begin(t.Context(), lock)
			<-time.After(time.Duration(i) * 37 * time.Millisecond)
			synctest.Wait()
			released := time.Now()
			mustRelease(t, l)
			l = at.got(t)
			if took := time.Since(released); took > interval {
				t.Errorf("the hand-over took %v", took)
			}
		}
		mustRelease(t, l)
		if f.Counts().Faults(faultstore.Drop) == 0 {
			t.Error("no push was lost")
		}
	})
}

func TestRepeatedAndLatePushesAreHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, f, c := faulty(t, nil, faultstore.Only(faultstore.Push, func(c faultstore.Call) faultstore.Fault {
			return faultstore.Fault{
				Kind:   []faultstore.Kind{faultstore.Duplicate, faultstore.None}[c.N%2],
				Before: time.Duration(c.N%5) * 40 * time.Millisecond,
				After:  time.Duration(c.N%7) * 70 * time.Millisecond,
			}
		}))
		holders := 0
		var all []*attempt
		for range 100 {
			at := &attempt{done: make(chan struct{})}
			all = append(all, at)
			go func() {
				defer close(at.done)
				at.err = c.Lock("a", Wait(Forever)).Do(t.Context(), func(context.Context) error {
					if holders++; holders != 1 {
						t.Error("two hold it")
					}
					<-time.After(30 * time.Millisecond)
					holders--
					return nil
				})
			}()
		}
		for _, at := range all {
			<-at.done
			wantNil(t, at.err)
		}
		f.Wait()
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

// A slot that is handed over counts from the hand-over in the store, however late
// its holder hears of it.
func TestTheDeadlineOfALateHandOver(t *testing.T) {
	for _, lag := range []time.Duration{0, 50 * time.Millisecond, time.Second, 3 * time.Second} {
		for _, interval := range []time.Duration{time.Hour, 700 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				mem, _, c := faulty(t, &Config{LockPollInterval: interval},
					faultstore.Only(faultstore.Push, faultstore.Always(faultstore.Fault{Before: lag})))
				l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
				at := begin(t.Context(), c.Lock("a", Wait(Forever), Expiry(5*time.Second)))
				<-time.After(10 * time.Second)
				handed := time.Now()
				mustRelease(t, l)
				l = at.got(t)
				ctx := l.Context()
				<-ctx.Done()
				took := time.Since(handed)
				if took >= 5*time.Second {
					t.Errorf("the lease lasted for %v, longer than in the store", took)
				}
				wantTime(t, "the end of the lease", took, 4950*time.Millisecond, 10*time.Millisecond)
				if o, _ := mem.Holders(t.Context(), "PYC-a"); len(o.Holders) != 1 {
					t.Error("the store was first")
				}
			})
		}
	}
}

// The store has lost its queue: those who waited get back in line, in order.
func TestALostQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		lock := c.Lock("a", Wait(Forever))
		l := mustAcquire(t, lock)
		var all []*attempt
		for i := range 10 {
			at := &attempt{done: make(chan struct{})}
			all = append(all, at)
			go func() {
				defer close(at.done)
				at.err = lock.Do(t.Context(), func(context.Context) error { j.add("%d", i); return nil })
			}()
			synctest.Wait()
		}
		c.core.lines.mu.Lock()
		line := c.core.lines.byName["PYC-a"]
		c.core.lines.mu.Unlock()
		for holder := range line.holders {
			wantNil(t, mem.Leave(t.Context(), "PYC-a", holder))
		}
		wantState(t, mem, "PYC-a", 1, 0)
		<-time.After(2 * DefaultLockPollInterval)
		wantState(t, mem, "PYC-a", 1, 10)
		mustRelease(t, l)
		for _, at := range all {
			<-at.done
			wantNil(t, at.err)
		}
		j.want(t, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

// A process that was frozen for longer than the store's patience finds its way back.
func TestAWaiterWhosePatienceRanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, f, c := faulty(t, nil, nil)
		other := instanceOn(t, mem, nil)
		l := mustAcquire(t, other.Lock("a", Expiry(NoExpiry)))
		at := begin(t.Context(), c.Lock("a", Wait(Forever)))
		<-time.After(time.Second)
		f.SetScript(faultstore.Only(faultstore.Look, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail})))
		<-time.After(20 * time.Second)
		wantState(t, mem, "PYC-a", 1, 0)
		mustRelease(t, l)
		l = mustAcquire(t, other.Lock("a", Expiry(NoExpiry))) // it does not hold others up
		f.SetScript(nil)
		<-time.After(2 * DefaultLockPollInterval)
		wantState(t, mem, "PYC-a", 1, 1)
		mustRelease(t, l)
		mustRelease(t, at.got(t))
	})
}

// A place is given back while its waiter is handed the slot, works and has gone: the
// lease of the waiter is left alone, and nothing stays behind.
func TestGettingBackInLineAfterTheEnd(t *testing.T) {
	for _, work := range []time.Duration{0, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			mem, f, c := faulty(t, nil, nil)
			lock := c.Lock("a", Wait(Forever), Expiry(NoExpiry))
			l := mustAcquire(t, lock)
			at := begin(t.Context(), lock)
			<-time.After(time.Second)
			c.core.lines.mu.Lock()
			line := c.core.lines.byName["PYC-a"]
			c.core.lines.mu.Unlock()
			line.mu.Lock()
			w := line.waiters.Front().Value.(*waiter)
			line.mu.Unlock()

			f.SetScript(faultstore.Only(faultstore.Enqueue, faultstore.Always(faultstore.Fault{Before: time.Second})))
			again := make(chan error, 1)
			go func() { again <- line.enqueueAgain(t.Context(), w) }()
			synctest.Wait()
			mustRelease(t, l)
			l = at.got(t) // by push, while the request is under way
			<-time.After(work)
			if work == 0 {
				mustRelease(t, l)
			}
			wantNil(t, <-again)
			if work > 0 {
				wantNil(t, l.Err())
				wantState(t, mem, "PYC-a", 1, 0)
				mustRelease(t, l)
			}
			wantState(t, mem, "PYC-a", 0, 0)
		})
	}
}

// The same for one that has given up meanwhile: it is neither in line nor a holder.
func TestGettingBackInLineAfterGivingUp(t *testing.T) {
	for _, free := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			mem, f, c := faulty(t, nil, nil)
			l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
			ctx, cancel := context.WithCancel(t.Context())
			at := begin(ctx, c.Lock("a", Wait(Forever), Expiry(NoExpiry)))
			<-time.After(time.Second)
			c.core.lines.mu.Lock()
			line := c.core.lines.byName["PYC-a"]
			c.core.lines.mu.Unlock()
			line.mu.Lock()
			w := line.waiters.Front().Value.(*waiter)
			line.mu.Unlock()

			f.SetScript(faultstore.Only(faultstore.Enqueue, faultstore.Always(faultstore.Fault{Before: time.Second})))
			again := make(chan error, 1)
			go func() { again <- line.enqueueAgain(t.Context(), w) }()
			synctest.Wait()
			cancel()
			<-at.done
			if free {
				mustRelease(t, l)
			}
			wantNil(t, <-again)
			if !free {
				wantState(t, mem, "PYC-a", 1, 0)
				mustRelease(t, l)
			}
			wantState(t, mem, "PYC-a", 0, 0)
		})
	}
}

// lackingStore says that it cannot do some things.
type lackingStore struct {
	*memstore.Store
	lacks driver.Lack
}

func (s lackingStore) Capabilities() driver.Capabilities {
	return driver.Capabilities{Queue: s.Store, Lacks: s.lacks}
}

func TestWhatTheStoreLacksIsRefusedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv, err := kvstore.New(&mapClient{values: make(map[string]mapValue)}, nil)
		wantNil(t, err)
		mem := memory(t)
		for _, tc := range []struct {
			of    func(c *Cachify) acquirer
			lacks driver.Lack
		}{
			{func(c *Cachify) acquirer { return c.Lock("a", KeepAlive()) }, driver.LackExtend},
			{func(c *Cachify) acquirer { return c.Lock("a", MinHold(time.Second)) }, driver.LackExtend},
			{func(c *Cachify) acquirer { return c.Pool("a", 2) }, driver.LackLimits},
			{func(c *Cachify) acquirer { return c.Pool("a", 2, Wait(Forever)) }, driver.LackLimits},
		} {
			c := instanceOn(t, lackingStore{mem, tc.lacks}, nil)
			_, err := tc.of(c).Acquire(t.Context())
			wantIs(t, err, ErrUnsupported)
			wantNot(t, err, ErrStore, ErrInvalid)
			names, _ := mem.Names(t.Context(), "", 10)
			if len(names) != 0 {
				t.Errorf("the store has %v", names)
			}
		}
		c := instanceOn(t, kv, nil)
		_, err = c.Pool("a", 2).Acquire(t.Context())
		wantIs(t, err, ErrUnsupported)
		mustRelease(t, mustAcquire(t, c.Pool("a", 1)))
		endless := instanceOn(t, lackingStore{mem, driver.LackExtend | driver.LackFences}, nil)
		mustRelease(t, mustAcquire(t, endless.Lock("a", KeepAlive(), Expiry(NoExpiry)))) // nothing to renew
	})
}

// unextendable is a store that says so when it is asked.
type unextendable struct{ driver.Store }

func (unextendable) Extend(context.Context, driver.Grant, time.Duration) (driver.Grant, error) {
	return driver.Grant{}, driver.ErrUnsupported
}

func (unextendable) Capabilities() driver.Capabilities {
	return driver.Capabilities{Lacks: driver.LackExtend}
}

func TestExtendOnAStoreThatCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, unextendable{memory(t)}, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(10*time.Second)))
		err := l.Extend(t.Context(), time.Second)
		wantIs(t, err, ErrUnsupported)
		wantNot(t, err, ErrStore)
		wantTime(t, "Remaining", l.Remaining(), 9900*time.Millisecond)
		mustRelease(t, l)
	})
}

// With everything going wrong at random, at most one holds the lock by its own clock,
// and when all is quiet nothing is left.
func TestExclusionOnAStoreThatFails(t *testing.T) {
	for seed := range uint64(20) {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprint(seed, plain), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					mem := memory(t)
					var inner driver.Store = mem
					if plain {
						inner = plainStore{mem}
					}
					var instances []*Cachify
					var stores []*faultstore.Store
					for i := range uint64(3) {
						f := faultstore.New(inner, faultstore.Random(3*seed+i, faultstore.Rates{
							Fail: .05, LoseReply: .05, Hang: .01, HangReply: .01, Late: .01, Stray: .02, Duplicate: .02,
							DropPush: .2, DuplicatePush: .1, Delay: .1,
						}))
						stores = append(stores, f)
						instances = append(instances, instanceOn(t, f, nil))
					}
					var mu sync.Mutex // a lease that ran out hands nothing over to the next
					var owner *Lease
					held := 0
					var all []*attempt
					for g := range 12 {
						at := &attempt{done: make(chan struct{})}
						all = append(all, at)
						go func() {
							defer close(at.done)
							for i := range 8 {
								opts := []LockOption{Expiry(2 * time.Second), Wait(time.Duration(1+(g+i)%4) * time.Second)}
								if i%3 == 0 {
									opts = append(opts, KeepAlive())
								}
								l, err := instances[g%3].Lock("a", opts...).Acquire(t.Context())
								if err != nil {
									continue
								}
								mu.Lock()
								if owner != nil && owner.Err() == nil {
									t.Errorf("%s holds it, and %s too", owner.Holder(), l.Holder())
								}
								owner = l
								held++
								mu.Unlock()
								<-time.After(time.Duration(10*(i+1)) * time.Millisecond)
								_ = l.Release(t.Context())
							}
						}()
					}
					for _, at := range all {
						<-at.done
					}
					for _, f := range stores {
						f.Wait()
						f.SetScript(nil)
					}
					<-time.After(10 * time.Second)
					wantState(t, mem, "PYC-a", 0, 0)
					if held < 5 {
						t.Errorf("held %d times only", held)
					}
				})
			})
		}
	}
}
