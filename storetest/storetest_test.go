package storetest_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
	"github.com/go-cachify/cachify/storetest"
)

func newStore(context.Context) (driver.Store, func() error, error) {
	s, err := memstore.New(nil)
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

func closeStore(s driver.Store) error { return s.(*memstore.Store).Close() }

// On virtual time the suite is exact: nothing may be later than the resolution.
func TestVirtualTime(t *testing.T) {
	storetest.Run(t, storetest.Harness{New: newStore, Close: closeStore, Bubble: synctest.Test})
}

// On real time the suite has to be right about a sound store, too.
func TestRealTime(t *testing.T) {
	storetest.Run(t, storetest.Harness{New: newStore, Close: closeStore, Parallel: true})
}

// view is a second client of a memstore.
type view struct{ *memstore.Store }

// Rules about two clients work with two.
func TestSecondClient(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		New: newStore, Close: closeStore, Bubble: synctest.Test,
		Second: func(_ context.Context, first driver.Store) (driver.Store, func() error, error) {
			return view{first.(*memstore.Store)}, nil, nil
		},
	})
}

func TestHarnessErrors(t *testing.T) {
	broken := errors.New("no engine")
	failing := func() error { return broken }
	second := 0
	for name, c := range map[string]struct {
		h     storetest.Harness
		rules []string
		want  error  // of Check, unless in is set
		text  string // in the error
		in    bool   // the result's
	}{
		"no New": {text: "New is nil"},
		"New":    {h: storetest.Harness{New: func(context.Context) (driver.Store, func() error, error) { return nil, nil, broken }}, want: broken, text: "New"},
		"cleanup": {h: storetest.Harness{New: func(ctx context.Context) (driver.Store, func() error, error) {
			s, _, err := newStore(ctx)
			return s, failing, err
		}}, want: broken, text: "cleaning up"},
		"a rule that there is not": {h: storetest.Harness{New: newStore}, rules: []string{"exclusion", "no-such-rule"}, text: `"no-such-rule"`},
		"Second": {
			h: storetest.Harness{New: newStore, Second: func(context.Context, driver.Store) (driver.Store, func() error, error) {
				return nil, nil, broken
			}},
			rules: []string{"exclusion"}, want: broken, text: "Second", in: true,
		},
		"cleanup of Second": {
			h: storetest.Harness{New: newStore, Second: func(_ context.Context, s driver.Store) (driver.Store, func() error, error) {
				second++
				return s, failing, nil
			}},
			rules: []string{"exclusion"}, want: broken, text: "cleaning up", in: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := storetest.Check(t.Context(), c.h, c.rules...)
			if c.in {
				if err != nil || len(results) != 1 {
					t.Fatalf("got %d results, error %v, want one result", len(results), err)
				}
				err = results[0].Err
			}
			if err == nil || !strings.Contains(err.Error(), c.text) || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("got error %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
	if second != 1 {
		t.Errorf("Second was called %d times, want once", second)
	}
}

func TestRulesThatDoNotApplyAreLeftOut(t *testing.T) {
	results, err := storetest.Check(t.Context(), storetest.Harness{New: newStore, SharedSpace: true, Parallel: true},
		"exclusion", "closed", "record-lease-apart", "lacks-fences")
	if err != nil || len(results) != 1 || results[0].Rule.Name != "exclusion" || results[0].Err != nil {
		t.Errorf("got %+v, error %v, want the result of exclusion", results, err)
	}
}

// stalls is a store whose first calls take so long that a lease is over before the
// rule can look at it.
type stalls struct {
	*memstore.Store
	left *atomic.Int64
}

// Enqueue takes its second on virtual time.
func (s stalls) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	if s.left.Add(-1) >= 0 {
		time.Sleep(time.Second)
	}
	return s.Store.Enqueue(ctx, req, patience)
}

// A rule that was too slow to tell is tried again, and says so if it never can.
func TestTooSlowIsTriedAgain(t *testing.T) {
	for calls, ok := range map[int64]bool{0: true, 2: true, 1000: false} {
		synctest.Test(t, func(t *testing.T) {
			var left atomic.Int64
			left.Store(calls)
			h := storetest.Harness{New: func(ctx context.Context) (driver.Store, func() error, error) {
				s, cleanup, err := newStore(ctx)
				if err != nil {
					return nil, nil, err
				}
				return stalls{s.(*memstore.Store), &left}, cleanup, nil
			}}
			results, err := storetest.Check(t.Context(), h, "expiry-hands-over")
			if err != nil || len(results) != 1 {
				t.Fatalf("got %d results, error %v, want one result", len(results), err)
			}
			switch err := results[0].Err; {
			case ok && err != nil:
				t.Errorf("%d slow calls: %v", calls, err)
			case !ok && (err == nil || !strings.Contains(err.Error(), "too slow to tell")):
				t.Errorf("%d slow calls: got error %v, want one that says so", calls, err)
			}
		})
	}
}

func TestNeedString(t *testing.T) {
	for need, want := range map[storetest.Need]string{
		0:                   "",
		storetest.NeedQueue: "queue",
		storetest.NeedLimits | storetest.NeedNoFences: "limits, no fences",
	} {
		if got := need.String(); got != want {
			t.Errorf("Need %d is %q, want %q", need, got, want)
		}
	}
}

func TestRulesAreDescribed(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, r := range storetest.Rules() {
		if !kebab.MatchString(r.Name) || seen[r.Name] {
			t.Errorf("rule name %q is not in lower case with hyphens, or comes twice", r.Name)
		}
		seen[r.Name] = true
		if len(r.Explains) < 40 || !strings.HasSuffix(r.Explains, ".") {
			t.Errorf("rule %s: the explanation %q is no sentence", r.Name, r.Explains)
		}
		if r.Check == nil {
			t.Errorf("rule %s has no check", r.Name)
		}
	}
}

// doctored is a store whose engine has findings.
type doctored struct {
	*memstore.Store
	found []driver.Finding
	also  func(s *memstore.Store)
}

func (d doctored) Examine(ctx context.Context) ([]driver.Finding, error) {
	if err := d.Ping(ctx); err != nil { // the ctx has ended, or the store is closed
		return nil, err
	}
	d.also(d.Store)
	return d.found, nil
}

func TestExamine(t *testing.T) {
	nothing := func(*memstore.Store) {}
	good := driver.Finding{Severity: driver.SeverityWarning, Code: "no-aof", Problem: "p", Advice: "a"}
	with := func(change func(f *driver.Finding)) []driver.Finding {
		f := good
		change(&f)
		return []driver.Finding{good, f}
	}
	releases := func(s *memstore.Store) {
		names, err := s.Names(context.Background(), "", 1000)
		if err != nil {
			panic(err)
		}
		for _, name := range names {
			_ = s.Evict(context.Background(), name)
		}
	}
	for what, c := range map[string]struct {
		store doctored
		text  string // of the error; empty: none
	}{
		"nothing":           {doctored{also: nothing}, ""},
		"a finding":         {doctored{found: []driver.Finding{good}, also: nothing}, ""},
		"no severity":       {doctored{found: with(func(f *driver.Finding) { f.Severity = 0 }), also: nothing}, "severity 0"},
		"a severity beyond": {doctored{found: with(func(f *driver.Finding) { f.Severity = 9 }), also: nothing}, "severity 9"},
		"no code":           {doctored{found: with(func(f *driver.Finding) { f.Code = "" }), also: nothing}, "the code"},
		"a code in words":   {doctored{found: with(func(f *driver.Finding) { f.Code = "No AOF" }), also: nothing}, "No AOF"},
		"no problem":        {doctored{found: with(func(f *driver.Finding) { f.Problem = "" }), also: nothing}, "the problem"},
		"no advice":         {doctored{found: with(func(f *driver.Finding) { f.Advice = "" }), also: nothing}, "the advice"},
		"changes something": {doctored{also: releases}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := storetest.Harness{
				New: func(ctx context.Context) (driver.Store, func() error, error) {
					s, cleanup, err := newStore(ctx)
					if err != nil {
						return nil, nil, err
					}
					d := c.store
					d.Store = s.(*memstore.Store)
					return d, cleanup, nil
				},
				Close: func(s driver.Store) error { return s.(doctored).Close() },
			}
			results, err := storetest.Check(t.Context(), h, "examine", "ctx-ended", "closed")
			if err != nil || len(results) != 3 {
				t.Fatalf("%s: got %d results, error %v, want 3", what, len(results), err)
			}
			for _, r := range results {
				wrong := r.Rule.Name == "examine" && (c.text != "" || what == "changes something")
				switch {
				case wrong && (r.Err == nil || !strings.Contains(r.Err.Error(), c.text)):
					t.Errorf("%s: rule %s: %v, want an error with %q", what, r.Rule.Name, r.Err, c.text)
				case !wrong && r.Err != nil:
					t.Errorf("%s: rule %s: %v", what, r.Rule.Name, r.Err)
				}
			}
		})
	}
}
