package redisstore_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/internal/netfault"
)

// losses are the ways in which one request can fail without the client's knowing
// whether it was done: it was, or it was not.
var losses = map[string]func(p *netfault.Proxy, request string) <-chan struct{}{
	"reply dropped": (*netfault.Proxy).DropReply,
	"request cut": func(p *netfault.Proxy, request string) <-chan struct{} {
		return p.CutInside(netfault.ToServer, request)
	},
}

// eachLoss runs a test for each way and each kind.
func eachLoss(t *testing.T, test func(t *testing.T, k kind, lose func(p *netfault.Proxy, request string) <-chan struct{})) {
	t.Helper()
	for what, lose := range losses {
		t.Run(what, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) { test(t, k, lose) })
		})
	}
}

// An acquisition is asked for again by the same holder, and gets the same lease.
func TestAcquireIsLost(t *testing.T) {
	t.Parallel()
	eachLoss(t, func(t *testing.T, k kind, lose func(*netfault.Proxy, string) <-chan struct{}) {
		srv := startOnSocket(t)
		direct, w := srv.store(), srv.wire()
		store, proxy := srv.through()
		c := instanceOn(t, store, nil)
		atOnce := acquirer(c.Lock("job", cachify.Expiry(lasting)))
		if k.what == "pool" {
			atOnce = c.Pool("job", k.size, cachify.Slots(2), cachify.SlotExpiry(lasting))
		}
		witness := newWitness(t, k.size)
		for _, a := range []struct {
			acquirer
			request string
		}{{atOnce, w.acquire}, {k.on(c, lasting), w.enqueue}} {
			done := lose(proxy, a.request)
			l := mustAcquire(t, a)
			happened(t, "fault", done)
			if err := witness.enter(l); err != nil {
				t.Error(err)
			}
			ids, n := holders(t, direct, k.name)
			if len(ids) != 1 || ids[0] != l.Holder() || n != 0 {
				t.Errorf("the holders are %q, %d wait, want %q alone", ids, n, l.Holder())
			}
			witness.leave(l)
			mustRelease(t, l)
			if left := keys(t, srv, srv.client()); len(left) > 0 {
				t.Errorf("left are %q", left)
			}
		}
	})
}

// One that was refused keeps the place that it was given by the request that failed.
func TestEnqueueIsLost(t *testing.T) {
	t.Parallel()
	eachLoss(t, func(t *testing.T, k kind, lose func(*netfault.Proxy, string) <-chan struct{}) {
		srv := startOnSocket(t)
		direct, w := srv.store(), srv.wire()
		store, proxy := srv.through()
		a := instanceOn(t, direct, looking(interval))
		held := mustAcquire(t, k.on(a, lasting))
		done := lose(proxy, w.enqueue)
		first := begin(t.Context(), k.on(instanceOn(t, store, looking(interval)), lasting))
		happened(t, "fault", done)
		waiting(t, direct, k.name, 1)
		second := begin(t.Context(), k.on(a, lasting))
		waiting(t, direct, k.name, 2)

		start := time.Now()
		mustRelease(t, held)
		l := first.within(t, start, soon)
		if ids, n := holders(t, direct, k.name); len(ids) != 1 || n != 1 {
			t.Errorf("the holders are %q, %d wait, want one each", ids, n)
		}
		start = time.Now()
		mustRelease(t, l)
		mustRelease(t, second.within(t, start, soon))
		free(t, direct, k.name)
		expires(t, srv, srv.client())
	})
}

// A look that fails is made up for by the next one.
func TestLookIsLost(t *testing.T) {
	t.Parallel()
	eachLoss(t, func(t *testing.T, k kind, lose func(*netfault.Proxy, string) <-chan struct{}) {
		srv := startOnSocket(t)
		direct, w := srv.store(), srv.wire()
		store, proxy := srv.through()
		push, looked := pushes(proxy), answered(proxy, w.look)
		held := mustAcquire(t, k.on(instanceOn(t, direct, nil), lasting))
		waiter := begin(t.Context(), k.on(instanceOn(t, store, looking(interval)), lasting))
		looked(t)
		push(t).Swallow(netfault.ToClient, true)
		done := lose(proxy, w.look)
		start := time.Now()
		mustRelease(t, held)
		happened(t, "fault", done)
		l := waiter.within(t, start, 2*soon)
		heal(proxy)
		mustRelease(t, l)
		expires(t, srv, srv.client())
	})
}

