package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
)

// crowd is instances of cachify, each on a store of its own, whose goroutines take
// one lock in turn while something goes wrong.
type crowd struct {
	t         *testing.T
	instances []*cachify.Cachify
	wg        sync.WaitGroup
	inside    atomic.Int64
	done      atomic.Int64
	lastFence atomic.Uint64
	lost      atomic.Int64
	mayLose   bool // leases, since the server's data goes
	mayFail   bool // releases, since the connections do; then the leases run out
}

func newCrowd(t *testing.T, stores ...driver.Store) *crowd {
	t.Helper()
	c := &crowd{t: t}
	for _, s := range stores {
		i, err := cachify.New(s, &cachify.Config{LockPollInterval: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = i.Close(context.Background()) })
		c.instances = append(c.instances, i)
	}
	return c
}

// start lets n goroutines of each instance take the lock rounds times each.
func (c *crowd) start(n, rounds int) {
	for _, i := range c.instances {
		lock := i.Lock("job", cachify.Wait(30*time.Second), cachify.Expiry(time.Second))
		for range n {
			c.wg.Go(func() {
				for range rounds {
					c.turn(lock)
				}
			})
		}
	}
}

func (c *crowd) turn(lock *cachify.Lock) {
	l, err := lock.Acquire(context.Background())
	if err != nil {
		c.t.Errorf("Acquire: %v", err)
		return
	}
	if last := c.lastFence.Swap(l.Fence()); l.Fence() <= last && !c.mayLose {
		c.t.Errorf("fence %d came after %d", l.Fence(), last)
	}
	if n := c.inside.Add(1); n != 1 && !c.mayLose {
		c.t.Errorf("%d hold the lock", n)
	}
	<-time.After(time.Millisecond) // the work
	c.inside.Add(-1)
	c.done.Add(1)
	if err := l.Release(context.Background()); err != nil {
		c.lost.Add(1)
		var failed *cachify.ReleaseError
		if !c.mayLose && (!c.mayFail || !errors.As(err, &failed)) {
			c.t.Errorf("Release: %v", err)
		}
	}
}

// wait waits until all have had their turns.
func (c *crowd) wait() {
	c.t.Helper()
	ended := make(chan struct{})
	go func() {
		c.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		c.t.Fatalf("somebody is stuck: %d turns are done", c.done.Load())
	}
}

// while runs f again and again until all have had their turns, at least once.
func (c *crowd) while(every time.Duration, f func()) {
	c.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.wait()
	}()
	for {
		f()
		select {
		case <-ended:
			return
		case <-time.After(every):
		}
	}
}

func TestScriptFlush(t *testing.T) {
	srv := startServer(t)
	client := srv.client()
	c := newCrowd(t, srv.store(), srv.store())
	c.start(4, 50)
	c.while(5*time.Millisecond, func() { srv.do(client, "SCRIPT", "FLUSH") })
	expires(t, srv, client)
}

// A connection that breaks may cost a reply or a push. Replies are asked for
// again, and a look finds what was not heard.
func TestClientKill(t *testing.T) {
	for _, kind := range []string{"normal", "pubsub"} {
		t.Run(kind, func(t *testing.T) {
			srv := startServer(t)
			client := srv.client()
			c := newCrowd(t, srv.store(), srv.store())
			c.mayFail = true
			c.start(4, 25)
			c.while(30*time.Millisecond, func() { srv.do(client, "CLIENT", "KILL", "TYPE", kind) })
			expires(t, srv, srv.client())
		})
	}
}

// A server that is killed and comes back without its data has forgotten who holds
// the lock; only fences tell then. But nobody is stuck, and who waited stands in
// line again.
func TestServerKilledWithoutData(t *testing.T) {
	srv := startServer(t)
	c := newCrowd(t, srv.store(), srv.store())
	c.mayLose = true
	c.start(4, 30)
	for range 3 {
		at := c.done.Load() + 20
		eventually(t, "more turns", func() bool { return c.done.Load() >= at })
		srv.kill()
		srv.start()
	}
	c.wait()
	t.Logf("%d turns, %d leases lost", c.done.Load(), c.lost.Load())
	expires(t, srv, srv.client())
}

