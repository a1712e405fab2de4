package redisstore_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/internal/netfault"
	"github.com/go-cachify/cachify/redisstore"
)

// startOnSocket is startServer without a TCP port: tests that run beside others have
// connections that may be given the port before the server takes it.
func startOnSocket(t testing.TB, more ...string) *server {
	t.Helper()
	return startServer(t, append(more, "--port", "0")...)
}

// through returns a store whose connections all go through a proxy of their own.
func (s *server) through() (*redisstore.Store, *netfault.Proxy) {
	s.t.Helper()
	p, err := netfault.New(netfault.TCP("127.0.0.1:0"), netfault.Unix(s.Socket))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.Close() })
	store, err := redisstore.New(context.Background(), redisstore.Options{URL: "redis://" + p.Addr().String()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = store.Close() })
	return store, p
}

// heal makes the network of a proxy whole again: what vanished stays so, and the
// connections on which it did are gone.
func heal(p *netfault.Proxy) {
	for _, dir := range []netfault.Direction{netfault.ToServer, netfault.ToClient} {
		p.Swallow(dir, false)
		p.Delay(dir, 0)
	}
	p.Refuse(false)
	p.Cut()
}

// recorder notes the hash of the last script that was asked for through a client.
type recorder struct {
	rueidis.Client
	mu   sync.Mutex
	last string
}

func (r *recorder) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if words := cmd.Commands(); words[0] == "EVALSHA" {
		r.mu.Lock()
		r.last = words[1]
		r.mu.Unlock()
	}
	return r.Client.Do(ctx, cmd)
}

// wire is the texts by which a proxy knows requests: for each method the hash of its
// script. The server knows the scripts afterwards.
type wire struct{ acquire, enqueue, extend, release, look, leave string }

func (s *server) wire() wire {
	s.t.Helper()
	ctx := context.Background()
	r := &recorder{Client: s.client()}
	store, err := redisstore.NewFromClient(ctx, r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	me := driver.NewClient()
	req := request(me, "to-know-the-scripts")
	g := driver.Grant{Name: req.Name, Holder: req.Holder}
	of := func(what string, do func() error) string {
		s.t.Helper()
		if err := do(); err != nil {
			s.t.Fatalf("%s: %v", what, err)
		}
		return r.last
	}
	return wire{
		acquire: of("Acquire", func() error { _, err := store.Acquire(ctx, req); return err }),
		enqueue: of("Enqueue", func() error { _, err := store.Enqueue(ctx, req, time.Minute); return err }),
		extend:  of("Extend", func() error { _, err := store.Extend(ctx, g, time.Minute); return err }),
		look:    of("Look", func() error { _, err := store.Look(ctx, req.Name, me.ID(), time.Minute); return err }),
		release: of("Release", func() error { return store.Release(ctx, g) }),
		leave:   of("Leave", func() error { return store.Leave(ctx, req.Name, req.Holder) }),
	}
}

// pushes finds the connection on which a proxy's client listens. It is called before
// that is made.
func pushes(p *netfault.Proxy) func(testing.TB) *netfault.Conn {
	var mu sync.Mutex
	var last *netfault.Conn
	p.Watch(netfault.ToServer, "SUBSCRIBE", func(c *netfault.Conn) {
		mu.Lock()
		defer mu.Unlock()
		last = c
	})
	return func(t testing.TB) *netfault.Conn {
		mu.Lock()
		defer mu.Unlock()
		if last == nil {
			t.Fatal("nobody listens through this proxy")
		}
		return last
	}
}

// answered returns a function that waits until a request in which text comes has been
// answered, from now on.
func answered(p *netfault.Proxy, text string) func(testing.TB) {
	done := make(chan struct{})
	first := sync.OnceFunc(func() { close(done) })
	p.Watch(netfault.ToServer, text, func(c *netfault.Conn) {
		before := c.Stats().Passed[netfault.ToClient]
		go func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for s := c.Stats(); s.Open > 0; s = c.Stats() {
				if s.Passed[netfault.ToClient] > before {
					first()
					return
				}
				<-tick.C
			}
		}()
	})
	return func(t testing.TB) {
		t.Helper()
		happened(t, "answer", done)
	}
}

