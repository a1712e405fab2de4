// Package redistest starts Redis servers for tests.
package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-cachify/cachify/internal/redisserver"
)

// Server is a redis-server of the test's own: no persistence, in a directory of
// its own, on a socket there and on a free loopback port. It ends with the test,
// and also if the test's process is killed.
type Server struct {
	*redisserver.Server
	t testing.TB
}

// StartServer starts a server, with more arguments on its command line, and returns
// when it answers.
func StartServer(t testing.TB, more ...string) *Server {
	t.Helper()
	s := newServer(t, more...)
	s.Start()
	return s
}

// StartSentinel starts a sentinel with these lines of configuration, which say whom it
// watches and how.
func StartSentinel(t testing.TB, lines string) *Server {
	t.Helper()
	s := newServer(t)
	config := filepath.Join(s.Dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\nunixsocket %s\ndir %s\nlogfile %s\n%s",
		s.Port, s.Socket, s.Dir, filepath.Join(s.Dir, "log"), lines)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Args = []string{config, "--sentinel"}
	s.Start()
	return s
}

// newServer returns a server that does not run yet.
func newServer(t testing.TB, more ...string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "redisstore") //nolint:usetesting // a socket's path is limited to about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	s, err := redisserver.New(t.Context(), dir, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return &Server{s, t}
}

// FreePort returns a port that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := redisserver.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Start starts a server that was killed, on the same port, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	if err := s.Server.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}
