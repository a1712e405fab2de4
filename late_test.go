package cachify

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
)

// A store may shorten a lease long before it says so: the holder must not believe in
// the old end meanwhile.
func TestExtendToLessCountsFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, _, c := faulty(t, nil, faultstore.Only(faultstore.Extend, faultstore.Sequence(faultstore.Fault{After: 4 * time.Second})))
		l := mustAcquire(t, c.Lock("a", Expiry(30*time.Second)))
		go func() { _ = l.Extend(context.Background(), time.Second) }()
		time.Sleep(1100 * time.Millisecond)
		wantState(t, mem, "PYC-a", 0, 0)
		wantIs(t, l.Err(), ErrExpired)
	})
}

// An extension that the store refuses changes nothing.
func TestExtendThatIsRefusedKeepsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, c := faulty(t, nil, faultstore.Only(faultstore.Extend, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail, Err: driver.ErrUnsupported})))
		l := mustAcquire(t, c.Lock("a", Expiry(30*time.Second)))
		wantIs(t, l.Extend(t.Context(), time.Second), ErrUnsupported)
		wantTime(t, "Remaining", l.Remaining(), 29700*time.Millisecond)
		mustRelease(t, l)
	})
}

// An extension that failed may still be done, after a longer one.
func TestExtendThatArrivesLate(t *testing.T) {
	for name, keepAlive := range map[string]bool{"by hand": false, "kept alive": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem, _, c := faulty(t, nil, faultstore.Only(faultstore.Extend, faultstore.Sequence(
					faultstore.Fault{Kind: faultstore.Stray, After: 200 * time.Millisecond})))
				opts := []LockOption{Expiry(10 * time.Second)}
				if keepAlive {
					opts = append(opts, KeepAlive())
				}
				l := mustAcquire(t, c.Lock("a", opts...))
				wantIs(t, l.Extend(t.Context(), time.Second), ErrStore)
				wantNil(t, l.Extend(t.Context(), 10*time.Second))
				for range 50 {
					time.Sleep(100 * time.Millisecond)
					o, err := mem.Holders(t.Context(), "PYC-a")
					wantNil(t, err)
					if l.Err() == nil && len(o.Holders) == 0 {
						t.Fatal("it believes to hold what it does not")
					}
				}
				if (l.Err() == nil) != keepAlive {
					t.Errorf("kept alive %v, but %v", keepAlive, l.Err())
				}
				_ = l.Release(t.Context())
			})
		})
	}
}

// A failed request can reach the store after the lease that a repeated one got was
// released.
func TestARequestThatArrivesAfterTheRelease(t *testing.T) {
	stray := faultstore.Fault{Kind: faultstore.Stray, After: 200 * time.Millisecond}
	for name, opts := range map[string][]LockOption{
		"at once": {Expiry(NoExpiry)},
		"waiting": {Expiry(NoExpiry), Wait(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem, _, c := faulty(t, nil, faultstore.Sequence(stray))
				mustRelease(t, mustAcquire(t, c.Lock("a", opts...)))
				time.Sleep(5 * time.Second)
				wantState(t, mem, "PYC-a", 0, 0)
			})
		})
	}
}

// The same where the failed request was a look, on a store without queues.
func TestALookThatArrivesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		f := faultstore.New(plainStore{mem}, nil)
		c := instanceOn(t, f, nil)
		h := mustAcquire(t, instanceOn(t, plainStore{mem}, nil).Lock("a"))
		waiting := begin(t.Context(), c.Lock("a", Expiry(NoExpiry), Wait(520*time.Millisecond)))
		time.Sleep(450 * time.Millisecond)
		f.SetScript(faultstore.Only(faultstore.Acquire, faultstore.Always(faultstore.Fault{Kind: faultstore.Stray, After: 300 * time.Millisecond})))
		time.Sleep(80 * time.Millisecond)
		f.SetScript(nil)
		mustRelease(t, h)
		<-waiting.done
		wantIs(t, waiting.err, ErrTimeout)
		time.Sleep(5 * time.Second)
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

// Who gave the lease back in time has held it all the time, though the request was
// slow.
func TestReleaseThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := 0
		_, _, c := faulty(t, &Config{Events: &Events{Lost: func(LeaseEvent) { lost++ }}},
			faultstore.Only(faultstore.Release, faultstore.Always(faultstore.Fault{Before: 300 * time.Millisecond})))
		err := c.Lock("a", Expiry(time.Second)).Do(t.Context(), func(context.Context) error {
			time.Sleep(800 * time.Millisecond)
			return nil
		})
		if err != nil || lost > 0 {
			t.Errorf("%v, %d lost", err, lost)
		}
	})
}

// What a late request does is not undone as long as a minimum hold lasts.
func TestMinHoldAfterAFailedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, _, c := faulty(t, nil, faultstore.Only(faultstore.Acquire, faultstore.Sequence(faultstore.Fault{Kind: faultstore.LoseReply})))
		mustRelease(t, mustAcquire(t, c.Lock("a", MinHold(5*time.Second))))
		time.Sleep(4900 * time.Millisecond)
		wantState(t, mem, "PYC-a", 1, 0)
		time.Sleep(200 * time.Millisecond)
		wantState(t, mem, "PYC-a", 0, 0)
	})
}

// The same if the lease is lost in between.
func TestARequestThatArrivesAfterTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, _, c := faulty(t, nil, faultstore.Sequence(faultstore.Fault{Kind: faultstore.Stray, After: 200 * time.Millisecond}))
		l := mustAcquire(t, c.Lock("a", Expiry(NoExpiry)))
		wantNil(t, mem.Evict(t.Context(), "PYC-a"))
		wantIs(t, l.Extend(t.Context(), NoExpiry), ErrLost)
		wantIs(t, l.Release(t.Context()), ErrLost)
		time.Sleep(5 * time.Second)
		wantState(t, mem, "PYC-a", 0, 0)
	})
}
