package goredis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/redisstore/goredis"
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
		lock := i.Lock("job", cachify.Wait(40*time.Second), cachify.Expiry(time.Second))
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
	_, _ = lock.IsLocked(context.Background()) // the work: a round trip
	c.inside.Add(-1)
	c.done.Add(1)
	if err := l.Release(context.Background()); err != nil && !c.mayLose {
		var failed *cachify.ReleaseError
		if !c.mayFail || !errors.As(err, &failed) {
			c.t.Errorf("Release: %v", err)
		}
	}
}

// while runs f again and again until all have had their turns, at least once.
func (c *crowd) while(every time.Duration, f func()) {
	c.t.Helper()
	ended := make(chan struct{})
	go func() {
		c.wg.Wait()
		close(ended)
	}()
	stuck := time.After(90 * time.Second)
	for {
		f()
		select {
		case <-ended:
			return
		case <-stuck:
			c.t.Fatalf("somebody is stuck: %d turns are done", c.done.Load())
		case <-time.After(every):
		}
	}
}

// expires checks that all that is left has an end.
func expires(t *testing.T, srv *server) {
	t.Helper()
	client := srv.client()
	for _, key := range client.Keys(context.Background(), "*").Val() {
		if ttl, err := client.PTTL(context.Background(), key).Result(); err != nil || ttl == -1 {
			t.Errorf("%q never expires: %v, %v", key, ttl, err)
		}
	}
}

func TestScriptFlush(t *testing.T) {
	srv := startServer(t)
	client := srv.client()
	c := newCrowd(t, srv.store(), srv.store())
	c.start(4, 50)
	c.while(5*time.Millisecond, func() { srv.do(client, "SCRIPT", "FLUSH") })
	expires(t, srv)
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
			c.while(30*time.Millisecond, func() { srv.do(client, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes") })
			expires(t, srv)
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
		srv.Kill()
		srv.Start()
	}
	c.while(50*time.Millisecond, func() {})
	expires(t, srv)
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
	woken := listen(t, store, "job", me)
	srv.do(srv.client(), "SAVE")
	srv.Kill()
	srv.Start()

	if w := <-woken; w.Grant.Holder != "" {
		t.Errorf("the first wake is %+v, want one that says to look", w)
	}
	eventually(t, "release", func() bool { return store.Release(ctx, g) == nil })
	if next := handedOver(t, woken); next.Holder != waits.Holder || next.Fence <= g.Fence {
		t.Errorf("got %+v, want the hand-over to %q", next, waits.Holder)
	}
}

func listen(t *testing.T, s *goredis.Store, name string, me *driver.Client) <-chan driver.Wake {
	t.Helper()
	woken := make(chan driver.Wake, 100)
	stop, err := s.Listen(t.Context(), name, me.ID(), func(w driver.Wake) { woken <- w })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return woken
}

// handedOver returns the next grant that is pushed. To look once more than needed is
// no mistake.
func handedOver(t *testing.T, woken <-chan driver.Wake) driver.Grant {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case w := <-woken:
			if w.Grant.Holder != "" {
				return w.Grant
			}
		case <-late:
			t.Fatal("nothing was handed over")
		}
	}
}

func TestListenAfterKill(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	ctx := t.Context()
	woken := map[string]<-chan driver.Wake{}
	for i := range 5 {
		name := fmt.Sprintf("job-%d", i)
		woken[name] = listen(t, store, name, me)
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
		if next := handedOver(t, ch); next.Holder != req.Holder {
			t.Errorf("%s: got %+v, want the hand-over", name, next)
		}
	}
	if n := srv.channels(client); n != 5 {
		t.Errorf("subscribed to %d channels, want 5", n)
	}
}

func (s *server) channels(client *redis.Client) int {
	s.t.Helper()
	names, err := client.PubSubChannels(context.Background(), "*").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return len(names)
}

