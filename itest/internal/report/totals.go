package report

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/go-cachify/cachify/itest/internal/check"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// Totals counts what a run did and what was found, over all of its rounds. The zero
// value counts nothing yet.
type Totals struct {
	Rounds     int
	Histories  int // keys that were checked one by one
	Operations int // calls by users and in the seam
	Undecided  int // keys of which porcupine could not decide
	Faults     map[string]int
	Violations map[string]int // by rule
	Overlaps   map[string]int // those that the engine's nature excuses
}

// Add counts one round.
func (t *Totals) Add(events []history.Event, r check.Result) {
	if t.Faults == nil {
		t.Faults, t.Violations, t.Overlaps = make(map[string]int), make(map[string]int), make(map[string]int)
	}
	t.Rounds++
	t.Histories += r.Histories
	t.Operations += r.Operations
	t.Undecided += len(r.Undecided)
	for _, e := range events {
		// What has an end has a Call and a Return, and counts once.
		if e.Layer == history.Fault && e.Phase != history.Return && e.Fault != "" {
			t.Faults[e.Fault]++
		}
	}
	for _, v := range r.Violations {
		t.Violations[v.Rule]++
	}
	for _, v := range r.Overlaps {
		t.Overlaps[v.Rule]++
	}
}

// Violated returns the number of violations.
func (t *Totals) Violated() int { return sum(t.Violations) }

// Write writes the table.
func (t *Totals) Write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(what string, n int) { _, _ = fmt.Fprintf(tw, "%d\t\t%s\n", n, what) } // Flush tells
	row("rounds", t.Rounds)
	row("histories checked", t.Histories)
	row("operations", t.Operations)
	row("faults", sum(t.Faults))
	for _, k := range keys(t.Faults) {
		row("  "+k, t.Faults[k])
	}
	row("histories undecided", t.Undecided)
	row("overlaps that the engine's nature excuses", sum(t.Overlaps))
	for _, k := range keys(t.Overlaps) {
		row("  "+k, t.Overlaps[k])
	}
	row("violations", t.Violated())
	for _, k := range keys(t.Violations) {
		row("  "+k, t.Violations[k])
	}
	return tw.Flush()
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
