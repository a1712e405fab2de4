// Package redistest starts Redis servers for tests.
package redistest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Server is a redis-server of the test's own: no persistence, in a directory of
// its own, on a socket there and on a free loopback port. It ends with the test,
// and also if the test's process is killed.
type Server struct {
	Socket string
	Port   int
	Dir    string    // its own
	Args   []string  // of its command line, for the next Start
	Proc   *exec.Cmd // nil: it does not run

	t     testing.TB
	guard *exec.Cmd
}

// StartServer starts a server, with more arguments on its command line, and returns
// when it answers.
func StartServer(t testing.TB, more ...string) *Server {
	t.Helper()
	s := newServer(t)
	s.Args = append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.Port), "--unixsocket", s.Socket,
		"--dir", s.Dir, "--save", "", "--appendonly", "no", "--logfile", filepath.Join(s.Dir, "log"),
	}, more...)
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
func newServer(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "redisstore") //nolint:usetesting // a socket's path is limited to about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, Dir: dir, Socket: filepath.Join(dir, "redis.sock"), Port: FreePort(t)}
	t.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

// FreePort returns a port that nobody listens on. It is below those that a system gives
// to outgoing connections, which other tests make all the time.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(20000)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// Start starts a server that was killed, on the same port, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("these tests need a Redis server of their own: apt-get install redis-server")
	}
	s.Proc = exec.CommandContext(context.Background(), path, s.Args...)
	if err := s.Proc.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.watch()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "unix", s.Socket)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			s.t.Fatalf("redis-server does not start: %v\n%s", err, log)
		}
	}
}

// watch starts a process that kills the server when the test's end of its input is
// closed, by whatever.
func (s *Server) watch() {
	s.t.Helper()
	s.guard = exec.CommandContext(context.Background(), "sh", "-c", `cat >/dev/null; kill -9 "$0"`, strconv.Itoa(s.Proc.Process.Pid))
	in, err := s.guard.StdinPipe()
	if err == nil {
		err = s.guard.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = in.(io.Closer).Close() })
}

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	if s.Proc == nil {
		return
	}
	if s.guard != nil {
		_ = s.guard.Process.Kill()
		_ = s.guard.Wait()
	}
	_ = s.Proc.Process.Kill()
	_ = s.Proc.Wait()
	s.Proc, s.guard = nil, nil
}

// URL is where the server is, on its socket.
func (s *Server) URL() string { return "unix://" + s.Socket }

// TCP is where the server is, on the loopback.
func (s *Server) TCP() string { return fmt.Sprintf("redis://127.0.0.1:%d", s.Port) }