// With its data, the leases and places are as they were.
func TestServerKilledWithData(t *testing.T) {
	srv := startServer(t)
	store, me := srv.store(), driver.NewClient()
	ctx := t.Context()
	g, err := store.Acquire(ctx, request(me, "job"))
	if err != nil {
		t.Fatal(err)
	}
	waits := request(me, "job")
	if _, err := store.Enqueue(ctx, waits, time.Minute); !errors.Is(err, driver.ErrHeld) {
		t.Fatal(err)
	}
	woken := make(chan driver.Wake, 100)
	stop, err := store.Listen(ctx, "job", me.ID(), func(w driver.Wake) { woken <- w })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	srv.do(srv.client(), "SAVE")
	srv.kill()
	srv.start()

	if w := <-woken; w.Grant.Holder != "" {
		t.Errorf("the first wake is %+v, want one that says to look", w)
	}
	eventually(t, "release", func() bool { return store.Release(ctx, g) == nil })
	if w := <-woken; w.Grant.Holder != waits.Holder || w.Grant.Fence <= g.Fence {
		t.Errorf("got %+v, want the hand-over to %q", w, waits.Holder)
	}
}

func TestListenAfterKill(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	ctx := t.Context()
	woken := map[string]chan driver.Wake{}
	for i := range 5 {
		name := fmt.Sprintf("job-%d", i)
		ch := make(chan driver.Wake, 100)
		woken[name] = ch
		stop, err := store.Listen(ctx, name, me.ID(), func(w driver.Wake) { ch <- w })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	for range 3 {
		srv.do(client, "CLIENT", "KILL", "TYPE", "pubsub")
		for name, ch := range woken {
			if w := <-ch; w.Grant.Holder != "" {
				t.Errorf("%s: got %+v, want a wake that says to look", name, w)
			}
		}
	}
	for name, ch := range woken {
		g, err := store.Acquire(ctx, request(me, name))
		if err != nil {
			t.Fatal(err)
		}
		req := request(me, name)
		if _, err := store.Enqueue(ctx, req, time.Minute); !errors.Is(err, driver.ErrHeld) {
			t.Fatal(err)
		}
		if err := store.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
		if w := <-ch; w.Grant.Holder != req.Holder {
			t.Errorf("%s: got %+v, want the hand-over", name, w)
		}
	}
	n, err := srv.do(client, "PUBSUB", "CHANNELS").AsStrSlice()
	if err != nil || len(n) != 5 {
		t.Errorf("subscribed to %q, %v, want 5 channels", n, err)
	}
}

// All names share one connection, and a channel that nobody listens to any more is
// given up.
func TestListenShares(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	count := func(args ...string) int {
		t.Helper()
		n, err := srv.do(client, args...).ToArray()
		if err != nil {
			t.Fatal(err)
		}
		return len(n)
	}
	var mu sync.Mutex
	var stops []func()
	var wg sync.WaitGroup
	for i := range 3000 {
		wg.Go(func() {
			stop, err := store.Listen(t.Context(), fmt.Sprintf("job-%d", i%2500), me.ID(), func(driver.Wake) {})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			stops = append(stops, stop)
		})
	}
	wg.Wait()
	if n := count("PUBSUB", "CHANNELS"); n != 2500 {
		t.Errorf("subscribed to %d channels, want 2500", n)
	}
	list, err := srv.do(client, "CLIENT", "LIST", "TYPE", "pubsub").ToString()
	if err != nil || lines(list) != 1 {
		t.Errorf("%d connections listen, want 1: %v\n%s", lines(list), err, list)
	}
	for _, stop := range stops {
		stop()
	}
	eventually(t, "end of the subscriptions", func() bool { return count("PUBSUB", "CHANNELS") == 0 })
}

func lines(s string) (n int) {
	for _, r := range s {
		if r == '\n' {
			n++
		}
	}
	return n
}

// Listen to a server that is not there fails; nothing is left of it.
func TestListenWithoutServer(t *testing.T) {
	srv := startServer(t)
	store, me := srv.store(), driver.NewClient()
	srv.kill()
	_, err := store.Listen(t.Context(), "job", me.ID(), func(driver.Wake) { t.Error("woken") })
	if err == nil || errors.Is(err, driver.ErrClosed) {
		t.Errorf("Listen: %v, want an error of the connection", err)
	}
	srv.start()
	stop, err := store.Listen(t.Context(), "job", me.ID(), func(driver.Wake) {})
	if err != nil {
		t.Fatal(err)
	}
	stop()
}

// A server that hangs does not keep a caller whose ctx ends.
func TestHungServer(t *testing.T) {
	for _, connected := range []bool{false, true} {
		t.Run(fmt.Sprintf("connected %v", connected), func(t *testing.T) { testHungServer(t, connected) })
	}
}

func testHungServer(t *testing.T, connected bool) {
	srv := startServer(t)
	store, me := srv.store(), driver.NewClient()
	for i := 0; connected && i < 200; i++ {
		if _, err := store.Load(t.Context(), "job"); !errors.Is(err, driver.ErrNotFound) {
			t.Fatal(err)
		}
	}
	pid := srv.proc.Process
	if err := pid.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pid.Signal(syscall.SIGCONT) }()

	calls := map[string]func(ctx context.Context) error{
		"Acquire": func(ctx context.Context) error { _, err := store.Acquire(ctx, request(me, "job")); return err },
		"Load":    func(ctx context.Context) error { _, err := store.Load(ctx, "job"); return err },
		"Listen": func(ctx context.Context) error {
			_, err := store.Listen(ctx, "job", me.ID(), func(driver.Wake) {})
			return err
		},
	}
	for what, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // a deadline, but it ends before
		time.AfterFunc(20*time.Millisecond, cancel)
		start := time.Now()
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the ctx's error", what, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s returned after %v", what, took)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the ctx's error", what, err)
		}
		cancel()
	}
	_ = pid.Signal(syscall.SIGCONT)
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("the connection is lost: %v", err)
	}
}

