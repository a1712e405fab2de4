package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

// A fail-over may lose what the old master acknowledged last: locks are then held
// twice, and a waiter loses its place. recovery bounds how long anything may take
// until all is well again; it is short only on an idle machine. Sentinels that were
// stopped for two seconds, as on a busy one, do nothing for half a minute (TILT).
const recovery = 2 * time.Minute

// How long a lock is held at most. A place in line whose waiter was served and went
// before the fail-over forgot it costs the others a whole lease, so it is short where
// that happens; and long where a lease must not end because the machine is busy.
const (
	shortLease = 500 * time.Millisecond
	longLease  = 5 * time.Second
)

// workload is instances of cachify, each on a store of its own, whose goroutines
// take locks of several names in turn until they are stopped.
type workload struct {
	t         *testing.T
	instances []*cachify.Cachify
	guards    map[string]*guard
	turns     []*atomic.Int64 // of each instance with each name
	stopped   atomic.Bool
	wg        sync.WaitGroup

	lossy  bool // leases are lost: a server's last writes may be gone
	lost   atomic.Int64
	late   atomic.Int64
	failed atomic.Int64
}

// guard is a resource that remembers the largest fence it has seen.
type guard struct {
	name string

	mu       sync.Mutex
	inside   int
	accepted uint64
	given    map[uint64]bool
	overlaps int // holders that came while another was there
	refused  int // of them, those with a smaller fence
}

// largest returns the largest fence that a holder came with.
func (g *guard) largest() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accepted
}

// enter reports what is wrong about a holder that comes now with fence, having
// asked for it when before was the largest; "" is nothing.
func (g *guard) enter(fence, before uint64, mayLose bool) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside++
	again := g.given[fence]
	g.given[fence] = true
	if g.inside > 1 {
		g.overlaps++
	}
	stale := fence <= g.accepted
	if stale {
		g.refused++
	} else {
		g.accepted = fence
	}
	switch {
	case again:
		return fmt.Sprintf("%s: fence %d was given twice", g.name, fence)
	case fence <= before:
		return fmt.Sprintf("%s: fence %d was asked for after %d had been given", g.name, fence, before)
	case !mayLose && g.inside > 1:
		return fmt.Sprintf("%s: %d hold the lock", g.name, g.inside)
	case !mayLose && stale:
		return fmt.Sprintf("%s: fence %d came after %d", g.name, fence, g.accepted)
	}
	return ""
}

func (g *guard) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
}

// startWorkload starts two goroutines for each of the instances and names.
func startWorkload(t *testing.T, instances []*cachify.Cachify, lossy bool, names ...string) *workload {
	t.Helper()
	w := &workload{t: t, instances: instances, guards: map[string]*guard{}, lossy: lossy}
	expiry := longLease
	if lossy {
		expiry = shortLease
	}
	for _, name := range names {
		w.guards[name] = &guard{name: name, given: map[uint64]bool{}}
	}
	for _, c := range instances {
		for _, g := range w.guards {
			lock := c.Lock(g.name, cachify.Wait(recovery), cachify.Expiry(expiry))
			turns := new(atomic.Int64)
			w.turns = append(w.turns, turns)
			for range 2 {
				w.wg.Go(func() {
					for !w.stopped.Load() {
						w.turn(lock, g)
						turns.Add(1)
					}
				})
			}
		}
	}
	t.Cleanup(func() { w.stopped.Store(true) })
	return w
}

func (w *workload) turn(lock *cachify.Lock, g *guard) {
	before := g.largest()
	l, err := lock.Acquire(context.Background())
	if w.lossy && errors.Is(err, cachify.ErrExpired) {
		w.late.Add(1) // the answer took longer than the lease
		return
	}
	if err != nil {
		w.t.Errorf("Acquire: %v", err)
		return
	}
	if wrong := g.enter(l.Fence(), before, w.lossy); wrong != "" {
		w.t.Error(wrong)
	}
	// The work: a round trip, and a lock that is lost has no holder, or another.
	if held, err := lock.IsLocked(l.Context()); err == nil && !held && !w.lossy {
		w.t.Errorf("%s: it is free while it is held", g.name)
	}
	g.leave()
	err = l.Release(context.Background())
	failed := (*cachify.ReleaseError)(nil)
	switch {
	case err == nil:
	case errors.As(err, &failed):
		w.failed.Add(1) // the lease runs out
	default:
		w.lost.Add(1)
		if !w.lossy {
			w.t.Errorf("Release: %v", err)
		}
	}
}

// more waits until each instance has had n more turns with each name, and returns
// how long the slowest took for the first.
func (w *workload) more(t *testing.T, n int64) time.Duration {
	t.Helper()
	start := time.Now()
	at := make([]int64, len(w.turns))
	for i, turns := range w.turns {
		at[i] = turns.Load()
	}
	for i, turns := range w.turns {
		within(t, recovery, "turn of each instance", func() bool { return turns.Load() > at[i] })
	}
	first := time.Since(start)
	for i, turns := range w.turns {
		within(t, recovery, "more turns of each instance", func() bool { return turns.Load() >= at[i]+n })
	}
	return first
}

