//go:build unix

package main_test

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// counting is a child that counts its runs, and writes to both streams.
const counting = `echo run >>runs; echo "out $(wc -l <runs)"; echo err >&2; echo "out again"; exit ${1:-0}`

func (h *host) runs() int { return strings.Count(h.read("runs"), "\n") }

// combined calls the command with both streams going to one place.
func (h *host) combined(args ...string) (string, int) {
	h.Helper()
	out, err := h.command(args...).CombinedOutput()
	return string(out), h.code(err)
}

func TestCachedReplays(t *testing.T) {
	h := newHost(t)
	args := []string{"cached", "k", "--ttl", "10m", "--", "sh", "-c", counting}
	first := h.run(args...)
	if first.code != 0 || first.out != "out 1\nout again\n" || first.err != "err\n" {
		t.Fatalf("got %+v", first)
	}
	if again := h.run(args...); again != first || h.runs() != 1 {
		t.Errorf("got %+v after %d runs", again, h.runs())
	}
	h.want(h.run("reset", "k"), 0, "")
	if anew := h.run(args...); anew.out != "out 2\nout again\n" {
		t.Errorf("after a reset: %+v", anew)
	}
	h.want(h.run("reset", "no-such-key"), 0, "")
}

// The order of the two streams is kept. The child learns by a file that its last line
// has arrived.
func TestCachedKeepsTheOrder(t *testing.T) {
	h := newHost(t)
	const lines = `echo 1; until test -e seen1; do :; done; echo 2 >&2; until test -e seen2; do :; done; echo 3`
	cmd := h.command("cached", "k", "--ttl", "forever", "--", "sh", "-c", lines)
	both, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = to, to
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = to.Close()
	seen := bufio.NewScanner(both)
	for i := 1; seen.Scan(); i++ {
		if seen.Text() != strconv.Itoa(i) {
			t.Errorf("line %d is %q", i, seen.Text())
		}
		h.write("seen"+strconv.Itoa(i), "")
	}
	if err := errors.Join(cmd.Wait(), both.Close()); err != nil {
		t.Fatal(err)
	}
	if out, code := h.combined("cached", "k", "--ttl", "forever", "--", "false"); code != 0 || out != "1\n2\n3\n" {
		t.Errorf("got %q, %d", out, code)
	}
}

func TestCachedFailures(t *testing.T) {
	h := newHost(t)
	args := []string{"cached", "k", "--ttl", "10m", "--", "sh", "-c", counting, "sh", "4"}
	for range 2 {
		if r := h.run(args...); r.code != 4 {
			t.Errorf("got %+v", r)
		}
	}
	if h.runs() != 2 {
		t.Errorf("a failure was remembered")
	}
	args = append([]string{"cached", "k", "--cache-failures"}, args[2:]...)
	first := h.run(args...)
	if again := h.run(args...); again != first || first.code != 4 || h.runs() != 3 {
		t.Errorf("got %+v and %+v after %d runs", first, again, h.runs())
	}
	for range 2 { // a signal is not an outcome
		if r := h.run("cached", "s", "--ttl", "1m", "--cache-failures", "--", "sh", "-c", "echo run >>runs; kill -9 $$"); r.code != 137 {
			t.Errorf("got %+v", r)
		}
	}
	if h.runs() != 5 {
		t.Errorf("%d runs", h.runs())
	}
}

// Those that come while the command runs wait for its result.
func TestCachedRunsOnce(t *testing.T) {
	h := newHost(t)
	p := h.start("cached", "k", "--ttl", "10m", "--", "sh", "-c", "echo run >>runs; echo ready; read -r l; echo result")
	p.expect("ready")
	var waiters []*process
	for range 5 {
		waiters = append(waiters, h.start("cached", "k", "--ttl", "10m", "--", "sh", "-c", "echo run >>runs"))
	}
	h.waiting("k-cached-load", 5)
	waiters[0].signal(syscall.SIGINT) // which leaves alone
	h.want(waiters[0].end(), 130, "")
	_ = p.in.Close()
	p.expect("result")
	h.want(p.end(), 0, "")
	for _, w := range waiters[1:] {
		w.expect("ready")
		w.expect("result")
		h.want(w.end(), 0, "")
	}
	if h.runs() != 1 {
		t.Errorf("%d runs", h.runs())
	}
}

