//go:build linux

package main_test

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
)

// seen is a line of "watch --json".
type seen struct {
	Event, Name, Key, Kind string
	Waiting                int
	Holder                 *struct{ PID string }
}

// change reads a line of "watch --json".
func (p *process) change() (c seen) {
	p.h.Helper()
	line := p.line()
	if err := json.Unmarshal([]byte(line), &c); err != nil {
		p.h.Fatalf("%v: %s", err, line)
	}
	return c
}

// watched is what a watch shows of a lock that changes hands, on any store.
func watched(h *host) {
	h.Helper()
	first := h.hold("lock", "deploy")
	h.hold("lock", "other")
	w := h.start("watch", "deploy", "--json")
	next := func(event string, waiting int, held bool) {
		h.Helper()
		c := w.change()
		if c.Event != event || c.Name != "PYC-deploy" || c.Key != "deploy" || c.Kind != "lock" || c.Waiting != waiting || (c.Holder != nil) != held {
			h.Fatalf("got %+v, want %s, %d", c, event, waiting)
		}
	}
	next("held", 0, true)
	second := h.start(append([]string{"lock", "deploy", "-w", "--"}, talker...)...)
	next("waiting", 1, false)
	h.want(first.finish(), 0, "")
	second.expect("ready")
	next("freed", 0, true)
	next("held", 0, true)
	next("waiting", 0, false)
	w.signal(syscall.SIGINT)
	h.want(w.end(), 130, "")
}

func TestWatchLines(t *testing.T) { watched(newHost(t)) }

func TestWatchLinesOnRedis(t *testing.T) {
	h := newHost(t)
	h.redis()
	watched(h)
}

// A watch goes on when the store does: it says once that there is no answer, and shows
// what is different when there is one.
func TestWatchOutlivesAnOutage(t *testing.T) {
	h := newHost(t)
	server := h.redis()
	h.hold("lock", "before", "-x", "10m")
	w := h.start("watch", "--json")
	s := h.show(h.command("watch"))
	if c := w.change(); c.Event != "held" || c.Key != "before" {
		t.Fatalf("got %+v", c)
	}
	s.expect("before")
	server.kill()
	s.expect("q ends  as of ")
	s.expect("store unix://")
	eventually(t, "it says that there is no answer", func() bool { return strings.Contains(w.errs.String(), "\n") })
	server.start()
	s.expect("\x1b[HNobody holds anything.\x1b[K")
	h.hold("lock", "after")
	s.expect("after")
	if c := w.change(); c.Event != "freed" || c.Key != "before" {
		t.Errorf("got %+v", c)
	}
	if c := w.change(); c.Event != "held" || c.Key != "after" {
		t.Errorf("got %+v", c)
	}
	s.typed("q")
	if code := s.end(); code != 0 {
		t.Errorf("the one on a terminal ended with %d", code)
	}
	w.signal(syscall.SIGINT)
	r := w.end()
	if r.code != 130 || strings.Count(r.err, "\n") != 2 || !strings.Contains(r.err, "; it is asked again until it answers\n") ||
		!strings.HasSuffix(r.err, "cachify: the store answers again\n") {
		t.Errorf("got %+v", r)
	}
}

// It ends with a store that is gone for good.
func TestWatchEndsWithItsStore(t *testing.T) {
	h := newHost(t)
	h.hold("lock", "k")
	w := h.start("watch", "--json")
	w.change()
	if err := os.Remove(h.file("store.db")); err != nil {
		t.Fatal(err)
	}
	h.want(w.end(), 69, "was removed")
}

func TestWatchOnATerminal(t *testing.T) {
	for key, code := range map[string]int{"q": 0, ctrlC: 130} {
		h := newHost(t)
		s := h.show(h.command("watch"))
		s.expect("\x1b[?1049h")
		s.expect("\x1b[HNobody holds anything.")
		holder := h.hold("lock", "deploy")
		s.expect("\x1b[HKEY ")
		s.expect("deploy")
		h.want(holder.finish(), 0, "")
		s.expect("\x1b[HNobody holds anything.")
		s.typed(key)
		s.expect("\x1b[?1049l")
		if got := s.end(); got != code {
			t.Errorf("it ended with %d, want %d", got, code)
		}
	}
}
