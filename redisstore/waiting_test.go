package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/internal/netfault"
)

// Faults that meet those who wait. Everywhere a lease lasts a minute unless that is
// what the test is about, so a waiter that is served at all within these bounds was
// served by what the test names, and not by an expiry.
const (
	interval = 300 * time.Millisecond // between two looks
	soon     = 5 * time.Second        // an interval or a reconnect, on a machine that is busy
	lasting  = time.Minute            // the leases
)

// kind is a lock or a pool that is full with one holder.
type kind struct {
	what, name string // the name is the one in Redis
	size       int
	on         func(c *cachify.Cachify, expiry time.Duration) acquirer
}

func kinds() []kind {
	return []kind{
		{"lock", "PYC-job", 1, func(c *cachify.Cachify, expiry time.Duration) acquirer {
			return c.Lock("job", cachify.Wait(cachify.Forever), cachify.Expiry(expiry))
		}},
		{"pool", "PYC-job-pool", 3, func(c *cachify.Cachify, expiry time.Duration) acquirer {
			return c.Pool("job", 3, cachify.Slots(2), cachify.Wait(cachify.Forever), cachify.SlotExpiry(expiry))
		}},
	}
}

// eachKind runs a test for a lock and for a pool.
func eachKind(t *testing.T, test func(t *testing.T, k kind)) {
	t.Helper()
	for _, k := range kinds() {
		t.Run(k.what, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

// A push that is lost costs one interval.
func TestLostPush(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		srv := startOnSocket(t)
		direct, client := srv.store(), srv.client()
		store, proxy := srv.through()
		push, looked := pushes(proxy), answered(proxy, srv.wire().look)
		held := mustAcquire(t, k.on(instanceOn(t, direct, nil), lasting))
		waiter := begin(t.Context(), k.on(instanceOn(t, store, looking(interval)), lasting))
		looked(t)

		conn := push(t)
		conn.Swallow(netfault.ToClient, true)
		start := time.Now()
		mustRelease(t, held)
		l := waiter.within(t, start, soon)
		eventually(t, "push that was lost", func() bool { return conn.Stats().Swallowed[netfault.ToClient] > 0 })
		if l.Fence() <= held.Fence() {
			t.Errorf("fence %d came after %d", l.Fence(), held.Fence())
		}
		heal(proxy)
		mustRelease(t, l)
		expires(t, srv, client)
	})
}

// When the connection for the pushes is lost, a push with it, the waiter subscribes
// again and looks at once: the next look by itself would be in a minute.
func TestCutPushConnection(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		srv := startOnSocket(t)
		direct, client := srv.store(), srv.client()
		store, proxy := srv.through()
		push, looked := pushes(proxy), answered(proxy, srv.wire().look)
		held := mustAcquire(t, k.on(instanceOn(t, direct, nil), 2*lasting))
		waiter := begin(t.Context(), k.on(instanceOn(t, store, looking(lasting)), lasting))
		looked(t)

		proxy.Refuse(true)
		first := push(t)
		first.Cut()
		srv.listening(client, 0)
		mustRelease(t, held)
		if ids, _ := holders(t, direct, k.name); len(ids) != 1 {
			t.Fatalf("the slot was not handed over: it is held by %q", ids)
		}
		proxy.Refuse(false)
		l := waiter.within(t, time.Now(), soon)
		if push(t) == first {
			t.Error("there is no new connection for the pushes")
		}
		mustRelease(t, l)
		expires(t, srv, client)
	})
}

// A waiter whose machine is gone is handed the slot all the same. It keeps the others
// for as long as its lease would last, and no longer.
func TestDeadWaiterIsHandedTheSlot(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		srv := startOnSocket(t)
		direct := srv.store()
		store, proxy := srv.through()
		held := mustAcquire(t, k.on(instanceOn(t, direct, nil), lasting))
		const lease = time.Second
		ctx, cancel := context.WithCancel(t.Context())
		dead := begin(ctx, k.on(instanceOn(t, store, looking(interval)), lease))
		waiting(t, direct, k.name, 1)
		next := begin(t.Context(), k.on(instanceOn(t, direct, looking(interval)), lasting))
		waiting(t, direct, k.name, 2)

		for _, dir := range []netfault.Direction{netfault.ToServer, netfault.ToClient} {
			proxy.Swallow(dir, true)
		}
		start := time.Now()
		mustRelease(t, held)
		l := next.within(t, start, lease+soon)
		if took := next.at.Sub(start); took < lease {
			t.Errorf("it was served after %v, while the one before it had %v", took, lease)
		}
		heal(proxy)
		cancel()
		if err := dead.ends(t); !errors.Is(err, context.Canceled) && !errors.Is(err, cachify.ErrExpired) {
			t.Errorf("the dead waiter: %v, want its ctx's error or ErrExpired", err)
		}
		mustRelease(t, l)
		free(t, direct, k.name)
		expires(t, srv, srv.client())
	})
}