// An old result is better than none.
func TestCachedStale(t *testing.T) {
	h := newHost(t)
	args := func(ttl, script string) []string {
		return []string{"cached", "k", "--ttl", ttl, "--stale", "1h", "--", "sh", "-c", script}
	}
	if r := h.run(args("1m", "echo old")...); r.out != "old\n" {
		t.Fatalf("got %+v", r)
	}
	if r := h.run(args("1m", "echo new")...); r.out != "old\n" {
		t.Errorf("within its time: %+v", r)
	}
	r := h.run(args("1ms", "echo broken; exit 3")...)
	if r.out != "old\n" || r.code != 0 || r.err != "cachify: k: the command failed with 3; this is an older result\n" {
		t.Errorf("while the command fails: %+v", r)
	}
	p := h.start(args("1ms", "echo ready >&2; read -r l; echo new")...)
	s := h.store()
	eventually(t, "it runs", func() bool { return len(look(h, s, "k-cached-refresh").Holders) == 1 })
	if r := h.run(args("1ms", "echo another")...); r.out != "old\n" || r.code != 0 || r.err != "" {
		t.Errorf("while another runs it: %+v", r)
	}
	_ = p.in.Close()
	p.expect("new")
	if r := p.end(); r.code != 0 || r.err != "ready\n" {
		t.Errorf("got %+v", r)
	}
	if r := h.run(args("1m", "echo newer")...); r.out != "new\n" {
		t.Errorf("afterwards: %+v", r)
	}
}

// Who stops reading ends the child as in any pipeline, and leaves no lock behind.
func TestCachedIntoAClosedPipe(t *testing.T) {
	h := newHost(t)
	p := h.start("cached", "k", "--ttl", "1m", "--", "yes")
	p.expect("y")
	_ = p.from.Close()
	if r := p.end(); r.code != 141 {
		t.Errorf("got %+v", r)
	}
	if r := h.run("cached", "k", "--ttl", "1m", "--", "echo", "fine"); r.out != "fine\n" {
		t.Errorf("got %+v", r)
	}
}

// What nobody has read to its end is not remembered: it may be only a part.
func TestCachedRemembersNoPart(t *testing.T) {
	h := newHost(t)
	const much = "echo run >>runs; head -c 60000 /dev/zero; touch wrote"
	for range 2 {
		p := h.start("cached", "k", "--ttl", "1m", "--", "sh", "-c", "read -r go; "+much)
		_ = p.from.Close()
		if r := p.finish(); r.code != 141 || r.err != "" {
			t.Errorf("got %+v", r)
		}
	}
	if r := h.run("cached", "k", "--ttl", "1m", "--", "sh", "-c", much); r.code != 0 || len(r.out) != 60000 || h.runs() != 3 {
		t.Errorf("got %d, %d bytes and %q after %d runs", r.code, len(r.out), r.err, h.runs())
	}
	p := h.start("cached", "k", "--ttl", "1m", "--", "false") // a replay
	_ = p.from.Close()
	if r := p.end(); r.code != 141 || r.err != "" {
		t.Errorf("got %+v", r)
	}
}

// More than fits is shown, and not remembered.
func TestCachedTooMuch(t *testing.T) {
	h := newHost(t)
	args := []string{"cached", "k", "--ttl", "1m", "--", "sh", "-c", "echo run >>runs; head -c 67108865 /dev/zero"}
	for range 2 {
		r := h.run(args...)
		if r.code != 0 || len(r.out) != 67108865 || !strings.Contains(r.err, "too long to be remembered") {
			t.Errorf("got %d, %d bytes, %q", r.code, len(r.out), r.err)
		}
	}
	if h.runs() != 2 {
		t.Errorf("%d runs", h.runs())
	}
}

// What nobody has read is not remembered as if it were all, even if the child does not
// mind.
func TestCachedPartly(t *testing.T) {
	h := newHost(t)
	p := h.start("cached", "k", "--ttl", "1m", "--", "sh", "-c",
		"trap '' PIPE; echo run >>runs; echo a; until test -e go; do sleep 0.01; done; echo b; echo c; exit 0")
	p.expect("a")
	_ = p.from.Close()
	h.write("go", "")
	<-p.ended
	if r := h.run("cached", "k", "--ttl", "1m", "--", "echo", "all of it"); r.out != "all of it\n" {
		t.Errorf("a part was remembered: %+v", r)
	}
}

// Who stops reading what is replayed ends it as any command, without a word.
func TestCachedReplayIntoAClosedPipe(t *testing.T) {
	h := newHost(t)
	h.want(h.run("cached", "k", "--ttl", "1m", "--", "seq", "1", "100000"), 0, "")
	p := h.start("cached", "k", "--ttl", "1m", "--", "false")
	p.expect("1")
	_ = p.from.Close()
	if r := p.end(); r.code != 141 || r.err != "" {
		t.Errorf("got %+v", r)
	}
}
