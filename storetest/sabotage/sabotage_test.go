package sabotage_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
	"github.com/go-cachify/cachify/storetest"
	"github.com/go-cachify/cachify/storetest/sabotage"
)

// harness is for memstore with something around it.
func harness(wrap func(driver.Store) driver.Store) storetest.Harness {
	return storetest.Harness{
		New: func(context.Context) (driver.Store, func() error, error) {
			s, err := memstore.New(nil)
			if err != nil {
				return nil, nil, err
			}
			return wrap(s), s.Close, nil
		},
		Close: func(s driver.Store) error { return s.(interface{ Close() error }).Close() },
		Slack: 1, // virtual time knows no delay
	}
}

// check runs rules in a bubble.
func check(t *testing.T, h storetest.Harness, rules ...string) (results []storetest.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if results, err = storetest.Check(t.Context(), h, rules...); err != nil {
			t.Error(err)
		}
	})
	return results
}

func TestSoundStorePassesAll(t *testing.T) {
	for _, r := range check(t, harness(func(s driver.Store) driver.Store { return s })) {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Rule.Name, r.Err)
		}
	}
}

func TestEachIsCaughtByItsRule(t *testing.T) {
	for _, s := range sabotage.All() {
		t.Run(s.Name, func(t *testing.T) {
			results := check(t, harness(s.Wrap), s.Rule)
			if len(results) != 1 {
				t.Fatalf("rule %s gave %d results, want 1", s.Rule, len(results))
			}
			if results[0].Err == nil {
				t.Errorf("rule %s did not catch it", s.Rule)
			}
			t.Logf("%s: %v", s.Rule, results[0].Err)
		})
	}
}

// A sabotage breaks its promise and few others: a store on which nothing works
// proves nothing.
func TestEachWorksOtherwise(t *testing.T) {
	caught := map[string][]string{}
	var rules []string
	for _, r := range storetest.Rules() {
		if r.Name != "thousand-waiters" { // takes longer than all the others
			rules = append(rules, r.Name)
		}
	}
	for _, s := range sabotage.All() {
		t.Run(s.Name, func(t *testing.T) {
			failed := 0
			for _, r := range check(t, harness(s.Wrap), rules...) {
				if r.Err != nil {
					failed++
					caught[r.Rule.Name] = append(caught[r.Rule.Name], s.Name)
				}
			}
			if failed > len(rules)/4 {
				t.Errorf("%d of %d rules fail, want a quarter at most", failed, len(rules))
			}
		})
	}
	for _, r := range rules {
		t.Logf("rule %s catches %d: %s", r, len(caught[r]), strings.Join(caught[r], ", "))
	}
}

// A second sabotage of the same store must not see the state of the first.
func TestWrapIsFresh(t *testing.T) {
	for _, s := range sabotage.All() {
		caps := driver.CapabilitiesOf(s.Wrap(newStore(t)))
		if caps.Queue == nil || caps.Objects == nil || caps.Inspect == nil || caps.Ping == nil {
			t.Errorf("%s hides capabilities of what it wraps: %+v", s.Name, caps)
		}
	}
}

func TestSabotagesAreDescribed(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, s := range sabotage.All() {
		if !kebab.MatchString(s.Name) || seen[s.Name] {
			t.Errorf("name %q is not in lower case with hyphens, or comes twice", s.Name)
		}
		seen[s.Name] = true
		if len(s.Explains) < 40 || !strings.HasSuffix(s.Explains, ".") {
			t.Errorf("%s: the explanation %q is no sentence", s.Name, s.Explains)
		}
		if !slices.ContainsFunc(storetest.Rules(), func(r storetest.Rule) bool { return r.Name == s.Rule }) {
			t.Errorf("%s: there is no rule %q", s.Name, s.Rule)
		}
	}
}

// poor is a store with nothing but what every store has.
type poor struct{ driver.Store }

func (poor) Capabilities() driver.Capabilities {
	return driver.Capabilities{Lacks: driver.LackExtend | driver.LackLimits | driver.LackFences}
}

func (p poor) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	if req.Limit > 1 && req.Validate() == nil {
		return driver.Grant{}, driver.ErrUnsupported
	}
	g, err := p.Store.Acquire(ctx, req)
	g.Fence = 0
	return g, err
}

func (p poor) Extend(ctx context.Context, _ driver.Grant, ttl time.Duration) (driver.Grant, error) {
	return driver.Grant{}, errors.Join(ctx.Err(), driver.ErrUnsupported)
}

func (p poor) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	o, err := p.Store.Holders(ctx, name)
	for i := range o.Holders {
		o.Holders[i].Fence = 0
	}
	return o, err
}

func TestPoorStoreIsHeldToWhatItClaims(t *testing.T) {
	h := harness(func(s driver.Store) driver.Store { return poor{s} })
	h.Close = nil
	results := check(t, h)
	ran := map[string]bool{}
	for _, r := range results {
		ran[r.Rule.Name] = true
		if r.Err != nil {
			t.Errorf("%s: %v", r.Rule.Name, r.Err)
		}
	}
	for _, name := range []string{"exclusion", "lacks-limits", "lacks-extend", "lacks-fences", "contention-lock", "record-expires"} {
		if !ran[name] {
			t.Errorf("rule %s did not run", name)
		}
	}
	for _, name := range []string{"pool-limit", "extend-longer", "fence-rises", "queue-fifo", "object-round-trip", "names", "ping", "closed"} {
		if ran[name] {
			t.Errorf("rule %s ran on a store that does not claim it", name)
		}
	}
}

func newStore(t *testing.T) driver.Store {
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
