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
// locks and slots of pools in turn while something goes wrong.
type crowd struct {
	t         *testing.T
	instances []*cachify.Cachify
	expiry    time.Duration // of the leases
	keepAlive bool
	wg        sync.WaitGroup
	goesOn    atomic.Bool // after its rounds
	frozen    atomic.Bool // who holds something now works until its lease is over
	done      atomic.Int64
	lost      atomic.Int64
	mayLose   bool // the server loses its data, and with it leases
	mayFail   bool // requests fail or are late, and then leases run out
}

func newCrowd(t *testing.T, stores ...driver.Store) *crowd {
	t.Helper()
	c := &crowd{t: t, expiry: time.Second}
	for _, s := range stores {
		c.instances = append(c.instances, instanceOn(t, s, looking(50*time.Millisecond)))
	}
	return c
}

// start lets n goroutines of each instance take a lock rounds times each.
func (c *crowd) start(key string, n, rounds int) {
	w := c.witness(1)
	for _, i := range c.instances {
		opts := []cachify.LockOption{cachify.Wait(30 * time.Second), cachify.Expiry(c.expiry)}
		if c.keepAlive {
			opts = append(opts, cachify.KeepAlive())
		}
		for range n {
			c.run(w, i.Lock(key, opts...), rounds)
		}
	}
}

// startPool does the same with a pool, of which they want 1, 2, 3 slots, up to all.
func (c *crowd) startPool(key string, n, rounds, size int) {
	w := c.witness(size)
	for _, i := range c.instances {
		opts := []cachify.PoolOption{cachify.Wait(30 * time.Second), cachify.SlotExpiry(c.expiry)}
		if c.keepAlive {
			opts = append(opts, cachify.KeepAlive())
		}
		for weight := range n {
			c.run(w, i.Pool(key, size, append(opts, cachify.Slots(1+weight%size))...), rounds)
		}
	}
}

func (c *crowd) witness(slots int) *witness {
	w := newWitness(c.t, slots)
	w.loses = c.mayLose
	return w
}

func (c *crowd) run(w *witness, a acquirer, rounds int) {
	c.wg.Go(func() {
		for turns := 0; (turns < rounds || c.goesOn.Load()) && !c.t.Failed(); {
			if c.turn(w, a) {
				turns++
			}
		}
	})
}

// turn is one acquisition with its work. It returns false if that has to be done
// again: the lease was over before it could begin.
func (c *crowd) turn(w *witness, a acquirer) bool {
	l, err := a.Acquire(context.Background())
	if err != nil {
		if c.mayFail && errors.Is(err, cachify.ErrExpired) {
			return false
		}
		c.t.Errorf("Acquire: %v", err)
		return true
	}
	away := w.enter(l)
	if away == nil {
		<-time.After(time.Millisecond) // the work
		for c.frozen.Load() && l.Err() == nil {
			<-time.After(time.Millisecond)
		}
		w.leave(l)
		c.done.Add(1)
	}
	if err := l.Release(context.Background()); err != nil {
		c.lost.Add(1)
		if !c.excuses(err) {
			c.t.Errorf("Release: %v", err)
		}
	}
	return away == nil
}

// excuses tells whether what went wrong makes up for a release that failed.
func (c *crowd) excuses(err error) bool {
	var failed *cachify.ReleaseError
	if c.mayLose {
		return true
	}
	return c.mayFail && (errors.As(err, &failed) || errors.Is(err, cachify.ErrExpired))
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
	c.start("job", 4, 40)
	c.startPool("job", 4, 40, 4)
	c.while(5*time.Millisecond, func() { srv.do(client, "SCRIPT", "FLUSH") })
	expires(t, srv, client)
}

