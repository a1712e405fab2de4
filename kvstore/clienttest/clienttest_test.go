package clienttest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/kvstore"
	"github.com/go-cachify/cachify/kvstore/clienttest"
)

func newPlain(context.Context) (kvstore.Client, func() error, error) {
	return client{newEngine()}, nil, nil
}

func newSwapper(context.Context) (kvstore.Client, func() error, error) {
	return swapper{client{newEngine()}}, nil, nil
}

// On virtual time the suite is exact: nothing may be later than the resolution.
func TestVirtualTime(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		clienttest.Run(t, clienttest.Harness{New: newPlain, Bubble: synctest.Test})
	})
	t.Run("swapping", func(t *testing.T) {
		clienttest.Run(t, clienttest.Harness{New: newSwapper, Bubble: synctest.Test})
	})
}

// On real time the suite has to be right about a sound client, too.
func TestRealTime(t *testing.T) {
	clienttest.Run(t, clienttest.Harness{New: newSwapper, Parallel: true})
}

// ownLock is a client that is atomic, but only among those who use the same one.
type ownLock struct{ *broken }

func newOwnLock(e *engine) ownLock {
	b := &broken{swapper: swapper{client{e}}}
	mine := make(chan struct{}, 1) // a mutex that one can wait for on virtual time
	b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
		mine <- struct{}{}
		defer func() { <-mine }()
		if ok, err := b.finds(ctx, key, old); !ok || err != nil {
			return false, err
		}
		gap()
		return b.drop(key), nil
	}
	b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
		mine <- struct{}{}
		defer func() { <-mine }()
		return b.swapper.SetIfAbsent(ctx, key, v, ttl)
	}
	return ownLock{b}
}

// Only a second client shows that the first one's atomicity is its own.
func TestSecondClient(t *testing.T) {
	for _, second := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := clienttest.Harness{New: func(context.Context) (kvstore.Client, func() error, error) {
				return plain{newOwnLock(newEngine())}, nil, nil
			}}
			if second {
				h.Second = func(_ context.Context, first kvstore.Client) (kvstore.Client, func() error, error) {
					return plain{newOwnLock(first.(plain).Client.(ownLock).engine)}, nil, nil
				}
			}
			results, err := clienttest.Check(t.Context(), h, "race-delete-set")
			if err != nil || len(results) != 1 {
				t.Fatalf("got %d results, error %v, want one result", len(results), err)
			}
			if got := results[0].Err != nil; got != second {
				t.Errorf("second client %v: got error %v", second, results[0].Err)
			}
		})
	}
}

// slowClient takes a while for each set, maybe longer than what it sets lasts.
type slowClient struct {
	client
	delay time.Duration
}

// SetIfAbsent takes its time on virtual time.
func (c slowClient) SetIfAbsent(ctx context.Context, key string, b []byte, ttl time.Duration) (bool, error) {
	ok, err := c.client.SetIfAbsent(ctx, key, b, ttl)
	time.Sleep(c.delay)
	return ok, err
}

// A rule that was too slow to tell is tried again, and says so if it never can.
func TestTooSlowIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		delay time.Duration
		ok    bool
	}{{0, true}, {300 * time.Millisecond, true}, {time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			results, err := clienttest.Check(t.Context(), clienttest.Harness{
				New: func(context.Context) (kvstore.Client, func() error, error) {
					return slowClient{client{newEngine()}, c.delay}, nil, nil
				},
			}, "ttl-of-its-own")
			if err != nil || len(results) != 1 {
				t.Fatalf("got %d results, error %v, want one result", len(results), err)
			}
			switch err := results[0].Err; {
			case c.ok && err != nil:
				t.Errorf("a delay of %v: %v", c.delay, err)
			case !c.ok && (err == nil || !strings.Contains(err.Error(), "too slow to tell")):
				t.Errorf("a delay of %v: got error %v, want one that says so", c.delay, err)
			}
		})
	}
}