// All names share one connection, and a channel that nobody listens to any more is
// given up.
func TestListenShares(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
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
	if n := srv.channels(client); n != 2500 {
		t.Errorf("subscribed to %d channels, want 2500", n)
	}
	if n := listening(srv, client); n != 1 {
		t.Errorf("%d connections listen, want 1", n)
	}
	for _, stop := range stops {
		stop()
	}
	eventually(t, "end of the subscriptions", func() bool { return srv.channels(client) == 0 })
}

// Listen to a server that is not there fails; nothing is left of it.
func TestListenWithoutServer(t *testing.T) {
	srv := startServer(t)
	store, me := srv.store(), driver.NewClient()
	srv.Kill()
	_, err := store.Listen(t.Context(), "job", me.ID(), func(driver.Wake) { t.Error("woken") })
	if err == nil || errors.Is(err, driver.ErrClosed) {
		t.Errorf("Listen: %v, want an error of the connection", err)
	}
	srv.Start()
	stop, err := store.Listen(t.Context(), "job", me.ID(), func(driver.Wake) {})
	if err != nil {
		t.Fatal(err)
	}
	stop()
}

// A server that refuses a subscription.
func TestListenRefused(t *testing.T) {
	srv := startServer(t)
	srv.do(srv.client(), "ACL", "SETUSER", "worker", "on", ">secret", "~*", "resetchannels", "+@all")
	store := storeOn(t, srv.client(func(o *redis.Options) { o.Username, o.Password = "worker", "secret" }))
	me := driver.NewClient()
	_, err := store.Listen(t.Context(), "job", me.ID(), func(driver.Wake) { t.Error("woken") })
	if !redis.HasErrorPrefix(err, "NOPERM") {
		t.Errorf("Listen: %v, want the server's refusal", err)
	}
	use(t, store)
}

// A server that hangs does not keep a caller whose ctx ends, whether the client heeds
// deadlines or not.
func TestHungServer(t *testing.T) {
	for _, heeds := range []bool{false, true} {
		t.Run(fmt.Sprintf("ContextTimeoutEnabled %v", heeds), func(t *testing.T) { testHungServer(t, heeds) })
	}
}

func testHungServer(t *testing.T, heeds bool) {
	srv := startServer(t)
	store := storeOn(t, srv.client(func(o *redis.Options) { o.ContextTimeoutEnabled = heeds }))
	me := driver.NewClient()
	pid := srv.Proc.Process
	if err := pid.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pid.Signal(syscall.SIGCONT) }()

	calls := map[string]func(ctx context.Context) error{
		"Acquire": func(ctx context.Context) error { _, err := store.Acquire(ctx, request(me, "job")); return err },
		"Load":    func(ctx context.Context) error { _, err := store.Load(ctx, "job"); return err },
		"Names":   func(ctx context.Context) error { _, err := store.Names(ctx, "", 1); return err },
		"Ping":    store.Ping,
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
		if took := time.Since(start); took > 2*time.Second { // the client's own limit is 3 s
			t.Errorf("%s returned after %v", what, took)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the ctx's error", what, err)
		}
		cancel()
	}
	_ = pid.Signal(syscall.SIGCONT)
	eventually(t, "answer", func() bool { return store.Ping(t.Context()) == nil })
}

// A server that falls silent is given up, and those who listen are told to look.
func TestSilentServer(t *testing.T) {
	srv := startServer(t)
	closed := make(chan struct{}, 100)
	store := storeOn(t, srv.client(func(o *redis.Options) {
		o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return told{conn, closed}, err
		}
	}))
	woken := listen(t, store, "job", driver.NewClient())
	pid := srv.Proc.Process
	if err := pid.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-closed
	if err := pid.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if w := <-woken; w.Grant.Holder != "" {
		t.Errorf("got %+v, want a wake that says to look", w)
	}
}

// told is a connection that tells when it is closed.
type told struct {
	net.Conn
	closed chan<- struct{}
}

func (c told) Close() error {
	c.closed <- struct{}{}
	return c.Conn.Close()
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
	c.while(50*time.Millisecond, func() {})
	expires(t, srv)
}

