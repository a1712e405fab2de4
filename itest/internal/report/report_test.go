package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-cachify/cachify/itest/internal/check"
	"github.com/go-cachify/cachify/itest/internal/history"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; it is now:\n%s", path, got)
	}
}

const ms = time.Millisecond

// overlap is a history in which two clients hold a lock at a time, and what the rules
// say of it.
func overlap(t *testing.T) ([]history.Event, check.Result) {
	t.Helper()
	var sink history.Memory
	var at time.Duration
	now := func() time.Duration { return at }
	lock := func(rec *history.Recorder, key string, fence uint64, holder string) {
		e := history.Event{Layer: history.User, Op: history.Acquire, Verb: history.Lock, Key: key, Limit: 1, Slots: 1, TTL: 100 * ms}
		id := rec.Call(e)
		at += ms
		rec.Return(id, history.Event{
			Layer: history.User, Op: history.Acquire, Verb: history.Lock, Key: key, Outcome: history.OK,
			Fence: fence, Holder: holder, Deadline: at + 98*ms,
		})
	}
	a, b := history.NewRecorder("a", now, &sink), history.NewRecorder("b", now, &sink)
	faults := history.NewRecorder("faults", now, &sink)
	at = 100 * ms
	lock(a, "elsewhere", 6, "a/1")
	at = 1000 * ms
	lock(a, "k", 7, "a/2 <x>")
	at = 1020 * ms
	id := faults.Call(history.Event{Layer: history.Fault, Fault: "stop", Target: "engine"})
	at = 1030 * ms
	faults.Return(id, history.Event{Layer: history.Fault, Fault: "stop", Target: "engine"})
	at = 1050 * ms
	lock(b, "k", 8, "b/1")
	events := sink.Events()
	r := check.Run(events, check.Config{})
	if len(r.Violations) != 1 {
		t.Fatalf("%d violations, want 1: %+v", len(r.Violations), r.Violations)
	}
	return events, r
}

func TestTotals(t *testing.T) {
	events, r := overlap(t)
	var totals Totals
	totals.Add(events, r)
	r.Violations, r.Overlaps = nil, r.Violations
	r.Undecided = []string{"k"}
	totals.Add(events, r)
	var b bytes.Buffer
	if err := totals.Write(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "totals.txt", b.Bytes())
	if totals.Violated() != 1 {
		t.Errorf("%d violations, want 1", totals.Violated())
	}
}

func TestWindow(t *testing.T) {
	events, r := overlap(t)
	var b bytes.Buffer
	if err := Window(&b, events, r.Violations[0]); err != nil {
		t.Fatal(err)
	}
	golden(t, "window.txt", b.Bytes())
}

func TestSVG(t *testing.T) {
	events, r := overlap(t)
	var b bytes.Buffer
	if err := SVG(&b, events, r.Violations[0]); err != nil {
		t.Fatal(err)
	}
	golden(t, "timeline.svg", b.Bytes())
	for dec := xml.NewDecoder(&b); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
