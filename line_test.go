package cachify

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
)

func TestALineListensForAWhileWhenItIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, c := faulty(t, nil, nil)
		lock := c.Lock("a", Wait(Forever))
		turn := func() {
			t.Helper()
			l := mustAcquire(t, lock)
			at := begin(t.Context(), lock)
			synctest.Wait()
			mustRelease(t, l)
			mustRelease(t, at.got(t))
			wantTime(t, "the hand-over", at.took, 0)
		}
		for range 10 {
			turn()
			<-time.After(lineLinger - time.Millisecond)
		}
		if n := f.Counts().Calls(faultstore.Listen); n != 1 {
			t.Errorf("%d subscriptions of a busy line, want 1", n)
		}
		<-time.After(lineLinger)
		wantLines(t, c, 0)
		turn()
		if n := f.Counts().Calls(faultstore.Listen); n != 2 {
			t.Errorf("%d subscriptions, want 2", n)
		}
	})
}

func wantLines(t *testing.T, c *Cachify, want int) {
	t.Helper()
	c.core.lines.mu.Lock()
	defer c.core.lines.mu.Unlock()
	if n := len(c.core.lines.byName); n != want {
		t.Errorf("%d lines, want %d", n, want)
	}
}

// Somebody comes at the very moment at which the line is forgotten.
func TestJoiningALineThatRetires(t *testing.T) {
	onAllStores(t, func(t *testing.T, store driver.Store) {
		c := instanceOn(t, store, nil)
		lock := c.Lock("a", Wait(Forever), Expiry(NoExpiry))
		for range 200 {
			l := mustAcquire(t, lock)
			at := begin(t.Context(), lock)
			synctest.Wait()
			mustRelease(t, l)
			l = at.got(t)
			<-time.After(lineLinger)
			var all []*attempt
			for range 3 {
				all = append(all, begin(t.Context(), lock))
			}
			mustRelease(t, l)
			for range all {
				var next *attempt
				select {
				case <-all[0].done:
					next = all[0]
				case <-all[1].done:
					next = all[1]
				case <-all[2].done:
					next = all[2]
				}
				mustRelease(t, next.got(t))
				next.done = nil
			}
		}
	})
}

// The last one leaves while a look hangs, and the line is forgotten all the same.
func TestALookThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, c := faulty(t, nil, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
		at := begin(t.Context(), c.Lock("a", Wait(500*time.Millisecond)))
		<-time.After(150 * time.Millisecond)
		f.SetScript(faultstore.Only(faultstore.Look, faultstore.Always(faultstore.Fault{Kind: faultstore.Hang})))
		<-at.done
		wantIs(t, at.err, ErrTimeout)
		wantTime(t, "the end", at.took, 500*time.Millisecond)
		<-time.After(lineLinger + 100*time.Millisecond)
		wantLines(t, c, 0)
		// The next one starts afresh, and pushes reach it although looks still hang.
		at = begin(t.Context(), c.Lock("a", Wait(Forever)))
		<-time.After(10 * time.Millisecond)
		mustRelease(t, l)
		f.SetScript(nil)
		mustRelease(t, at.got(t))
		<-time.After(10 * time.Millisecond)
		wantTime(t, "the hand-over", at.took, 10*time.Millisecond)
	})
}

func TestASubscriptionThatFails(t *testing.T) {
	for _, kind := range []faultstore.Kind{faultstore.Fail, faultstore.LoseReply} {
		synctest.Test(t, func(t *testing.T) {
			_, f, c := faulty(t, nil, faultstore.Only(faultstore.Listen, faultstore.Always(faultstore.Fault{Kind: kind})))
			l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
			at := begin(t.Context(), c.Lock("a", Wait(Forever)))
			<-time.After(time.Second)
			f.SetScript(nil)
			<-time.After(DefaultLockPollInterval)
			released := time.Now()
			mustRelease(t, l)
			mustRelease(t, at.got(t))
			wantTime(t, "the hand-over", time.Since(released), 0) // it listens by now
		})
	}
}

func TestCloseDuringALook(t *testing.T) {
	for _, op := range []faultstore.Op{faultstore.Look, faultstore.Listen} {
		synctest.Test(t, func(t *testing.T) {
			mem, _, c := faulty(t, nil, faultstore.Only(op, faultstore.Always(faultstore.Fault{Before: time.Second})))
			l := mustAcquire(t, instanceOn(t, mem, nil).Lock("a", Expiry(NoExpiry)))
			at := begin(t.Context(), c.Lock("a", Wait(Forever)))
			<-time.After(500 * time.Millisecond)
			start := time.Now()
			wantNil(t, c.Close(t.Context()))
			wantTime(t, "Close", time.Since(start), 0)
			<-at.done
			wantIs(t, at.err, ErrClosed)
			wantState(t, mem, "PYC-a", 1, 0)
			<-time.After(time.Minute)
			mustRelease(t, l)
		})
	}
}

