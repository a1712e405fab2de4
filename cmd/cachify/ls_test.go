//go:build linux

package main_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-cachify/cachify/driver"
)

// shown is what programs read.
type shown struct {
	Name, Key, Kind      string
	Slots, Used, Waiting int
	Holders              []struct {
		ID, Host, PID string
		Fence         uint64
		Slots         int
		Age           int64  `json:"age_ms"`
		Left          *int64 `json:"left_ms"`
		Foreign       bool
	}
}

func (h *host) json(args ...string) (all []shown) {
	h.Helper()
	r := h.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		h.Fatalf("%v: %+v", err, r)
	}
	return all
}

func TestList(t *testing.T) {
	h := newHost(t)
	if r := h.run("ls"); r.code != 0 || r.out != "Nobody holds anything.\n" {
		t.Errorf("got %+v", r)
	}
	if all := h.json("ls"); len(all) != 0 {
		t.Errorf("got %+v", all)
	}
	h.hold("lock", "deploy", "-x", "20s")
	h.hold("pool", "gpu", "--max", "3", "--slots", "2")
	h.hold("once", "deploy")
	h.hold("lock", "deploy", "--prefix", "OTHER-")
	h.start("lock", "deploy", "-w", "--", "true")
	h.waiting("deploy", 1)

	all := h.json("ls")
	if len(all) != 3 {
		t.Fatalf("got %+v", all)
	}
	lock, once, pool := all[0], all[1], all[2]
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if lock.Name != "PYC-deploy" || lock.Key != "deploy" || lock.Kind != "lock" || lock.Slots != 1 || lock.Used != 1 || lock.Waiting != 1 {
		t.Errorf("got %+v", lock)
	}
	if by := lock.Holders[0]; by.Host != host || by.PID == "" || by.Fence == 0 || by.Slots != 1 || by.Left == nil || *by.Left > 20_000 || by.Foreign {
		t.Errorf("got %+v", by)
	}
	if once.Key != "deploy" || once.Kind != "once" || pool.Key != "gpu" || pool.Kind != "pool" || pool.Slots != 3 || pool.Used != 2 {
		t.Errorf("got %+v and %+v", once, pool)
	}
	if some := h.json("ls", "g"); len(some) != 1 || some[0].Key != "gpu" {
		t.Errorf("got %+v", some)
	}
	r := h.run("ls")
	if !strings.HasPrefix(r.out, "KEY ") || strings.Count(r.out, "\n") != 4 || !strings.Contains(r.out, "pool 2/3") {
		t.Errorf("got %s", r.out)
	}

	if both := h.json("show", "deploy"); len(both) != 2 || both[0].Kind != "lock" || both[1].Kind != "once" {
		t.Errorf("got %+v", both)
	}
	if r := h.run("show", "free"); r.code != 1 || r.out != "Nobody holds free.\n" {
		t.Errorf("got %+v", r)
	}
	if r := h.run("ls", "fr"); r.code != 0 || r.out != "Nobody holds anything that begins with fr.\n" {
		t.Errorf("got %+v", r)
	}
	if none := h.json("show", "free"); len(none) != 0 {
		t.Errorf("got %+v", none)
	}
	h.want(h.run("show"), 64, "there is no key")
	h.want(h.run("ls", "a", "b"), 64, `at most one prefix, not 2: "b" is too much`)
}

// What others have put into a key or a holder does nothing to a terminal.
func TestHostileNames(t *testing.T) {
	h := newHost(t)
	harmless := func(text string) {
		t.Helper()
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' }) {
			t.Errorf("not harmless: %q", text)
		}
	}
	lines := func(text string, want int) {
		t.Helper()
		if n := strings.Count(text, "\n"); n != want {
			t.Errorf("%d lines: %q", n, text)
		}
		harmless(text)
	}
	const key = "\x1b]0;gotcha\a\xff\x9b2J\u202eb"
	_, err := h.store().Acquire(t.Context(), driver.AcquireRequest{
		Name: "PYC-" + key, Holder: "ho\x1b[2Jst\x9b:12\a:abc/1", Limit: 1, Slots: 1, TTL: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	lines(h.run("ls").out, 2)
	lines(h.run("show", key).out, 2)
	r := h.run("lock", key, "--", "true")
	h.want(r, 75, "is held by")
	lines(r.err, 1)
	lines(h.run("lock", "k", "--", key).err, 1)
	h.json("ls")
	lines(h.run("release", key).out, 1)
	lines(h.run("release", key).out, 1)
}