// thief is a proxy that can take a reply of the server away, and its connection.
type thief struct {
	port   int
	target atomic.Int64 // port
	steals atomic.Bool  // the next reply to a request about a name that begins with "our-"
}

func startThief(t *testing.T) *thief {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	th := &thief{port: l.Addr().(*net.TCPAddr).Port}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { th.relay(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return th
}

func (th *thief) relay(client net.Conn) {
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", "127.0.0.1:"+strconv.Itoa(int(th.target.Load())))
	if err != nil {
		_ = client.Close()
		return
	}
	var ours atomic.Bool
	go pass(to, client, func(request []byte) bool {
		ours.Store(bytes.Contains(request, []byte("our-")))
		return true
	})
	pass(client, to, func([]byte) bool { return !ours.Load() || !th.steals.CompareAndSwap(true, false) })
}

// pass writes what it reads, until may says no or the connections end, and closes them.
func pass(to, from net.Conn, may func([]byte) bool) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || !may(buf[:n]) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// What was sent is not sent again by the client: a repeated Evict would hit the next
// holder, and a repeated Release would say that the lease was lost.
func TestNothingIsRepeated(t *testing.T) {
	for _, what := range []string{"one server", "a cluster"} {
		t.Run(what, func(t *testing.T) { testNothingIsRepeated(t, what == "a cluster") })
	}
}

func testNothingIsRepeated(t *testing.T, inCluster bool) {
	th := startThief(t)
	address := "127.0.0.1:" + strconv.Itoa(th.port)
	var srv *server
	var client redis.UniversalClient
	if inCluster {
		srv = startCluster(t, "--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", strconv.Itoa(th.port))
		client = redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{address}, MaxRetries: 5})
	} else {
		srv = startServer(t)
		client = redis.NewClient(&redis.Options{Addr: address, MaxRetries: 5})
	}
	defer func() { _ = client.Close() }()
	th.target.Store(int64(srv.Port))
	store, admin, me := storeOn(t, client), srv.client(), driver.NewClient()
	ctx := t.Context()
	var g driver.Grant
	acquire := func() (err error) { g, err = store.Acquire(ctx, request(me, "our-job")); return err }
	var v driver.Version
	save := func() (err error) {
		v, err = store.Save(ctx, "our-record", []byte("x"), driver.Write{TTL: time.Minute})
		return err
	}
	nothing := func() error { return nil }
	for _, test := range []struct {
		what     string
		command  string
		prepare  func() error
		do, tidy func() error
	}{
		{"Acquire", "evalsha", nothing, acquire, func() error { return store.Evict(ctx, "our-job") }},
		{"Release", "evalsha", acquire, func() error { return store.Release(ctx, g) }, nothing},
		{"Evict", "evalsha", acquire, func() error { return store.Evict(ctx, "our-job") }, nothing},
		{"Save", "set", nothing, save, nothing},
		{"Save if absent", "set", nothing, func() error {
			_, err := store.Save(ctx, "our-new", nil, driver.Write{If: driver.IfAbsent, TTL: time.Minute})
			return err
		}, nothing},
		{"Delete of a version", "evalsha", save, func() error { return store.Delete(ctx, "our-record", v) }, nothing},
		{"Load", "evalsha", nothing, func() error { _, err := store.Load(ctx, "our-record"); return err }, nothing},
	} {
		eventually(t, "connection for "+test.what, func() bool { // it is open, and the scripts are known
			_, err := store.Load(ctx, "nothing")
			return errors.Is(err, driver.ErrNotFound) && test.prepare() == nil
		})
		before := srv.calls(admin, test.command)
		th.steals.Store(true)
		err := test.do()
		if err == nil || errors.Is(err, driver.ErrLost) || errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrHeld) {
			t.Errorf("%s: %v, want an error of the connection", test.what, err)
		}
		if n := srv.calls(admin, test.command) - before; n != 1 {
			t.Errorf("%s was sent %d times (%v), want once", test.what, n, err)
		}
		eventually(t, "end of "+test.what, func() bool { return test.tidy() == nil })
	}
}
