//go:build linux

package main_test

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// family is a child with a child of its own, which both say who they are, and would
// run for ever. Neither minds SIGTERM.
const family = `trap '' TERM; sleep 1000 & echo $$ $!; while :; do wait; done`

// family starts one, with what args say, and returns the process ids.
func (h *host) family(args ...string) (p *process, pids []string) {
	h.Helper()
	p = h.start(append(args, "--", "sh", "-c", family)...)
	pids = strings.Fields(p.line())
	h.Cleanup(func() {
		for _, pid := range pids {
			if n, err := strconv.Atoi(pid); err == nil {
				_ = syscall.Kill(n, syscall.SIGKILL)
			}
		}
	})
	return p, pids
}

// The lease is renewed for as long as the child runs.
func TestLeaseIsRenewed(t *testing.T) {
	h := newHost(t)
	holder := h.hold("lock", "k", "-x", "3s")
	s := h.store()
	first := look(h, s, "k").Holders[0]
	eventually(t, "the lease has outlived its expiry twice", func() bool {
		o := look(h, s, "k")
		if len(o.Holders) != 1 || o.Holders[0].ID != first.ID {
			t.Fatalf("it was lost: %+v; %s", o, holder.errs.String())
		}
		return o.Holders[0].Age > 6*time.Second
	})
	h.want(holder.finish(), 0, "")
	if o := look(h, s, "k"); len(o.Holders) != 0 {
		t.Errorf("it was not released: %+v", o)
	}
}

// Without renewal the child is ended, and dead before another can hold the lock.
func TestChildIsDeadBeforeAnotherHolds(t *testing.T) {
	h := newHost(t)
	holder, pids := h.family("lock", "k", "-x", "4s", "--no-keep-alive")
	next := h.run("lock", "k", "-w", "--", "sh", "-c", "ps -o pid=,stat= -p "+strings.Join(pids, ",")+" | grep -v Z; true")
	h.want(next, 0, "")
	if next.out != "" {
		t.Errorf("another held the lock while the child ran: %q", next.out)
	}
	h.want(holder.end(), 76, "k: the command was ended: its --expiry of 4s is nearly over, and not renewed")
}

// A child that heeds SIGTERM has time to clean up: a fifth of the expiry, up to 2 s.
func TestChildCanCleanUp(t *testing.T) {
	h := newHost(t)
	p := h.start("lock", "k", "-x", "10s", "--no-keep-alive", "--", "sh", "-c",
		"trap 'echo cleaned up; exit 0' TERM; echo ready; while :; do sleep 0.01; done")
	p.expect("ready")
	p.expect("cleaned up")
	if r := p.end(); r.code != 76 || !strings.Contains(r.err, "cachify: k: the command was ended") { // the shell may say something, too
		t.Errorf("got %+v", r)
	}
}

func TestLockTakenByForce(t *testing.T) {
	for _, verb := range [][]string{{"lock"}, {"once"}, {"pool", "--max", "2"}} {
		h := newHost(t)
		holder, pids := h.family(append(verb, "k", "-x", "5s")...)
		r := h.run("release", "k")
		h.want(r, 0, "")
		if !strings.Contains(r.out, "was taken from pid "+strconv.Itoa(holder.Process.Pid)) {
			t.Errorf("got %q", r.out)
		}
		h.want(holder.end(), 76, "k: the command was ended: lease lost")
		for _, pid := range pids {
			eventually(t, "the whole group is gone", func() bool { return gone(pid) })
		}
	}
}

func TestRelease(t *testing.T) {
	h := newHost(t)
	if r := h.run("release", "k"); r.code != 0 || r.out != "k: nobody holds it\n" {
		t.Errorf("got %+v", r)
	}
	lock, pool := h.hold("lock", "k"), h.hold("pool", "k", "--max", "1")
	h.want(h.run("release", "k"), 64, "say which, --lock or --pool")
	h.want(h.run("release", "k", "--once"), 0, "")
	h.want(h.run("release", "k", "--pool"), 0, "")
	h.want(h.run("pool", "k", "--max", "1", "--", "true"), 0, "")
	h.want(h.run("lock", "k", "--", "true"), 75, "k is held")
	h.want(lock.finish(), 0, "")
	h.want(pool.finish(), 76, "k: the lease was lost while the command ran; the command ended by itself, with 0")
}

// kill -9 of the command: the child dies with it, and the others wait for its lease at
// most.
func TestCommandIsKilled(t *testing.T) {
	h := newHost(t)
	p := h.start("lock", "k", "-x", "4s", "--", "sh", "-c", "echo $$; while :; do sleep 0.1; done")
	pid := p.line()
	p.signal(syscall.SIGKILL)
	<-p.ended
	h.want(h.run("lock", "k", "-w", "--", "sh", "-c", "ps -o pid=,stat= -p "+pid+" | grep -v Z; true"), 0, "")
	if !gone(pid) {
		t.Error("the child runs on")
	}
}

// kill -9 of the child: the lock is free at once.
func TestChildIsKilled(t *testing.T) {
	h := newHost(t)
	h.want(h.run("lock", "k", "-x", "1h", "--", "sh", "-c", "kill -9 $$"), 137, "")
	h.want(h.run("lock", "k", "--", "true"), 0, "")
}

// What the child leaves behind in the background does not hold the lock, nor is it
// ended with it.
func TestChildLeavesSomethingBehind(t *testing.T) {
	h := newHost(t)
	r := h.run("lock", "k", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!")
	h.want(r, 0, "")
	pid := strings.TrimSpace(r.out)
	if gone(pid) {
		t.Error("it was ended")
	}
	h.want(h.run("lock", "k", "--", "kill", "-9", pid), 0, "")
}

// A lock of the command is a lock of the library.
func TestSharedWithTheLibrary(t *testing.T) {
	h := newHost(t)
	ctx := context.Background()
	c := h.library()
	lease, err := c.Lock("invoice-42").Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	h.want(h.run("lock", "invoice-42", "--", "true"), 75, "invoice-42 is held by pid "+strconv.Itoa(syscall.Getpid()))
	h.want(h.run("lock", "invoice-42", "--prefix", "X-", "--", "true"), 0, "")
	h.want(h.run("lock", "invoice-42", "--prefix", "", "--", "true"), 0, "")
	if err := lease.Release(ctx); err != nil {
		t.Fatal(err)
	}
	holders := []*process{h.hold("once", "k"), h.hold("pool", "k", "--max", "2")}
	if is, err := c.Once("k").IsLocked(ctx); err != nil || !is {
		t.Errorf("the guard: %v, %v", is, err)
	}
	if n, err := c.Pool("k", 2).Size(ctx); err != nil || n != 1 {
		t.Errorf("the pool: %v, %v", n, err)
	}
	for _, p := range holders {
		h.want(p.finish(), 0, "")
	}
}