// A connection that breaks may cost a reply or a push. Replies are asked for
// again, and a look finds what was not heard.
func TestClientKill(t *testing.T) {
	for what, types := range map[string][]string{
		"requests": {"normal"}, "pushes": {"pubsub"}, "all": {"normal", "pubsub"},
	} {
		t.Run(what, func(t *testing.T) {
			srv := startServer(t)
			client := srv.client()
			c := newCrowd(t, srv.store(), srv.store())
			c.mayFail = true
			c.start("job", 4, 20)
			c.startPool("job", 4, 20, 4)
			c.while(30*time.Millisecond, func() {
				for _, typ := range types {
					srv.do(client, "CLIENT", "KILL", "TYPE", typ)
				}
			})
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
	c.start("job", 4, 30)
	c.startPool("job", 4, 30, 4)
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
	pid := srv.Proc.Process
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
	pid := srv.Proc.Process
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

// With its log on disk before it answers, a server that is killed and comes back has
// forgotten nothing, and the promise holds across the crash.
func TestServerKilledInAWorkload(t *testing.T) {
	srv := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	c := newCrowd(t, srv.store(), srv.store())
	c.mayFail = true
	c.start("job", 4, 25)
	c.startPool("job", 4, 25, 4)
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

// stop stops the server for a while, as a machine does that is frozen.
func (s *server) stop(d time.Duration) {
	s.t.Helper()
	pid := s.Proc.Process
	if err := pid.Signal(syscall.SIGSTOP); err != nil {
		s.t.Fatal(err)
	}
	<-time.After(d) // the fault is as long as this
	if err := pid.Signal(syscall.SIGCONT); err != nil {
		s.t.Fatal(err)
	}
}

// A server that is stopped for longer than the leases last takes all of them away,
// and no two who believe to hold the lock meet.
func TestServerStoppedInAWorkload(t *testing.T) {
	for _, keepAlive := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep alive %v", keepAlive), func(t *testing.T) {
			t.Parallel()
			srv := startOnSocket(t)
			c := newCrowd(t, srv.store(), srv.store())
			c.mayFail, c.keepAlive, c.expiry = true, keepAlive, 300*time.Millisecond
			c.start("job", 3, 25)
			c.startPool("job", 3, 25, 3)
			for range 3 {
				at := c.done.Load() + 15
				eventually(t, "more turns", func() bool { return c.done.Load() >= at })
				c.frozen.Store(true)
				srv.stop(c.expiry + 100*time.Millisecond)
				c.frozen.Store(false)
			}
			c.wait()
			t.Logf("%d turns, %d leases lost", c.done.Load(), c.lost.Load())
			expires(t, srv, srv.client())
		})
	}
}

// The holder knows when its time is over while the server is stopped, and before
// anybody else can hold the lock.
func TestServerStoppedPastALease(t *testing.T) {
	t.Parallel()
	srv := startOnSocket(t)
	const lease = 1500 * time.Millisecond
	a, b := instanceOn(t, srv.store(), nil), instanceOn(t, srv.store(), nil)
	held := mustAcquire(t, a.Lock("job", cachify.Expiry(lease), cachify.KeepAlive()))
	ended := held.Context().Done()
	waiter := begin(t.Context(), b.Lock("job", cachify.Wait(cachify.Forever), cachify.Expiry(lasting)))
	waiting(t, srv.store(), "PYC-job", 1)
	pid := srv.Proc.Process
	if err := pid.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	happened(t, "end of the lease's context", ended)
	isOver(t, held, cachify.ErrExpired)
	select {
	case <-waiter.done:
		t.Errorf("Acquire returned although the server does nothing: %v", waiter.err)
	default:
	}
	start := time.Now()
	if err := pid.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	l := waiter.within(t, start, soon+lease)
	if l.Fence() <= held.Fence() {
		t.Errorf("fence %d came after %d", l.Fence(), held.Fence())
	}
	if err := held.Release(t.Context()); !errors.Is(err, cachify.ErrExpired) {
		t.Errorf("Release by the one before: %v, want ErrExpired", err)
	}
	if err := l.Err(); err != nil {
		t.Errorf("the lease of the next one: %v", err)
	}
	mustRelease(t, l)
	expires(t, srv, srv.client())
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
	c.start("job", 4, 20)
	c.startPool("job", 4, 20, 4)
	c.wait()
	expires(t, srv, srv.client())
}
