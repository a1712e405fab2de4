package redisstore_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/redisstore"
)

// server is a redis-server of the test's own: no persistence, in a directory of
// its own, on a socket there and on a free loopback port. It ends with the test,
// and also if the test's process is killed.
type server struct {
	t      testing.TB
	dir    string
	socket string
	port   int
	more   []string // of the command line
	proc   *exec.Cmd
	guard  *exec.Cmd
}

func startServer(t testing.TB, more ...string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "redisstore") //nolint:usetesting // a socket's path is limited to about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: dir, socket: filepath.Join(dir, "redis.sock"), port: freePort(t), more: more}
	t.Cleanup(func() {
		s.kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s.start()
	return s
}

func freePort(t testing.TB) int {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *server) start() {
	s.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("these tests need a Redis server of their own: apt-get install redis-server")
	}
	s.proc = exec.CommandContext(context.Background(), path, append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--unixsocket", s.socket,
		"--dir", s.dir, "--save", "", "--appendonly", "no", "--logfile", filepath.Join(s.dir, "log"),
	}, s.more...)...)
	if err := s.proc.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.watch()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "unix", s.socket)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("redis-server does not start: %v\n%s", err, log)
		}
	}
}

// watch starts a process that kills the server when the test's end of its input is
// closed, by whatever.
func (s *server) watch() {
	s.t.Helper()
	s.guard = exec.CommandContext(context.Background(), "sh", "-c", `cat >/dev/null; kill -9 "$0"`, strconv.Itoa(s.proc.Process.Pid))
	in, err := s.guard.StdinPipe()
	if err == nil {
		err = s.guard.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = in.(io.Closer).Close() })
}

// kill ends the server as a crash would.
func (s *server) kill() {
	if s.proc == nil {
		return
	}
	if s.guard != nil {
		_ = s.guard.Process.Kill()
		_ = s.guard.Wait()
	}
	_ = s.proc.Process.Kill()
	_ = s.proc.Wait()
	s.proc, s.guard = nil, nil
}

func (s *server) url() string { return "unix://" + s.socket }

func (s *server) tcp() string { return fmt.Sprintf("redis://127.0.0.1:%d", s.port) }

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