// A release is asked for again; that the lease is gone by then is no loss.
func TestReleaseIsLost(t *testing.T) {
	t.Parallel()
	eachLoss(t, func(t *testing.T, k kind, lose func(*netfault.Proxy, string) <-chan struct{}) {
		srv := startOnSocket(t)
		direct, w := srv.store(), srv.wire()
		store, proxy := srv.through()
		held := mustAcquire(t, k.on(instanceOn(t, store, nil), lasting))
		waiter := begin(t.Context(), k.on(instanceOn(t, direct, looking(lasting)), lasting))
		waiting(t, direct, k.name, 1)
		done := lose(proxy, w.release)
		start := time.Now()
		mustRelease(t, held)
		happened(t, "fault", done)
		l := waiter.within(t, start, soon)
		if ids, n := holders(t, direct, k.name); len(ids) != 1 || ids[0] != l.Holder() || n != 0 {
			t.Errorf("the holders are %q, %d wait, want %q alone", ids, n, l.Holder())
		}
		mustRelease(t, l)
		free(t, direct, k.name)
		if left := keys(t, srv, srv.client()); len(left) > 0 {
			t.Errorf("left are %q", left)
		}
	})
}

// An extension that fails leaves the lease held until the earlier of the two ends it
// may have; the next one settles it.
func TestExtendIsLost(t *testing.T) {
	t.Parallel()
	eachLoss(t, func(t *testing.T, k kind, lose func(*netfault.Proxy, string) <-chan struct{}) {
		srv := startOnSocket(t)
		direct, w := srv.store(), srv.wire()
		store, proxy := srv.through()
		l := mustAcquire(t, k.on(instanceOn(t, store, nil), lasting))
		done := lose(proxy, w.extend)
		if err := l.Extend(t.Context(), 2*lasting); !errors.Is(err, cachify.ErrStore) {
			t.Errorf("Extend: %v, want ErrStore", err)
		}
		happened(t, "fault", done)
		if err := l.Err(); err != nil || l.Remaining() > lasting {
			t.Errorf("the lease: %v, %v left, want it held for no longer than before", err, l.Remaining())
		}
		if err := l.Extend(t.Context(), lasting); err != nil {
			t.Errorf("Extend: %v", err)
		}
		o, err := direct.Holders(t.Context(), k.name)
		if err != nil || len(o.Holders) != 1 || o.Holders[0].TTL < l.Remaining() {
			t.Errorf("the server says %+v, %v, the lease has %v left", o, err, l.Remaining())
		}
		mustRelease(t, l)
		if left := keys(t, srv, srv.client()); len(left) > 0 {
			t.Errorf("left are %q", left)
		}
	})
}

// Renewals that fail are tried again, so the lease lasts beyond its expiry.
func TestRenewalIsLost(t *testing.T) {
	t.Parallel()
	for what, lose := range losses {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			srv := startOnSocket(t)
			w := srv.wire()
			store, proxy := srv.through()
			var renewed, failed atomic.Int64
			c := instanceOn(t, store, &cachify.Config{Events: &cachify.Events{
				Renewed:       func(cachify.LeaseEvent) { renewed.Add(1) },
				RenewalFailed: func(cachify.LeaseEvent) { failed.Add(1) },
			}})
			l := mustAcquire(t, c.Lock("job", cachify.Expiry(3*time.Second), cachify.KeepAlive()))
			for i := range int64(2) {
				done := lose(proxy, w.extend)
				happened(t, "fault", done)
				eventually(t, "failure", func() bool { return failed.Load() > i })
			}
			after := renewed.Load()
			eventually(t, "renewal", func() bool { return renewed.Load() > after })
			if err := l.Err(); err != nil {
				t.Errorf("the lease: %v", err)
			}
			mustRelease(t, l)
			expires(t, srv, srv.client())
		})
	}
}

// A request that takes longer than the lease it asks for brings none, and leaves
// none behind.
func TestAcquireIsLate(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		srv := startOnSocket(t)
		direct := srv.store()
		store, proxy := srv.through()
		c := instanceOn(t, store, nil)
		mustRelease(t, mustAcquire(t, k.on(c, lasting))) // it is connected
		for _, dir := range []netfault.Direction{netfault.ToServer, netfault.ToClient} {
			proxy.Delay(dir, 400*time.Millisecond)
			l, err := k.on(c, 200*time.Millisecond).Acquire(t.Context())
			if !errors.Is(err, cachify.ErrExpired) {
				t.Errorf("Acquire: a lease %v, %v, want ErrExpired", l != nil, err)
			}
			proxy.Delay(dir, 0)
		}
		free(t, direct, k.name)
		expires(t, srv, srv.client())
	})
}

