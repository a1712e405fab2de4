package redisstore_test

import (
	"context"
	"testing"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/redisstore/internal/redistest"
)

// server is a redis-server of the test's own.
type server struct {
	*redistest.Server
	t testing.TB
}

func startServer(t testing.TB, more ...string) *server {
	t.Helper()
	return &server{redistest.StartServer(t, more...), t}
}

func freePort(t testing.TB) int { return redistest.FreePort(t) }

func (s *server) start() { s.t.Helper(); s.Start() }

func (s *server) kill() { s.Kill() }

func (s *server) url() string { return s.URL() }

func (s *server) tcp() string { return s.TCP() }

// store returns a new store with connections of its own.
func (s *server) store() *redisstore.Store {
	s.t.Helper()
	store, err := redisstore.New(context.Background(), redisstore.Options{URL: s.url()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = store.Close() })
	return store
}

// client returns a client to look at the server with.
func (s *server) client() rueidis.Client {
	s.t.Helper()
	opt, err := rueidis.ParseURL(s.url())
	if err != nil {
		s.t.Fatal(err)
	}
	opt.DisableCache, opt.ForceSingleClient = true, true
	c, err := rueidis.NewClient(opt)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// do runs a command that has to succeed.
func (s *server) do(c rueidis.Client, args ...string) rueidis.RedisResult {
	s.t.Helper()
	r := c.Do(context.Background(), c.B().Arbitrary(args[0]).Args(args[1:]...).Build())
	if err := r.Error(); err != nil && !rueidis.IsRedisNil(err) {
		s.t.Fatalf("%q: %v", args, err)
	}
	return r
}
