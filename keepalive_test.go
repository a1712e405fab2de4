package cachify

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/faultstore"
)

func goexit() { runtime.Goexit() }

func TestKeepAliveRenewsAtAThird(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		start := time.Now()
		c := instanceOn(t, memory(t), &Config{Events: &Events{
			Renewed: func(LeaseEvent) { j.add("%v", time.Since(start)) },
		}})
		l := mustAcquire(t, c.Lock("a", Expiry(9*time.Second), KeepAlive()))
		ctx := l.Context()
		<-time.After(10 * time.Second)
		j.want(t, "3s", "6s", "9s")
		wantNil(t, ctx.Err())
		if h, _, _ := c.Lock("a").Holder(t.Context()); h.TTL != 8*time.Second {
			t.Errorf("the store says %v", h.TTL)
		}
		mustRelease(t, l)
		<-time.After(time.Minute)
		j.want(t, "3s", "6s", "9s") // no more
	})
}

func TestKeepAliveSurvivesAStoreThatFails(t *testing.T) {
	for _, kind := range []faultstore.Kind{faultstore.Fail, faultstore.LoseReply, faultstore.Hang} {
		synctest.Test(t, func(t *testing.T) {
			failed := 0
			down := faultstore.Only(faultstore.Extend, faultstore.Always(faultstore.Fault{Kind: kind}))
			_, f, c := faulty(t, &Config{Events: &Events{RenewalFailed: func(e LeaseEvent) {
				failed++
				wantIs(t, e.Err, ErrStore)
			}}}, down)
			l := mustAcquire(t, c.Lock("a", Expiry(9*time.Second), KeepAlive()))
			ctx := l.Context()
			<-time.After(5500 * time.Millisecond)
			f.SetScript(nil)
			<-time.After(time.Minute)
			wantNil(t, ctx.Err())
			if failed < 2 {
				t.Errorf("%v: %d attempts", kind, failed)
			}
			mustRelease(t, l)
		})
	}
}

func TestKeepAliveEndsAtTheDeadline(t *testing.T) {
	for _, kind := range []faultstore.Kind{faultstore.Fail, faultstore.Hang} {
		synctest.Test(t, func(t *testing.T) {
			mem, _, c := faulty(t, nil, faultstore.Only(faultstore.Extend, faultstore.Always(faultstore.Fault{Kind: kind})))
			start := time.Now()
			l := mustAcquire(t, c.Lock("a", Expiry(10*time.Second), KeepAlive()))
			ctx := l.Context()
			<-ctx.Done()
			wantTime(t, "the loss", time.Since(start), 9900*time.Millisecond)
			wantIs(t, context.Cause(ctx), ErrExpired)
			wantState(t, mem, "PYC-a", 1, 0)
			<-time.After(time.Minute)
			wantState(t, mem, "PYC-a", 0, 0)
		})
	}
}

func TestKeepAliveLearnsOfALossAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := 0
		mem := memory(t)
		c := instanceOn(t, mem, &Config{Events: &Events{Lost: func(LeaseEvent) { lost++ }}})
		start := time.Now()
		l := mustAcquire(t, c.Lock("a", Expiry(30*time.Second), KeepAlive()))
		ctx := l.Context()
		<-time.After(time.Second)
		wantNil(t, c.Lock("a").ForceRelease(t.Context()))
		<-ctx.Done()
		wantTime(t, "the loss", time.Since(start), 10*time.Second)
		wantIs(t, context.Cause(ctx), ErrLost)
		wantNot(t, context.Cause(ctx), ErrExpired)
		<-time.After(time.Hour)
		wantState(t, mem, "PYC-a", 0, 0) // never made anew
		wantIs(t, l.Release(t.Context()), ErrLost)
		if lost != 1 {
			t.Errorf("told %d times", lost)
		}
	})
}

func TestKeepAliveGoesOnWithWhatExtendSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		start := time.Now()
		c := instanceOn(t, memory(t), &Config{Events: &Events{
			Renewed: func(LeaseEvent) { j.add("%v", time.Since(start)) },
		}})
		l := mustAcquire(t, c.Lock("a", Expiry(9*time.Second), KeepAlive()))
		<-time.After(time.Second)
		wantNil(t, l.Extend(t.Context(), 30*time.Second))
		<-time.After(25 * time.Second)
		j.want(t, "1s", "11s", "21s")
		mustRelease(t, l)
	})
}

func TestKeepAliveOfTheShortestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		l := mustAcquire(t, c.Lock("a", Expiry(time.Millisecond), KeepAlive()))
		<-time.After(time.Second)
		wantNil(t, l.Err())
		mustRelease(t, l)
	})
}

// A renewal of a long lease that hangs is given up after a few seconds, not after a
// share of the lease.
func TestKeepAliveOfALongLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		start := time.Now()
		_, _, c := faulty(t, &Config{Events: &Events{
			RenewalFailed: func(LeaseEvent) { j.add("%v", time.Since(start)) },
		}}, faultstore.Only(faultstore.Extend, faultstore.Nth(1, faultstore.Fault{Kind: faultstore.Hang})))
		l := mustAcquire(t, c.Lock("a", Expiry(3*time.Hour), KeepAlive()))
		<-time.After(2 * time.Hour)
		j.want(t, "1h0m5s")
		mustRelease(t, l)
	})
}