// Renewals that are late do not keep the lease, nor bring it back: its holder stops
// before another one begins, and the late requests change nothing of that one's.
func TestRenewalIsLate(t *testing.T) {
	t.Parallel()
	srv := startOnSocket(t)
	direct := srv.store()
	store, proxy := srv.through()
	const lease = time.Second
	slow, fast := instanceOn(t, store, nil), instanceOn(t, direct, nil)
	w := newWitness(t, 1)
	held := mustAcquire(t, slow.Lock("job", cachify.Expiry(lease), cachify.KeepAlive()))
	if err := w.enter(held); err != nil {
		t.Fatal(err)
	}
	ended := held.Context().Done()
	proxy.Delay(netfault.ToServer, lease+lease/4)
	start := time.Now()
	waiter := begin(t.Context(), fast.Lock("job", cachify.Wait(cachify.Forever), cachify.Expiry(lasting)))
	l := waiter.within(t, start, 2*lease+soon)
	if err := w.enter(l); err != nil { // which fails the test if the first one still believes to hold it
		t.Error(err)
	}
	happened(t, "end of the late holder's context", ended)
	isOver(t, held, cachify.ErrExpired)
	if err := held.Release(t.Context()); !errors.Is(err, cachify.ErrExpired) {
		t.Errorf("Release by the late one: %v, want ErrExpired", err)
	}
	if ids, _ := holders(t, direct, "PYC-job"); len(ids) != 1 || ids[0] != l.Holder() {
		t.Errorf("the holders are %q, want %q", ids, l.Holder())
	}
	if err := l.Err(); err != nil {
		t.Errorf("the lease of the next one: %v", err)
	}
	w.leave(l)
	mustRelease(t, l)
	heal(proxy)
	expires(t, srv, srv.client())
}

// 64 goroutines share a few connections. One that breaks in the middle of what they
// have sent, or of what is sent to them, fails many requests at a time, of which some
// were done and some were not.
func TestPipelineIsCut(t *testing.T) {
	t.Parallel()
	for what, dir := range map[string]netfault.Direction{"requests": netfault.ToServer, "replies": netfault.ToClient} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			srv := startOnSocket(t)
			w := srv.wire()
			store, proxy := srv.through()
			c := newCrowd(t, store)
			c.mayFail = true
			c.goesOn.Store(true)
			for i := range 16 {
				c.start(string(rune('a'+i)), 4, 1)
			}
			texts := []string{w.enqueue, w.release}
			if dir == netfault.ToClient {
				texts = []string{"\r\n"} // anywhere
			}
			tick := time.NewTicker(10 * time.Millisecond) // of peace between two cuts
			defer tick.Stop()
			for i := range 20 {
				happened(t, "cut", proxy.CutInside(dir, texts[i%len(texts)]))
				<-tick.C
			}
			c.goesOn.Store(false)
			c.wait()
			t.Logf("%d turns", c.done.Load())
			expires(t, srv, srv.client())
		})
	}
}

// What a network can do to a connection, all of it, again and again, to one instance
// of two.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	srv := startOnSocket(t)
	w := srv.wire()
	store, proxy := srv.through()
	c := newCrowd(t, srv.store(), store)
	c.mayFail = true
	c.expiry = 500 * time.Millisecond
	c.goesOn.Store(true)
	c.start("job", 3, 1)
	c.startPool("job", 3, 1, 4)
	faults := []func(){
		func() { proxy.Cut() },
		func() { proxy.Delay(netfault.ToServer, 100*time.Millisecond) },
		func() { proxy.DropReply(w.release) },
		func() { heal(proxy) },
		func() { proxy.Delay(netfault.ToClient, 700*time.Millisecond) }, // longer than a lease
		func() { proxy.DropReply(w.enqueue) },
		func() { heal(proxy) },
		func() { proxy.Swallow(netfault.ToClient, true) },
		func() { heal(proxy) },
		func() { proxy.Refuse(true); proxy.Cut() },
		func() { heal(proxy) },
		func() { proxy.Swallow(netfault.ToServer, true) },
		func() { heal(proxy) },
	}
	tick := time.NewTicker(60 * time.Millisecond)
	defer tick.Stop()
	for _, fault := range faults {
		fault()
		<-tick.C
	}
	c.goesOn.Store(false)
	c.wait()
	t.Logf("%d turns, %d leases lost", c.done.Load(), c.lost.Load())
	expires(t, srv, srv.client())
}