// A holder that the server's pause made late has lost its lease, and the next one
// has a larger fence.
func TestStoppedServer(t *testing.T) {
	srv := startServer(t)
	store, me := srv.store(), driver.NewClient()
	ctx := t.Context()
	req := request(me, "job")
	req.TTL = 50 * time.Millisecond
	g, err := store.Acquire(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	pid := srv.proc.Process
	if err := pid.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = pid.Signal(syscall.SIGCONT) })
	if _, err := store.Extend(ctx, g, time.Minute); !errors.Is(err, driver.ErrLost) {
		t.Errorf("Extend: %v, want ErrLost", err)
	}
	next, err := store.Acquire(ctx, request(me, "job"))
	if err != nil || next.Fence <= g.Fence {
		t.Errorf("got %+v, %v, want a larger fence than %d", next, err, g.Fence)
	}
}

// Lost, late, repeated and stray requests, replies and pushes, at random.
func TestFaultyConnections(t *testing.T) {
	srv := startServer(t)
	rates := faultstore.Rates{
		Fail: 0.05, LoseReply: 0.05, Stray: 0.05, Duplicate: 0.05,
		DropPush: 0.3, DuplicatePush: 0.2, Delay: 0.2, MaxDelay: 10 * time.Millisecond,
	}
	var stores []driver.Store
	for seed := range uint64(3) {
		s := faultstore.New(srv.store(), faultstore.Random(seed, rates))
		t.Cleanup(func() { _ = s.Close() })
		stores = append(stores, s)
	}
	c := newCrowd(t, stores...)
	c.mayFail = true
	c.start(4, 20)
	c.wait()
	expires(t, srv, srv.client())
}
