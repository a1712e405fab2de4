package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Defaults of [Harness].
const (
	ResolutionDefault = time.Millisecond
	SlackDefault      = 250 * time.Millisecond
	UnitDefault       = 100 * time.Millisecond
)

// Harness tells the suite how to get at a store and what to expect of its clock.
// Only New is needed.
type Harness struct {
	// New returns a store, and a function that gives it up or nil. It is called for
	// each rule. Several stores may work on one engine, at the same time if Parallel
	// is set, and the engine may hold other data.
	New func(ctx context.Context) (store driver.Store, cleanup func() error, err error)

	// Second returns another client of the engine that first works on, as another
	// process would have it. Rules about two clients use it as the second one. nil:
	// they use the first store twice.
	Second func(ctx context.Context, first driver.Store) (store driver.Store, cleanup func() error, err error)

	// Close closes a store that New returned; cleanup is still called after it.
	// nil: the store cannot be closed, and no rule asks what happens then.
	Close func(store driver.Store) error

	// Bubble runs each rule, with its calls of New, Second and cleanup, in a bubble
	// of virtual time: [testing/synctest.Test]. The store's goroutines have to end
	// with its cleanup. nil: real time. Check ignores it; who wants it on virtual
	// time calls it in a bubble.
	Bubble func(t *testing.T, f func(t *testing.T))

	// Parallel lets rules run at the same time, in real time only: Run then marks
	// the subtests as parallel (go test's -parallel says how many), and Check runs
	// 16 at a time.
	Parallel bool

	// SharedSpace says that lease names and record keys are one name space on this
	// engine.
	SharedSpace bool

	// Resolution is the step to which the store rounds times to live up.
	// Defaults to 1 ms.
	Resolution time.Duration

	// Slack is how much later than promised things may happen on top of Resolution.
	// Defaults to 250 ms, and to nothing if Bubble is set.
	Slack time.Duration

	// Unit is the time to live of leases and records that have to run out during a
	// rule; the other durations are multiples of it. Defaults to 100 ms or, if that
	// is more, to twice the Resolution.
	Unit time.Duration
}

// Result is what one rule found.
type Result struct {
	Rule Rule // the one that was checked

	// Err is nil if the store keeps the rule.
	Err error

	// Took is how long the rule ran.
	Took time.Duration
}

// Run runs each rule that applies to the store as a subtest with the rule's name.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h = h.withDefaults()
	rules, others, err := h.choose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(others) > 0 {
		t.Log(leftOut(others))
	}
	for _, r := range rules {
		t.Run(r.Name, func(t *testing.T) {
			check := func(t *testing.T) {
				if err := h.try(t.Context(), r); err != nil {
					t.Errorf("%v\nthe rule: %s", err, r.Explains)
				}
			}
			switch {
			case h.Bubble != nil:
				h.Bubble(t, check)
			case h.Parallel:
				t.Parallel()
				check(t)
			default:
				check(t)
			}
		})
	}
}

// leftOut says in one line which rules do not apply, by what they need.
func leftOut(rules []Rule) string {
	var needs []Need
	names := map[Need][]string{}
	for _, r := range rules {
		if names[r.Needs] == nil {
			needs = append(needs, r.Needs)
		}
		names[r.Needs] = append(names[r.Needs], r.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d rules do not apply.", len(rules))
	for _, n := range needs {
		fmt.Fprintf(&b, " Those that need %s: %s.", n, strings.Join(names[n], ", "))
	}
	return b.String()
}

// Check runs the named rules, or all if no name is given, and returns the results
// of those that apply to the store, in the order of [Rules]. The error says that
// there was no store to ask, or no rule of that name.
func Check(ctx context.Context, h Harness, names ...string) ([]Result, error) {
	h = h.withDefaults()
	rules, others, err := h.choose(ctx)
	if err != nil {
		return nil, err
	}
	if rules, err = pick(rules, others, names); err != nil {
		return nil, err
	}

	results := make([]Result, len(rules))
	width := 1
	if h.Parallel {
		width = 16
	}
	slots := make(chan struct{}, width)
	var wg sync.WaitGroup
	for i, r := range rules {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			start := time.Now()
			err := h.try(ctx, r)
			results[i] = Result{Rule: r, Err: err, Took: time.Since(start)}
		})
	}
	wg.Wait()
	return results, nil
}

func pick(rules, others []Rule, names []string) ([]Rule, error) {
	if len(names) == 0 {
		return rules, nil
	}
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
	}
	var picked []Rule
	for _, r := range rules {
		if wanted[r.Name] {
			picked = append(picked, r)
			delete(wanted, r.Name)
		}
	}
	for _, r := range others {
		delete(wanted, r.Name)
	}
	for n := range wanted {
		return nil, fmt.Errorf("storetest: there is no rule %q", n)
	}
	return picked, nil
}

func (h Harness) withDefaults() Harness {
	if h.Resolution <= 0 {
		h.Resolution = ResolutionDefault
	}
	if h.Slack <= 0 && h.Bubble == nil {
		h.Slack = SlackDefault
	}
	if h.Unit <= 0 {
		h.Unit = max(UnitDefault, 2*h.Resolution)
	}
	return h
}

// choose asks a store for what it can do and divides the rules accordingly.
func (h Harness) choose(ctx context.Context) (apply, others []Rule, err error) {
	if h.New == nil {
		return nil, nil, errors.New("storetest: Harness.New is nil: the suite needs a store")
	}
	store, cleanup, err := h.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("storetest: Harness.New: %w", err)
	}
	offered := offers(driver.CapabilitiesOf(store), h)
	if cleanup != nil {
		if err := cleanup(); err != nil {
			return nil, nil, fmt.Errorf("storetest: cleaning up: %w", err)
		}
	}
	for _, r := range Rules() {
		if r.Needs&^offered == 0 {
			apply = append(apply, r)
		} else {
			others = append(others, r)
		}
	}
	return apply, others, nil
}

const (
	// ruleTimeout is how long a rule may take. It is less than [long].
	ruleTimeout = 5 * time.Minute

	// maxTries is how often a rule may be too slow to tell.
	maxTries = 4
)

// try runs the rule, and again with a longer unit as long as it was too slow to
// tell.
func (h Harness) try(ctx context.Context, r Rule) error {
	for tries := 1; ; tries++ {
		err := h.once(ctx, r)
		var slow *slowError
		if !errors.As(err, &slow) || tries == maxTries {
			return err
		}
		h.Unit *= 2
	}
}

func (h Harness) once(ctx context.Context, r Rule) (err error) {
	ctx, cancel := context.WithTimeout(ctx, ruleTimeout)
	defer cancel()

	store, cleanup, err := h.New(ctx)
	if err != nil {
		return fmt.Errorf("Harness.New: %w", err)
	}
	defer closeInto(&err, cleanup)

	other := store
	if h.Second != nil {
		var cleanup func() error
		if other, cleanup, err = h.Second(ctx, store); err != nil {
			return fmt.Errorf("Harness.Second: %w", err)
		}
		defer closeInto(&err, cleanup)
	}

	e := newEnv(h, store, other)
	defer e.tidy(ctx)
	return r.Check(ctx, e)
}

func closeInto(err *error, cleanup func() error) {
	if cleanup == nil {
		return
	}
	if e := cleanup(); e != nil {
		*err = errors.Join(*err, fmt.Errorf("cleaning up: %w", e))
	}
}