// With an interval of an hour, only the store's word can tell that a lease will end
// earlier than it said.
func TestALeaseThatIsMadeShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		cfg := &Config{LockPollInterval: time.Hour}
		c, other := instanceOn(t, mem, cfg), instanceOn(t, mem, cfg)
		l := mustAcquire(t, other.Lock("a", Expiry(NoExpiry)))
		at := begin(t.Context(), c.Lock("a", Wait(Forever)))
		<-time.After(time.Second)
		wantNil(t, l.Extend(t.Context(), 2*time.Second))
		mustRelease(t, at.got(t))
		wantTime(t, "the turn", at.took, 3*time.Second, 2*time.Millisecond)
	})
}

// A holder that renews does not make its waiters ask all the time.
func TestWaitingForALeaseThatIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, c := faulty(t, &Config{LockPollInterval: time.Hour}, nil)
		l := mustAcquire(t, c.Lock("a", Expiry(3*time.Second), KeepAlive()))
		at := begin(t.Context(), c.Lock("a", Wait(Forever)))
		<-time.After(time.Minute)
		if n := f.Counts().Calls(faultstore.Look); n > 40 {
			t.Errorf("%d looks in a minute", n)
		}
		mustRelease(t, l)
		mustRelease(t, at.got(t))
		wantTime(t, "the turn", at.took, time.Minute)
	})
}

func TestTheLongestPollInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), &Config{LockPollInterval: driver.MaxTTL})
		if p := c.core.patience(); p != driver.NoExpiry {
			t.Errorf("patience %v", p)
		}
		l := mustAcquire(t, c.Lock("a", Expiry(time.Second)))
		at := begin(t.Context(), c.Lock("a", Wait(Forever)))
		mustRelease(t, at.got(t))
		wantTime(t, "the turn", at.took, time.Second, 2*time.Millisecond)
		wantIs(t, l.Release(t.Context()), ErrExpired)
	})
}

func TestTheDeadlineOfAnExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := instanceOn(t, memory(t), nil).core
		<-time.After(time.Second)
		x := exchange{sent: k.now(), at: 1000 * time.Second}
		<-time.After(time.Minute)
		for _, tc := range []struct {
			name    string
			at, ttl time.Duration
			want    time.Duration // after sent
		}{
			{"later", 1010 * time.Second, 100 * time.Second, 109 * time.Second},
			{"at once", 1000 * time.Second, 100 * time.Second, 99 * time.Second},
			{"before", 990 * time.Second, 100 * time.Second, 89 * time.Second},
			{"in the future: the store's clock has jumped", 5000 * time.Second, 100 * time.Second, 159 * time.Second},
		} {
			got := localDeadline(k.local(x, tc.at), tc.ttl) - x.sent
			wantTime(t, tc.name, time.Duration(got), tc.want)
		}
		if d := localDeadline(k.local(x, time.Second), NoExpiry); d != never {
			t.Errorf("no expiry gives %v", d)
		}
	})
}

// Many lines at once, in real time, for the race detector.
func TestManyLinesInRealTime(t *testing.T) {
	mem := memory(t)
	instances := []*Cachify{
		instanceOn(t, mem, &Config{LockPollInterval: time.Millisecond}),
		instanceOn(t, plainStore{mem}, &Config{Prefix: "Q-", LockPollInterval: time.Millisecond}),
	}
	var counts [2][4]int
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 50 {
				which, key := g%2, i%4
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%5)*time.Millisecond)
				lock := instances[which].Lock(string(rune('a'+key)), Wait(time.Duration(1+i%3)*time.Millisecond))
				if i%10 == 0 {
					cancel()
					ctx, cancel = context.WithCancel(context.Background())
					lock = instances[which].Lock(string(rune('a'+key)), Wait(Forever))
				}
				_ = lock.Do(ctx, func(context.Context) error {
					counts[which][key]++
					return nil
				})
				cancel()
			}
		})
	}
	wg.Wait()
	for _, prefix := range []string{"PYC-", "Q-"} {
		for _, key := range []string{"a", "b", "c", "d"} {
			wantState(t, mem, prefix+key, 0, 0)
		}
	}
}
