package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// TestMain prints, behind what the framework prints, the tables that the benchmarks
// have made.
func TestMain(m *testing.M) {
	code := m.Run()
	for _, t := range tables {
		t.print()
	}
	os.Exit(code)
}

// A table collects what belongs side by side.
type table struct {
	title string
	rows  [][]string
}

var tables []*table

func newTable(title string, columns ...string) *table {
	t := &table{title: title, rows: [][]string{columns}}
	tables = append(tables, t)
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print() {
	fmt.Printf("\n%s\n", t.title)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range t.rows {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
}

// spread is a median with what lies on either side of it.
type spread struct{ median, min, max float64 }

func spreadOf(xs []float64) spread { return spread{median(xs), slices.Min(xs), slices.Max(xs)} }

// metrics reports what was measured elsewhere as a benchmark, for benchstat and the like.
func metrics(b *testing.B, name string, values map[string]float64) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		for range b.N { // the framework wants to time something itself
		}
		b.ReportMetric(0, "ns/op") // which means nothing, and is left out
		for unit, v := range values {
			b.ReportMetric(v, unit)
		}
	})
}

// versionOf returns the version of module that go.mod names. Empty: this repository.
func versionOf(module string) string {
	if module == "" {
		return "this"
	}
	text, err := os.ReadFile("go.mod")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require ")); len(f) > 1 && f[0] == module {
			return strings.TrimPrefix(f[1], "v")
		}
	}
	return "unknown"
}
