package redisstore_test

import (
	"strings"
	"testing"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

// A start makes the scripts known, so that nobody has to send their text.
func TestScriptsAreLoaded(t *testing.T) {
	srv := startServer(t)
	use(t, srv.store())
	if stats := srv.stats(); strings.Contains(stats, "cmdstat_eval:") || !strings.Contains(stats, "cmdstat_evalsha:") {
		t.Errorf("scripts were sent as text:\n%s", stats)
	}
}

// A user that may not load scripts sends them as they are needed.
func TestScriptsCannotBeLoaded(t *testing.T) {
	srv := startServer(t)
	srv.do(srv.client(), "ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all", "-script")
	store, err := redisstore.New(t.Context(), redisstore.Options{URL: strings.Replace(srv.tcp(), "://", "://worker:secret@", 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	use(t, store)
	if stats := srv.stats(); !strings.Contains(stats, "cmdstat_eval:") {
		t.Errorf("no script was sent as text:\n%s", stats)
	}
}

// use acquires and releases a lock.
func use(t *testing.T, s *redisstore.Store) {
	t.Helper()
	g, err := s.Acquire(t.Context(), request(driver.NewClient(), "job"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), g); err != nil {
		t.Error(err)
	}
}

func (s *server) stats() string {
	s.t.Helper()
	stats, err := s.do(s.client(), "INFO", "commandstats").ToString()
	if err != nil {
		s.t.Fatal(err)
	}
	return stats
}
