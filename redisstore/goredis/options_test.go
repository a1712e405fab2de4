package goredis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/goredis"
)

func TestRefusedClients(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	defer func() { _ = ring.Close() }()
	cluster := func(o redis.ClusterOptions) redis.UniversalClient {
		o.Addrs = []string{"127.0.0.1:1"}
		c := redis.NewClusterClient(&o)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	auto, err := startServer(t).client().AutoPipeline()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = auto.Close() }()
	for what, test := range map[string]struct {
		client redis.UniversalClient
		want   string
	}{
		"nothing":            {nil, "nil"},
		"a nil client":       {(*redis.Client)(nil), "nil"},
		"a nil cluster":      {(*redis.ClusterClient)(nil), "nil"},
		"a ring":             {ring, "Ring"},
		"a pipeliner":        {auto, "AutoPipeliner"},
		"one that reads":     {cluster(redis.ClusterOptions{ReadOnly: true}), "ReadOnly"},
		"one of least delay": {cluster(redis.ClusterOptions{RouteByLatency: true}), "RouteByLatency"},
		"one at random":      {cluster(redis.ClusterOptions{RouteRandomly: true}), "RouteRandomly"},
		"an unknown client":  {struct{ redis.UniversalClient }{ring}, "*redis.Client"},
	} {
		_, err := goredis.New(t.Context(), test.client)
		if !errors.Is(err, driver.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an ErrInvalid with %q", what, err, test.want)
		}
	}
}

func TestReplicaIsRefused(t *testing.T) {
	master, replica := startServer(t), startServer(t)
	client := replica.client()
	replica.do(client, "REPLICAOF", "127.0.0.1", master.Port)
	if _, err := goredis.New(t.Context(), client); err == nil || !strings.Contains(err.Error(), "replica") {
		t.Errorf("got %v, want an error about the replica", err)
	}
}

func TestNoServer(t *testing.T) {
	srv := startServer(t)
	srv.Kill()
	if _, err := goredis.New(t.Context(), srv.client()); err == nil || errors.Is(err, driver.ErrInvalid) {
		t.Errorf("got %v, want the client's error", err)
	}
}

// A server that takes connections and says nothing.
func TestNewHeedsCtx(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client := redis.NewClient(&redis.Options{Addr: l.Addr().String(), ReadTimeout: time.Hour})
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := goredis.New(ctx, client); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the ctx's error", err)
	}
	_ = l.Close() // resets what was never accepted, so that the request ends
}

func TestGivenClientStaysOpen(t *testing.T) {
	srv := startServer(t)
	client, me := srv.client(), driver.NewClient()
	s := storeOn(t, client)
	woken := make(chan driver.Wake, 10)
	if _, err := s.Listen(t.Context(), "job", me.ID(), func(w driver.Wake) { woken <- w }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if w := <-woken; w.Grant.Holder != "" {
		t.Errorf("Close woke with %+v", w)
	}
	if _, err := s.Acquire(t.Context(), request(me, "job")); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("Acquire: %v, want ErrClosed", err)
	}
	if pong, err := srv.do(client, "PING").Text(); err != nil || pong != "PONG" {
		t.Errorf("the client answers %q, %v", pong, err)
	}
	eventually(t, "end of the store's connection", func() bool { return listening(srv, client) == 0 })
}

// listening is how many connections have subscriptions.
func listening(srv *server, client redis.UniversalClient) int {
	list, _ := srv.do(client, "CLIENT", "LIST", "TYPE", "pubsub").Text()
	return strings.Count(list, "\n")
}

// A client that its owner closes makes the store fail; that is not the store's own
// end.
func TestGivenClientClosed(t *testing.T) {
	srv := startServer(t)
	client, me := srv.client(), driver.NewClient()
	s := storeOn(t, client)
	_ = client.Close()
	if _, err := s.Acquire(t.Context(), request(me, "job")); err == nil || errors.Is(err, driver.ErrClosed) {
		t.Errorf("Acquire: %v, want the client's error", err)
	}
	if _, err := s.Listen(t.Context(), "job", me.ID(), func(driver.Wake) {}); err == nil {
		t.Error("Listen succeeds")
	}
}

// A start makes the scripts known, so that nobody has to send their text.
func TestScriptsAreLoaded(t *testing.T) {
	for what, srv := range map[string]*server{"one server": startServer(t), "a cluster": startCluster(t)} {
		t.Run(what, func(t *testing.T) {
			client := srv.client()
			users := redis.UniversalClient(client)
			if what == "a cluster" {
				users = srv.inCluster()
				defer func() { _ = users.Close() }()
			}
			use(t, storeOn(t, users))
			if stats := srv.stats(client); strings.Contains(stats, "cmdstat_eval:") || !strings.Contains(stats, "cmdstat_evalsha:") {
				t.Errorf("scripts were sent as text:\n%s", stats)
			}
		})
	}
}

// A user that may not load scripts sends them as they are needed.
func TestScriptsCannotBeLoaded(t *testing.T) {
	srv := startServer(t)
	admin := srv.client()
	srv.do(admin, "ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all", "-script")
	use(t, storeOn(t, srv.client(func(o *redis.Options) { o.Username, o.Password = "worker", "secret" })))
	if stats := srv.stats(admin); !strings.Contains(stats, "cmdstat_eval:") {
		t.Errorf("no script was sent as text:\n%s", stats)
	}
}

// use acquires and releases a lock.
func use(t *testing.T, s *goredis.Store) {
	t.Helper()
	g, err := s.Acquire(t.Context(), request(driver.NewClient(), "job"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), g); err != nil {
		t.Error(err)
	}
}

func (s *server) stats(client redis.UniversalClient) string {
	s.t.Helper()
	stats, err := client.Info(context.Background(), "commandstats").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return stats
}

// calls is how often a command was called.
func (s *server) calls(client redis.UniversalClient, command string) (n int) {
	s.t.Helper()
	for line := range strings.Lines(s.stats(client)) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_"+command+":"); ok {
			if _, err := fmt.Sscanf(rest, "calls=%d", &n); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return n
}