// One that died longer ago than its patience, at least 5 s, has no place any more.
func TestDeadWaiterLosesItsPlace(t *testing.T) {
	t.Parallel()
	srv := startOnSocket(t)
	direct := srv.store()
	store, proxy := srv.through()
	holder, dying, living := instanceOn(t, direct, nil), instanceOn(t, store, looking(interval)), instanceOn(t, direct, looking(interval))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var held []*cachify.Lease
	var dead, next []*attempt
	for _, k := range kinds() { // together, since it takes 5 s
		held = append(held, mustAcquire(t, k.on(holder, 2*lasting)))
		dead = append(dead, begin(ctx, k.on(dying, lasting)))
		waiting(t, direct, k.name, 1)
		next = append(next, begin(t.Context(), k.on(living, lasting)))
		waiting(t, direct, k.name, 2)
	}
	for _, dir := range []netfault.Direction{netfault.ToServer, netfault.ToClient} {
		proxy.Swallow(dir, true)
	}
	for i, k := range kinds() {
		waiting(t, direct, k.name, 1)
		start := time.Now()
		mustRelease(t, held[i])
		mustRelease(t, next[i].within(t, start, soon))
	}
	cancel()
	heal(proxy)
	for i, k := range kinds() {
		if err := dead[i].ends(t); !errors.Is(err, context.Canceled) {
			t.Errorf("the dead waiter: %v, want its ctx's error", err)
		}
		free(t, direct, k.name)
	}
	expires(t, srv, srv.client())
}

// Who gives up leaves no place, whatever becomes of its telling so.
func TestAbandonedWait(t *testing.T) {
	t.Parallel()
	for fault, inject := range leaving() {
		t.Run(fault, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				srv := startOnSocket(t)
				direct, w := srv.store(), srv.wire()
				store, proxy := srv.through()
				held := mustAcquire(t, k.on(instanceOn(t, direct, nil), lasting))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				waiter := begin(ctx, k.on(instanceOn(t, store, looking(interval)), lasting))
				waiting(t, direct, k.name, 1)

				done := inject(proxy, w)
				cancel()
				if err := waiter.ends(t); !errors.Is(err, context.Canceled) {
					t.Errorf("Acquire: %v, want the ctx's error", err)
				}
				happened(t, fault, done)
				waiting(t, direct, k.name, 0)
				mustRelease(t, held)
				free(t, direct, k.name)
				if left := keys(t, srv, srv.client()); len(left) > 0 {
					t.Errorf("left are %q", left)
				}
			})
		})
	}
}

// And what it was handed in the meantime, without having heard of it, it gives back.
func TestAbandonedWaitGivesBack(t *testing.T) {
	t.Parallel()
	for fault, inject := range leaving() {
		t.Run(fault, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				srv := startOnSocket(t)
				direct, client, w := srv.store(), srv.client(), srv.wire()
				store, proxy := srv.through()
				push, looked := pushes(proxy), answered(proxy, w.look)
				a := instanceOn(t, direct, looking(lasting))
				held := mustAcquire(t, k.on(a, 2*lasting))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				waiter := begin(ctx, k.on(instanceOn(t, store, looking(lasting)), lasting))
				looked(t)
				next := begin(t.Context(), k.on(a, lasting))
				waiting(t, direct, k.name, 2)
				srv.listening(client, 2)

				push(t).Swallow(netfault.ToClient, true)
				mustRelease(t, held)
				if ids, n := holders(t, direct, k.name); len(ids) != 1 || n != 1 {
					t.Fatalf("the slot was not handed over: %q, %d waiting", ids, n)
				}
				done := inject(proxy, w)
				start := time.Now()
				cancel()
				if err := waiter.ends(t); !errors.Is(err, context.Canceled) {
					t.Errorf("Acquire: %v, want the ctx's error", err)
				}
				happened(t, fault, done)
				mustRelease(t, next.within(t, start, soon))
				free(t, direct, k.name)
				if left := keys(t, srv, client); len(left) > 0 {
					t.Errorf("left are %q", left)
				}
			})
		})
	}
}

