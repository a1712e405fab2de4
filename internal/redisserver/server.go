// Package redisserver starts Redis servers for tests. It is for all modules whose tests
// or runs need one of their own.
package redisserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// ErrMissing says that there is no redis-server on this machine.
var ErrMissing = errors.New("a Redis server of our own is needed: apt-get install redis-server")

// startTime is how long a server may take to start.
const startTime = 10 * time.Second

// Server is a redis-server of the caller's own, in a directory of its own, on a socket
// there and on a free loopback port. It ends with [Server.Kill], and also if the
// caller's process is killed. It is not safe for concurrent use.
type Server struct {
	Socket string
	Port   int
	Dir    string    // its own
	Args   []string  // of its command line, for the next Start
	Proc   *exec.Cmd // nil: it does not run

	guard *exec.Cmd
	leash io.Closer // the guard's input
}

// New returns a server that does not run yet, for dir, which is there and is its own. A
// socket's path is limited to about 100 bytes, so dir must be short. Its Args are those of
// a server that keeps nothing on the disk, and more.
func New(ctx context.Context, dir string, more ...string) (*Server, error) {
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, Socket: filepath.Join(dir, "redis.sock"), Port: port}
	s.Args = append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.Port), "--unixsocket", s.Socket,
		"--dir", s.Dir, "--save", "", "--appendonly", "no", "--logfile", s.log(),
	}, more...)
	return s, nil
}

func (s *Server) log() string { return filepath.Join(s.Dir, "log") }

// FreePort returns a port that nobody listens on. It is below those that a system gives
// to outgoing connections, which others make all the time.
func FreePort(ctx context.Context) (int, error) {
	for range 100 {
		port := 10000 + rand.IntN(20000)
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}

// Start starts a server that does not run, on the same port, and returns when it takes
// connections.
func (s *Server) Start(ctx context.Context) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return ErrMissing
	}
	s.Proc = exec.CommandContext(context.Background(), path, s.Args...)
	if err := s.Proc.Start(); err != nil {
		s.Proc = nil
		return err
	}
	if err := s.watch(); err != nil {
		s.Kill()
		return err
	}
	if err := s.await(ctx); err != nil {
		log, _ := os.ReadFile(s.log())
		s.Kill()
		return fmt.Errorf("redis-server does not start: %w\n%s", err, log)
	}
	return nil
}

func (s *Server) await(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(startTime); ; <-tick.C {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.Socket)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

// watch starts a process that kills the server when our end of its input is closed, by
// whatever.
func (s *Server) watch() error {
	s.guard = exec.CommandContext(context.Background(), "sh", "-c", `cat >/dev/null; kill -9 "$0"`, strconv.Itoa(s.Proc.Process.Pid))
	in, err := s.guard.StdinPipe()
	if err == nil {
		err = s.guard.Start()
	}
	if err != nil {
		s.guard = nil
		return err
	}
	s.leash = in
	return nil
}

// Kill ends the server as a crash would, also one that is stopped. It does nothing to
// one that does not run.
func (s *Server) Kill() {
	if s.Proc == nil {
		return
	}
	if s.guard != nil {
		_ = s.guard.Process.Kill()
		_ = s.guard.Wait()
		_ = s.leash.Close()
	}
	_ = s.Proc.Process.Kill()
	_ = s.Proc.Wait()
	s.Proc, s.guard = nil, nil
}

// URL is where the server is, on its socket.
func (s *Server) URL() string { return "unix://" + s.Socket }

// TCP is where the server is, on the loopback.
func (s *Server) TCP() string { return fmt.Sprintf("redis://127.0.0.1:%d", s.Port) }