// far is a sound client at the end of a slow line.
func far(delay time.Duration) kvstore.Client {
	b := &broken{swapper: swapper{client{newEngine()}}}
	line := func() { time.Sleep(rand.N(delay)) } // on virtual time
	over := func(call func() (bool, error)) (bool, error) {
		line()
		defer line()
		return call()
	}
	b.get = func(ctx context.Context, key string) (v []byte, ok bool, err error) {
		_, _ = over(func() (bool, error) { v, ok, err = b.swapper.Get(ctx, key); return ok, err })
		return v, ok, err
	}
	b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
		return over(func() (bool, error) { return b.swapper.SetIfAbsent(ctx, key, v, ttl) })
	}
	b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
		return over(func() (bool, error) { return b.swapper.CompareAndDelete(ctx, key, old) })
	}
	b.swap = func(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
		return over(func() (bool, error) { return b.swapper.CompareAndSwap(ctx, key, old, v, ttl) })
	}
	return b
}

// A slow line is no reason to call a sound client broken, however little slack it is
// given: the rules count from before a request and from after a reply.
func TestSlowLineIsNoFault(t *testing.T) {
	for _, delay := range []time.Duration{2 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			results, err := clienttest.Check(t.Context(), clienttest.Harness{
				New:   func(context.Context) (kvstore.Client, func() error, error) { return far(delay), nil, nil },
				Slack: 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				if r.Err != nil {
					t.Errorf("up to %v: %s: %v", delay, r.Rule.Name, r.Err)
				}
			}
		})
	}
}

func TestHarnessErrors(t *testing.T) {
	down := errors.New("no engine")
	failing := func() error { return down }
	for name, c := range map[string]struct {
		h    clienttest.Harness
		rule string
		want error // of Check, unless in is set
		text string
		in   bool // the result's
	}{
		"no New":        {text: "New is nil"},
		"New":           {h: clienttest.Harness{New: func(context.Context) (kvstore.Client, func() error, error) { return nil, nil, down }}, want: down, text: "New"},
		"no client":     {h: clienttest.Harness{New: func(context.Context) (kvstore.Client, func() error, error) { return nil, nil, nil }}, text: "returned nil"},
		"cleanup":       {h: clienttest.Harness{New: func(context.Context) (kvstore.Client, func() error, error) { return client{newEngine()}, failing, nil }}, want: down, text: "cleaning up"},
		"no such rule":  {h: clienttest.Harness{New: newPlain}, rule: "no-such-rule", text: `"no-such-rule"`},
		"Second":        {h: withSecond(nil, nil, down), rule: "set-and-get", want: down, text: "Second", in: true},
		"its cleanup":   {h: withSecond(swapper{client{newEngine()}}, failing, nil), rule: "get-absent", want: down, text: "cleaning up", in: true},
		"it can't swap": {h: withSecond(client{newEngine()}, nil, nil), rule: "swap-equal", text: "cannot", in: true},
	} {
		t.Run(name, func(t *testing.T) {
			var rules []string
			if c.rule != "" {
				rules = append(rules, c.rule)
			}
			results, err := clienttest.Check(t.Context(), c.h, rules...)
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
}

func withSecond(c kvstore.Client, cleanup func() error, err error) clienttest.Harness {
	return clienttest.Harness{
		New: newSwapper,
		Second: func(context.Context, kvstore.Client) (kvstore.Client, func() error, error) {
			return c, cleanup, err
		},
	}
}

func TestRulesThatDoNotApplyAreLeftOut(t *testing.T) {
	results, err := clienttest.Check(t.Context(), clienttest.Harness{New: newPlain}, "swap-equal", "set-refused")
	if err != nil || len(results) != 1 || results[0].Rule.Name != "set-refused" || results[0].Err != nil {
		t.Errorf("got %+v, error %v, want the result of set-refused", results, err)
	}
}

// What a rule has set is not left behind.
func TestTidy(t *testing.T) {
	e := newEngine()
	synctest.Test(t, func(t *testing.T) {
		_, err := clienttest.Check(t.Context(), clienttest.Harness{
			New: func(context.Context) (kvstore.Client, func() error, error) { return swapper{client{e}}, nil, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		for key := range e.values {
			if _, ok := e.find(key); ok {
				t.Errorf("%q is left behind", key)
			}
		}
	})
}

func TestRulesAreDescribed(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, r := range clienttest.Rules() {
		if !kebab.MatchString(r.Name) || seen[r.Name] {
			t.Errorf("rule name %q is not in lower case with hyphens, or comes twice", r.Name)
		}
		seen[r.Name] = true
		if len(r.Explains) < 40 || !strings.HasSuffix(r.Explains, ".") {
			t.Errorf("rule %s: the explanation %q is no sentence", r.Name, r.Explains)
		}
	}
}
