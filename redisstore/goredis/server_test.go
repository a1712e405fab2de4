package goredis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/goredis"
	"github.com/go-cachify/cachify/redisstore/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a redis-server of the test's own.
type server struct {
	*redistest.Server
	t testing.TB
}

func startServer(t testing.TB, more ...string) *server {
	t.Helper()
	return &server{redistest.StartServer(t, more...), t}
}

// client returns a client with connections of its own.
func (s *server) client(change ...func(*redis.Options)) *redis.Client {
	s.t.Helper()
	opt := &redis.Options{Network: "unix", Addr: s.Socket}
	for _, c := range change {
		c(opt)
	}
	client := redis.NewClient(opt)
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// store returns a new store with a client of its own.
func (s *server) store() *goredis.Store {
	s.t.Helper()
	return storeOn(s.t, s.client())
}

func storeOn(t testing.TB, client redis.UniversalClient) *goredis.Store {
	t.Helper()
	store, err := goredis.New(context.Background(), client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// do runs a command that has to succeed.
func (s *server) do(c redis.UniversalClient, args ...any) *redis.Cmd {
	s.t.Helper()
	cmd := c.Do(context.Background(), args...)
	if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
		s.t.Fatalf("%q: %v", args, err)
	}
	return cmd
}

func request(c *driver.Client, name string) driver.AcquireRequest {
	return driver.AcquireRequest{Name: name, Holder: c.NewHolder(), Limit: 1, Slots: 1, TTL: time.Minute}
}

// eventually asks until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}

func freePort(t testing.TB) int { return redistest.FreePort(t) }
