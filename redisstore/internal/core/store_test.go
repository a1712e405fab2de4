package core

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/go-cachify/cachify/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pretender is a client without a server.
type pretender struct {
	Client // nil: for what is never called

	version, role string
	reply         Reply // to scripts
	err           error
	heeds         bool
	hangs         func() // what it waits for before it answers
	masters       func()
}

func newPretender() *pretender {
	nothing := func() {}
	return &pretender{version: "7.0.0", role: "master", heeds: true, hangs: nothing, masters: nothing}
}

var errRefused = errors.New("refused")

func (p *pretender) Do(_ context.Context, c Command) (Reply, error) {
	if c.Name != "HELLO" {
		return p.reply, p.err
	}
	p.hangs()
	return ListOf([]Reply{
		{Kind: Text, Text: "version"}, {Kind: Text, Text: p.version}, {Kind: Text, Text: "role"}, {Kind: Text, Text: p.role},
	}), p.err
}

func (p *pretender) DoAll(context.Context, []Command) []Result { return []Result{{Err: errRefused}} }

func (p *pretender) Run(context.Context, *Script, []string, []string) (Reply, error) {
	p.hangs()
	return p.reply, p.err
}

func (p *pretender) EachMaster(ctx context.Context, f func(context.Context, Conn) error) error {
	p.masters()
	return f(ctx, p)
}

func (p *pretender) IsReply(err error) bool { return errors.Is(err, errRefused) }

func (p *pretender) HeedsCtx() bool { return p.heeds }

func (p *pretender) store(t *testing.T) *Store {
	t.Helper()
	s, err := New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A server that does not answer when the scripts are loaded delays a start, and does
// not prevent it.
func TestPreloadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPretender()
		p.masters = func() { time.Sleep(time.Hour) }
		start := time.Now()
		p.store(t)
		if took := time.Since(start); took != preloadTimeout {
			t.Errorf("a start took %v, want %v", took, preloadTimeout)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := New(ctx, p); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the ctx's error", err)
		}
		time.Sleep(2 * time.Hour)
	})
}

// A client that does not heed a ctx never keeps a caller, one that does only as long as
// it may be connecting.
func TestRequestsAreGuarded(t *testing.T) {
	for _, heeds := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := newPretender()
			p.heeds = heeds
			p.reply = Reply{Kind: Int, Int: 1}
			s := p.store(t)
			g := driver.Grant{Name: "name", Holder: "me"}
			for range 2 * enoughAnswers {
				if err := s.Release(t.Context(), g); err != nil {
					t.Fatal(err)
				}
			}
			p.hangs = func() { time.Sleep(time.Hour) }
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			err := s.Release(ctx, g)
			want := time.Hour // the pretender does not heed it really
			if !heeds {
				want = time.Second
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the ctx's error", err)
				}
			}
			if took := time.Since(start); took != want {
				t.Errorf("a client that heeds a ctx (%v) kept the caller for %v, want %v", heeds, took, want)
			}
			time.Sleep(2 * time.Hour)
		})
	}
}

// An answer that comes from the deadline itself is the ctx's, also before the ctx
// knows.
func TestDeadlineOfTheConnection(t *testing.T) {
	p := newPretender()
	s := p.store(t)
	p.err = errors.New("i/o timeout")
	if err := s.Release(late{t.Context()}, driver.Grant{Name: "name", Holder: "me"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the ctx's error", err)
	}
}

// late is a ctx whose deadline is over, and that does not know yet.
type late struct{ context.Context }

func (late) Deadline() (time.Time, bool) { return time.Now(), true }

func TestCheckMaster(t *testing.T) {
	p := newPretender()
	if err := CheckMaster(t.Context(), p); err != nil {
		t.Error(err)
	}
	p.role = "replica"
	if err := CheckMaster(t.Context(), p); err == nil || !strings.Contains(err.Error(), "replica") {
		t.Errorf("got %v, want an error about the replica", err)
	}
}

// What no server should say is an error, and nothing else.
func TestStrangeReplies(t *testing.T) {
	p := newPretender()
	s := p.store(t)
	ctx := t.Context()
	g := driver.Grant{Name: "name", Holder: "me"}
	req := driver.AcquireRequest{Name: "name", Holder: "me", Limit: 1, Slots: 1, TTL: time.Second}
	calls := map[string]func() error{
		"Acquire": func() error { _, err := s.Acquire(ctx, req); return err },
		"Extend":  func() error { _, err := s.Extend(ctx, g, time.Second); return err },
		"Release": func() error { return s.Release(ctx, g) },
		"Holders": func() error { _, err := s.Holders(ctx, "name"); return err },
		"Look":    func() error { _, err := s.Look(ctx, "name", "me", time.Second); return err },
		"Load":    func() error { _, err := s.Load(ctx, "name"); return err },
		"Save": func() error {
			_, err := s.Save(ctx, "name", nil, driver.Write{If: driver.IfVersion, Version: 1, TTL: time.Second})
			return err
		},
		"Names": func() error { _, err := s.Names(ctx, "", 1); return err },
	}
	text := Reply{Kind: Text, Text: "what?"}
	for _, reply := range []Reply{
		text, {Kind: Other}, ListOf(nil), ListOf([]Reply{text}), ListOf([]Reply{{Kind: Int, Int: 1}, text}), ListOf([]Reply{text, text, text}),
	} {
		p.reply = reply
		for what, call := range calls {
			if err := call(); err == nil || !strings.Contains(err.Error(), "not understood") {
				t.Errorf("%s, answered with %+v: %v, want an error", what, reply, err)
			}
		}
	}
}

// The replies of the common cases are read without an allocation.
func TestRepliesDoNotAllocate(t *testing.T) {
	pair := []Reply{{Kind: Text, Text: "value"}, {Kind: Int, Int: -1}}
	var r Reply
	if n := testing.AllocsPerRun(100, func() { r = ListOf(pair) }); n > 0 {
		t.Errorf("a pair takes %v allocations", n)
	}
	if r.Kind != Pair || r.Text != "value" || r.Int != -1 {
		t.Errorf("got %+v", r)
	}
	value := ""
	if n := testing.AllocsPerRun(100, func() { value = stringOf(bytesOf(r.Text)) }); n > 0 || value != "value" {
		t.Errorf("a value takes %v allocations", n)
	}
}
