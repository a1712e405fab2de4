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

// What is held on a server is seen, and taken away, as on a file.
func TestLookingAtRedis(t *testing.T) {
	h := newHost(t)
	h.redis()
	h.want(h.run("ls"), 0, "")
	lock := h.hold("lock", "deploy", "-x", "5s")
	h.hold("once", "deploy")
	h.hold("pool", "gpu", "--max", "3", "--slots", "2")
	h.hold("pool", "gpu", "--max", "3")
	h.start("pool", "gpu", "--max", "3", "-w", "--", "true")
	eventually(t, "somebody waits", func() bool { return h.json("show", "gpu")[0].Waiting == 1 })

	all := h.json("ls")
	if len(all) != 3 {
		t.Fatalf("got %+v", all)
	}
	for i, want := range []struct {
		key, kind     string
		used, holders int
	}{{"deploy", "lock", 1, 1}, {"deploy", "once", 1, 1}, {"gpu", "pool", 3, 2}} {
		got := all[i]
		if got.Key != want.key || got.Kind != want.kind || got.Used != want.used || len(got.Holders) != want.holders {
			t.Errorf("got %+v, want %+v", got, want)
		}
		for _, by := range got.Holders {
			if by.PID == "" || by.Fence == 0 || by.Left == nil || *by.Left > 30_000 || by.Foreign {
				t.Errorf("%s is held by %+v", want.key, by)
			}
		}
	}
	if some := h.json("ls", "g"); len(some) != 1 || some[0].Key != "gpu" {
		t.Errorf("got %+v", some)
	}
	if both := h.json("show", "deploy"); len(both) != 2 || both[0].Holders[0].PID != strconv.Itoa(lock.Process.Pid) {
		t.Errorf("got %+v", both)
	}
	if r := h.run("show", "free"); r.code != 1 {
		t.Errorf("got %+v", r)
	}
	if r := h.run("__completeNoDesc", "show", ""); r.out != "deploy\ngpu\n:4\n" {
		t.Errorf("completed: %+v", r)
	}

	h.want(h.run("release", "deploy"), 64, "more than one thing is held under this key: say which, --lock or --once")
	r := h.run("release", "deploy", "--lock")
	h.want(r, 0, "")
	if !strings.Contains(r.out, "was taken from pid "+strconv.Itoa(lock.Process.Pid)) {
		t.Errorf("got %q", r.out)
	}
	h.want(lock.end(), 76, "deploy: the command was ended: lease lost")

	echo := []string{"cached", "c", "--ttl", "1h", "--", "sh", "-c", "echo run >>runs; wc -l <runs"}
	first := h.run(echo...)
	h.want(h.run("reset", "c"), 0, "")
	if again := h.run(echo...); first.code != 0 || again.code != 0 || h.runs() != 2 {
		t.Errorf("got %+v and %+v after %d runs", first, again, h.runs())
	}
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
