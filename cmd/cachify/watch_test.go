//go:build linux

package main_test

import (
	"encoding/json"
	"syscall"
	"testing"
)

func TestWatchLines(t *testing.T) {
	h := newHost(t)
	first := h.hold("lock", "deploy")
	h.hold("lock", "other")
	w := h.start("watch", "deploy", "--json")
	next := func(event string, waiting int, held bool) {
		t.Helper()
		line, err := w.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		c := struct {
			Event, Name, Key, Kind string
			Waiting                int
			Holder                 *struct{ PID string }
		}{}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.Event != event || c.Name != "PYC-deploy" || c.Key != "deploy" || c.Kind != "lock" || c.Waiting != waiting || (c.Holder != nil) != held {
			t.Fatalf("got %s, want %s, %d", line, event, waiting)
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
