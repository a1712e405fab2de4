package clienttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-cachify/cachify/kvstore"
)

// Defaults of [Harness].
const (
	ResolutionDefault = time.Millisecond
	SlackDefault      = 250 * time.Millisecond
	UnitDefault       = 100 * time.Millisecond
	RoundsDefault     = 100
)

// Harness tells the suite how to get at a client and what to expect of its clock.
// Only New is needed.
type Harness struct {
	// New returns a client, and a function that gives it up or nil. It is called for
	// each rule. Several clients may work on one engine, at the same time if Parallel
	// is set, and the engine may hold other data.
	New func(ctx context.Context) (client kvstore.Client, cleanup func() error, err error)

	// Second returns another client of the engine that first works on, as another
	// process would have it, which can swap if first can. In rules about races every
	// other goroutine uses it. nil: all use the first client.
	Second func(ctx context.Context, first kvstore.Client) (client kvstore.Client, cleanup func() error, err error)

	// Bubble runs each rule, with its calls of New, Second and cleanup, in a bubble
	// of virtual time: [testing/synctest.Test]. The client's goroutines have to end
	// with its cleanup. nil: real time. Check ignores it; who wants it on virtual
	// time calls it in a bubble.
	Bubble func(t *testing.T, f func(t *testing.T))

	// Parallel lets rules run at the same time, in real time only: Run then marks
	// the subtests as parallel (go test's -parallel says how many), and Check runs
	// 16 at a time.
	Parallel bool

	// Resolution is the step to which the client rounds times to live up.
	// Defaults to 1 ms.
	Resolution time.Duration

	// Slack is how much later than promised values may end on top of Resolution.
	// Defaults to 250 ms, and to nothing if Bubble is set.
	Slack time.Duration

	// Unit is about the time to live of values that have to run out during a rule.
	// Defaults to 100 ms or, if that is more, to twice the Resolution.
	Unit time.Duration

	// Rounds is how often each rule about races repeats its race. Defaults to 100.
	Rounds int
}

// Result is what one rule found.
type Result struct {
	Rule Rule // the one that was checked

	// Err is nil if the client keeps the rule. Otherwise it says what was expected
	// and what happened instead.
	Err error

	// Took is how long the rule ran.
	Took time.Duration
}

// Run runs each rule that applies to the client as a subtest with the rule's name.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h = h.withDefaults()
	rules, others, err := h.choose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(others) > 0 {
		t.Logf("the client has no CompareAndSwap, so %d rules do not apply: %s", len(others), strings.Join(names(others), ", "))
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

// Check runs the named rules, or all if no name is given, and returns the results
// of those that apply to the client, in the order of [Rules]. The error says that
// there was no client to ask, or no rule of that name.
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
		return nil, fmt.Errorf("clienttest: there is no rule %q", n)
	}
	return picked, nil
}

func names(rules []Rule) []string {
	var all []string
	for _, r := range rules {
		all = append(all, r.Name)
	}
	return all
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
	if h.Rounds <= 0 {
		h.Rounds = RoundsDefault
	}
	return h
}

// choose looks whether a client can swap and divides the rules accordingly.
func (h Harness) choose(ctx context.Context) (apply, others []Rule, err error) {
	if h.New == nil {
		return nil, nil, errors.New("clienttest: Harness.New is nil: the suite needs a client")
	}
	client, cleanup, err := h.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("clienttest: Harness.New: %w", err)
	}
	if cleanup != nil {
		if err := cleanup(); err != nil {
			return nil, nil, fmt.Errorf("clienttest: cleaning up: %w", err)
		}
	}
	if client == nil {
		return nil, nil, errors.New("clienttest: Harness.New returned nil: the suite needs a client")
	}
	_, swaps := client.(kvstore.CompareAndSwapper)
	for _, r := range Rules() {
		if swaps || !r.Swaps {
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

	client, cleanup, err := h.New(ctx)
	if err != nil {
		return fmt.Errorf("Harness.New: %w", err)
	}
	defer closeInto(&err, cleanup)

	other := client
	if h.Second != nil {
		var cleanup func() error
		if other, cleanup, err = h.Second(ctx, client); err != nil {
			return fmt.Errorf("Harness.Second: %w", err)
		}
		defer closeInto(&err, cleanup)
	}

	p := newProbe(ctx, h, client, other)
	if r.Swaps && (p.swappers[0] == nil || p.swappers[1] == nil) {
		return errors.New("the first client that Harness.New returned can compare and swap, this one or that of Harness.Second cannot")
	}
	defer p.tidy()
	return stopped(func() { r.check(p) })
}

func closeInto(err *error, cleanup func() error) {
	if cleanup == nil {
		return
	}
	if e := cleanup(); e != nil {
		*err = errors.Join(*err, fmt.Errorf("cleaning up: %w", e))
	}
}