// listening returns when somebody is subscribed to n channels in all.
func (s *server) listening(c rueidis.Client, n int) {
	s.t.Helper()
	eventually(s.t, "subscription", func() bool {
		channels, err := s.do(c, "PUBSUB", "CHANNELS").AsStrSlice()
		return err == nil && len(channels) == n
	})
}

func instanceOn(t testing.TB, s driver.Store, cfg *cachify.Config) *cachify.Cachify {
	t.Helper()
	c, err := cachify.New(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// looking is a Config with an interval between two looks.
func looking(every time.Duration) *cachify.Config { return &cachify.Config{LockPollInterval: every} }

// acquirer is a lock or a pool.
type acquirer interface {
	Acquire(context.Context) (*cachify.Lease, error)
}

func mustAcquire(t testing.TB, a acquirer) *cachify.Lease {
	t.Helper()
	l, err := a.Acquire(t.Context())
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return l
}

func mustRelease(t testing.TB, l *cachify.Lease) {
	t.Helper()
	if err := l.Release(context.Background()); err != nil {
		t.Fatalf("Release: %v", err)
	}
}

// attempt is an Acquire in a goroutine of its own.
type attempt struct {
	lease *cachify.Lease
	err   error
	at    time.Time // when it returned
	done  chan struct{}
}

func begin(ctx context.Context, a acquirer) *attempt {
	at := &attempt{done: make(chan struct{})}
	go func() {
		defer close(at.done)
		at.lease, at.err = a.Acquire(ctx)
		at.at = time.Now()
	}()
	return at
}

// ends waits for the attempt's end, whatever it is.
func (at *attempt) ends(t testing.TB) error {
	t.Helper()
	select {
	case <-at.done:
		return at.err
	case <-time.After(40 * time.Second):
		t.Fatal("Acquire does not return")
		return nil
	}
}

// within waits for the lease, and checks that it came no later than that after start.
func (at *attempt) within(t testing.TB, start time.Time, limit time.Duration) *cachify.Lease {
	t.Helper()
	if err := at.ends(t); err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	if took := at.at.Sub(start); took > limit {
		t.Errorf("it was served after %v, want %v at most", took, limit)
	}
	return at.lease
}

// happened waits for a fault to be done.
func happened(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
	}
}

// holders returns who holds a name and how many wait, as the server knows it.
func holders(t testing.TB, s driver.Store, name string) (ids []string, waiting int) {
	t.Helper()
	o, err := s.Holders(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range o.Holders {
		ids = append(ids, h.ID)
	}
	slices.Sort(ids)
	return ids, o.Waiting
}

// inLine returns when n wait for name, or the attempt is over already.
func inLine(t testing.TB, s driver.Store, name string, n int, at *attempt) {
	t.Helper()
	eventually(t, "place in the queue", func() bool {
		select {
		case <-at.done:
			return true
		default:
		}
		o, err := s.Holders(context.Background(), name)
		return err == nil && o.Waiting == n
	})
}

// free returns when nobody holds name or waits for it.
func free(t testing.TB, s driver.Store, name string) {
	t.Helper()
	eventually(t, "end of all leases and places", func() bool {
		o, err := s.Holders(context.Background(), name)
		return err == nil && len(o.Holders) == 0 && o.Waiting == 0
	})
}

// isOver checks that a lease has ended for its holder.
func isOver(t testing.TB, l *cachify.Lease, causes ...error) {
	t.Helper()
	err := l.Err()
	if !slices.ContainsFunc(causes, func(c error) bool { return errors.Is(err, c) }) {
		t.Errorf("the lease's error is %v, want one of %v", err, causes)
	}
}