// stop lets everybody end their turns, and reports.
func (w *workload) stop(t *testing.T) {
	t.Helper()
	w.stopped.Store(true)
	ended := make(chan struct{})
	go func() {
		w.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(2 * recovery):
		t.Fatal("somebody is stuck")
	}
	turns, overlaps, refused := int64(0), 0, 0
	for i := range w.turns {
		turns += w.turns[i].Load()
	}
	for _, g := range w.guards {
		overlaps, refused = overlaps+g.overlaps, refused+g.refused
	}
	t.Logf("%d turns, %d leases lost, %d granted too late, %d releases without an answer, %d holders that met another, %d stale fences refused",
		turns, w.lost.Load(), w.late.Load(), w.failed.Load(), overlaps, refused)
}

// within is eventually with a time limit of its own.
func within(t *testing.T, limit time.Duration, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %v", what, limit)
		}
	}
}

// instancesOn makes an instance of cachify on each store.
func instancesOn(t *testing.T, stores ...*redisstore.Store) []*cachify.Cachify {
	t.Helper()
	var all []*cachify.Cachify
	for _, s := range stores {
		c, err := cachify.New(s, &cachify.Config{LockPollInterval: 50 * time.Millisecond, NoPrefix: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		all = append(all, c)
	}
	return all
}

// crowdOf is waiters, in line behind a holder when something goes wrong.
type crowdOf struct {
	t      *testing.T
	holder *cachify.Lease
	served chan error
	n      int
}

// queueUp takes the lock of a name and lets n waiters of each instance stand in
// line behind it.
func queueUp(t *testing.T, store *redisstore.Store, instances []*cachify.Cachify, n int, name string) *crowdOf {
	t.Helper()
	holder, err := instances[0].Lock(name, cachify.Expiry(10*time.Second), cachify.KeepAlive()).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := &crowdOf{t: t, holder: holder, n: n * len(instances), served: make(chan error, n*len(instances))}
	for _, c := range instances {
		lock := c.Lock(name, cachify.Wait(2*recovery), cachify.Expiry(shortLease))
		for range n {
			go func() {
				l, err := lock.Acquire(context.Background())
				for errors.Is(err, cachify.ErrExpired) { // the answer took longer than the lease
					l, err = lock.Acquire(context.Background())
				}
				if err == nil {
					_ = l.Release(context.Background()) // it may have run out
				}
				q.served <- err
			}()
		}
	}
	eventually(t, "queue", func() bool {
		o, err := store.Holders(t.Context(), name)
		return err == nil && o.Waiting == q.n
	})
	return q
}

// serve releases the lock and waits until all have had it.
func (q *crowdOf) serve(t *testing.T) {
	t.Helper()
	if err := q.holder.Release(context.Background()); err != nil {
		t.Logf("the holder that they waited for: %v", err)
	}
	for range q.n {
		select {
		case err := <-q.served:
			if err != nil {
				t.Errorf("a waiter got %v", err)
			}
		case <-time.After(recovery):
			t.Fatal("waiters are stuck")
		}
	}
}

// hearer listens on a name through a store.
type hearer struct {
	store *redisstore.Store
	me    *driver.Client
	name  string
	woken chan driver.Wake
}

func listenOn(t *testing.T, store *redisstore.Store, name string) *hearer {
	t.Helper()
	h := &hearer{store, driver.NewClient(), name, make(chan driver.Wake, 1000)}
	stop, err := store.Listen(t.Context(), name, h.me.ID(), func(w driver.Wake) { h.woken <- w })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return h
}

// hears waits until a hand-over made through another store is heard.
func (h *hearer) hears(t *testing.T, other driver.Queuer) {
	t.Helper()
	start, tries := time.Now(), 0
	for ; time.Since(start) < recovery; tries++ {
		if h.try(t, other) {
			t.Logf("a hand-over is heard after %v, at try %d", time.Since(start), tries+1)
			return
		}
	}
	t.Fatalf("no hand-over is heard within %v, in %d tries", recovery, tries)
}

func (h *hearer) try(t *testing.T, other driver.Queuer) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	first, next := request(driver.NewClient(), h.name), request(h.me, h.name)
	first.TTL, next.TTL = time.Second, time.Second
	defer func() {
		_ = other.Leave(ctx, h.name, first.Holder)
		_ = other.Leave(ctx, h.name, next.Holder)
	}()
	g, err := other.Acquire(ctx, first)
	if err != nil {
		pauseFor(ctx, 10*time.Millisecond)
		return false
	}
	if _, err := other.Enqueue(ctx, next, time.Second); !errors.Is(err, driver.ErrHeld) {
		return false
	}
	if err := other.Release(ctx, g); err != nil {
		return false
	}
	for late := time.After(200 * time.Millisecond); ; {
		select {
		case w := <-h.woken:
			if w.Grant.Holder == next.Holder {
				return true
			}
		case <-late:
			return false
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
