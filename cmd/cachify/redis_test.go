//go:build linux

package main_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// redisServer is a redis-server of the test's own, on a socket in its directory.
type redisServer struct {
	h    *host
	args []string
	proc *exec.Cmd
	url  string
	path string // of the socket
	kill func() // ends the server, and what it knows with it
}

// redis starts one, and makes it the host's store. It ends with the test, also if that
// is killed.
func (h *host) redis(more ...string) *redisServer {
	h.Helper()
	dir, err := os.MkdirTemp("", "cachify") // a socket's path is limited to about 100 bytes
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "redis.sock")
	r := &redisServer{h: h, url: "unix://" + socket, path: socket}
	r.args = append([]string{
		"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--logfile", filepath.Join(dir, "log"),
	}, more...)
	r.start()
	h.env = []string{"CACHIFY_STORE=" + r.url}
	return r
}

// start starts the server, which must not run.
func (r *redisServer) start() {
	h := r.h
	h.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		h.Fatal("these tests need a Redis server of their own: apt-get install redis-server")
	}
	proc := exec.CommandContext(context.Background(), path, r.args...)
	proc.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.proc = proc
	if err := proc.Start(); err != nil {
		h.Fatal(err)
	}
	guard := exec.CommandContext(context.Background(), "sh", "-c", `cat >/dev/null; kill -9 "$0"`, strconv.Itoa(proc.Process.Pid))
	in, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		h.Fatal(err)
	}
	r.kill = sync.OnceFunc(func() {
		_ = in.Close() // which makes the guard kill the server
		_ = proc.Wait()
		_ = guard.Wait()
	})
	h.Cleanup(r.kill)
	eventually(h, "redis-server answers", func() bool {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "unix", r.path)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// signal sends a signal to the server.
func (r *redisServer) signal(h *host, sig syscall.Signal) {
	h.Helper()
	if err := r.proc.Process.Signal(sig); err != nil {
		h.Fatal(err)
	}
}

func TestRedis(t *testing.T) {
	h := newHost(t)
	h.redis()
	holder := h.hold("lock", "k")
	h.want(h.run("lock", "k", "--", "true"), 75, "k is held by pid "+strconv.Itoa(holder.Process.Pid))
	h.want(h.run("lock", "k", "-w", "50ms", "--", "true"), 124, "(waited ")
	h.want(holder.finish(), 0, "")
	for range 2 {
		if r := h.run("cached", "c", "--ttl", "1m", "--", "sh", "-c", "echo run | tee -a runs"); r.out != "run\n" || h.runs() != 1 {
			t.Errorf("got %+v after %d runs", r, h.runs())
		}
	}
	h.want(h.run("pool", "p", "--max", "2", "--", "true"), 0, "")
	h.want(h.run("once", "o", "--", "true"), 0, "")
}

// The doctor finds what is not safe about a server.
func TestDoctor(t *testing.T) {
	h := newHost(t)
	h.redis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	r := h.run("doctor")
	if r.code != 1 || !strings.Contains(r.out, "danger: ") || !strings.Contains(r.out, "(from CACHIFY_STORE)") {
		t.Errorf("got %+v", r)
	}
	if r := h.run("doctor", "--json"); r.code != 1 || !strings.Contains(r.out, `"severity": "danger"`) {
		t.Errorf("got %+v", r)
	}
	healthy := newHost(t)
	if r := healthy.run("doctor"); r.code != 0 || !strings.Contains(r.out, "It answers") {
		t.Errorf("got %+v", r)
	}
}

// When the store does not answer any more, the child is ended before its lease is over,
// and was first asked to clean up.
func TestStoreHangsWhileTheChildRuns(t *testing.T) {
	h := newHost(t)
	server := h.redis()
	p := h.start("lock", "k", "-x", "4s", "--", "sh", "-c",
		"trap 'echo asked' TERM; echo ready; while :; do read -r line; done")
	p.expect("ready")
	server.signal(h, syscall.SIGSTOP)
	defer server.signal(h, syscall.SIGCONT)
	p.expect("asked")
	r := p.end()
	if r.code != 76 || !strings.Contains(r.err, "k: the command was ended: the lease is about to expire, and could not be renewed") {
		t.Errorf("got %+v", r)
	}
}

// A store that is gone when the child has done its work does not make that undone.
func TestStoreDiesBeforeTheRelease(t *testing.T) {
	h := newHost(t)
	server := h.redis()
	p := h.hold("lock", "k", "-x", "10m")
	server.kill()
	r := p.finish()
	if r.code != 0 || !strings.Contains(r.err, "cachify: releasing k, which will expire by itself") {
		t.Errorf("got %+v", r)
	}
	h.want(h.run("lock", "k", "--", "true"), 69, "store unix://")
}