// leaving are the faults that can meet a Leave.
func leaving() map[string]func(*netfault.Proxy, wire) <-chan struct{} {
	return map[string]func(*netfault.Proxy, wire) <-chan struct{}{
		"no fault": func(*netfault.Proxy, wire) <-chan struct{} {
			done := make(chan struct{})
			close(done)
			return done
		},
		"reply dropped": func(p *netfault.Proxy, w wire) <-chan struct{} { return p.DropReply(w.leave) },
		"request cut":   func(p *netfault.Proxy, w wire) <-chan struct{} { return p.CutInside(netfault.ToServer, w.leave) },
	}
}

// A program that knows no queue releases by a DEL, which is nobody's release. The
// waiter finds out by its next look, and the one who held it that it does not any
// more.
func TestForeignRelease(t *testing.T) {
	t.Parallel()
	srv := startOnSocket(t)
	store, client := srv.store(), srv.client()
	lock := func(c *cachify.Cachify) *cachify.Lock {
		return c.Lock("job", cachify.Wait(cachify.Forever), cachify.Expiry(lasting))
	}
	held := mustAcquire(t, lock(instanceOn(t, store, nil)))
	w := newWitness(t, 1)
	if err := w.enter(held); err != nil {
		t.Fatal(err)
	}
	w.leave(held) // which knows that its lease is taken away
	var waiters []*attempt
	for i := range 3 {
		waiters = append(waiters, begin(t.Context(), lock(instanceOn(t, srv.store(), looking(interval)))))
		waiting(t, store, "PYC-job", i+1)
	}
	for _, at := range waiters {
		start := time.Now()
		srv.do(client, "DEL", "PYC-job")
		l := at.within(t, start, soon)
		if err := w.enter(l); err != nil {
			t.Error(err)
		}
		w.leave(l)
		if err := held.Extend(t.Context(), lasting); !errors.Is(err, cachify.ErrLost) {
			t.Errorf("Extend by the one before: %v, want ErrLost", err)
		}
		isOver(t, held, cachify.ErrLost)
		if err := held.Release(t.Context()); !errors.Is(err, cachify.ErrLost) {
			t.Errorf("Release by the one before: %v, want ErrLost", err)
		}
		held = l
	}
	mustRelease(t, held)
	if left := keys(t, srv, client); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// A holder that crashes keeps the others until its lease is over. They look then, and
// not an interval later.
func TestHolderCrashes(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		srv := startOnSocket(t)
		direct := srv.store()
		store, proxy := srv.through()
		const lease = time.Second
		start := time.Now()
		held := mustAcquire(t, k.on(instanceOn(t, store, nil), lease))
		proxy.Refuse(true)
		proxy.Cut() // all that anybody sees of its end
		first := begin(t.Context(), k.on(instanceOn(t, direct, looking(lasting)), lease))
		inLine(t, direct, k.name, 1, first)
		second := begin(t.Context(), k.on(instanceOn(t, srv.store(), looking(lasting)), lasting))

		l := first.within(t, start, lease+soon)
		if took := first.at.Sub(start); took < lease {
			t.Errorf("the slot was free after %v, want %v at least", took, lease)
		}
		isOver(t, held, cachify.ErrExpired)
		// The first one crashes too.
		l2 := second.within(t, first.at, lease+soon)
		isOver(t, l, cachify.ErrExpired)
		if held.Fence() >= l.Fence() || l.Fence() >= l2.Fence() {
			t.Errorf("the fences are %d, %d, %d", held.Fence(), l.Fence(), l2.Fence())
		}
		mustRelease(t, l2)
		heal(proxy)
		if err := held.Release(t.Context()); !errors.Is(err, cachify.ErrExpired) {
			t.Errorf("Release after the end: %v, want ErrExpired", err)
		}
		free(t, direct, k.name)
		expires(t, srv, srv.client())
	})
}

// A router that forgets a connection tells nobody: what is sent on it vanishes, and
// new connections work. The client finds out by its own pings, within about 10 s, and
// then the waiter goes on.
func TestForgottenConnections(t *testing.T) {
	t.Parallel()
	srv := startOnSocket(t)
	direct := srv.store()
	store, proxy := srv.through()
	lock := kinds()[0]
	looked := answered(proxy, srv.wire().look)
	held := mustAcquire(t, lock.on(instanceOn(t, direct, nil), lasting))
	waiter := begin(t.Context(), lock.on(instanceOn(t, store, looking(interval)), lasting))
	looked(t)
	for _, c := range proxy.Conns() {
		c.Swallow(netfault.ToServer, true)
		c.Swallow(netfault.ToClient, true)
	}
	start := time.Now()
	mustRelease(t, held)
	l := waiter.within(t, start, 35*time.Second)
	t.Logf("it was served after %v", waiter.at.Sub(start))
	heal(proxy)
	mustRelease(t, l)
	expires(t, srv, srv.client())
}
