package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// The files that a run writes, in the directory of the documentation.
const (
	pageName   = "benchmarks.md"
	chartsName = "benchmarks" // a directory
	dataName   = "results.json"
)

func dataFile(docs string) string { return filepath.Join(docs, chartsName, dataName) }

// render writes the page and its charts. What was there of an earlier run goes.
func (d *Data) render(docs string) error {
	charts := filepath.Join(docs, chartsName)
	old, err := filepath.Glob(filepath.Join(charts, "*.svg"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	for _, g := range d.Groups {
		if err := writeText(filepath.Join(charts, g.ID+".svg"), g.chart()); err != nil {
			return err
		}
	}
	return writeText(filepath.Join(docs, pageName), d.page())
}

func writeText(file, text string) error {
	return os.WriteFile(file, []byte(text), 0o644)
}

func (d *Data) page() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	m := d.Machine
	p("# Benchmarks\n\n")
	p("This page is made by `make bench`, of measured data only. Do not edit it: `go run ./bench -render` makes it again of\n[the data](%s/%s).\n\n", chartsName, dataName)
	p("| | |\n|---|---|\n")
	for _, row := range [][2]string{
		{"date", d.Date.UTC().Format("2006-01-02 15:04 UTC")},
		{"took", d.Took.Round(time.Second).String()},
		{"machine", fmt.Sprintf("%s, %d cores, %s, %s", m.CPU, m.Cores, m.Memory, m.System)},
		{"load before and after", m.Load[0] + ", " + m.Load[1]},
		{"Go", m.Go},
		{"Redis", m.Redis},
	} {
		p("| %s | %s |\n", row[0], row[1])
	}
	p("\n%s\n", method)
	p("## Aims\n\nWhat the project asks of itself. Ratios are those of the tables below.\n\n")
	table(&b, []string{"what", "aim", "measured", "spread", "met", "floor"}, d.aimRows())
	section := ""
	for _, g := range d.Groups {
		if g.Section != section {
			section = g.Section
			p("\n## %s\n", section)
		}
		p("\n### %s\n\n%s %s.\n\n![%s](%s/%s.svg)\n\n", g.Title, strings.TrimSpace(g.About), plural(g.rounds(), "round"), g.Title, chartsName, g.ID)
		head, rows := g.table()
		table(&b, head, rows)
	}
	return b.String()
}

const method = `## Method

- What is compared takes turns within one run, in rounds; the order rotates. So a machine whose speed drifts, or on
  which others are busy, slows down all of it.
- Numbers are medians over the rounds, with the smallest and the largest. Ratios are taken between measurements of
  the same round; shown are their median, smallest and largest.
- In each group cachify is measured twice a round. The ratio of the two, in the line "again (A/A)", should be 1: what it
  is off, and its spread, is what any other ratio of the group may be off.
- Each library is used as its documentation says, in the version that this table or go.mod names. Rows marked ° are
  no peers: they do less than is asked for, and show what cannot be undercut.
- Commands and their cost are counted at the Redis server.
`

// table writes a Markdown table.
func table(b *strings.Builder, head []string, rows [][]string) {
	line := func(cells []string) {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	line(head)
	b.WriteString("|---" + strings.Repeat("|---:", len(head)-1) + "|\n")
	for _, row := range rows {
		line(row)
	}
}

// table returns the group as cells. The ratio is that of the subject to the row.
func (g *Group) table() (head []string, rows [][]string) {
	unit := g.Unit
	if unit != "" {
		unit = ", " + unit
	}
	head = []string{"", g.What + unit, "min – max"}
	subject := g.row(g.Subject)
	switch {
	case subject == nil:
	case g.More:
		head = append(head, g.Subject+" makes", "min – max")
	default:
		head = append(head, g.Subject+" takes", "min – max")
	}
	for _, c := range g.Columns {
		title := c.Title
		if c.Unit != "" {
			title += ", " + c.Unit
		}
		head = append(head, title)
	}
	head = append(head, "version")
	for _, r := range g.Rows {
		rows = append(rows, g.cells(r, subject))
	}
	return head, rows
}

func (g *Group) cells(r, subject *Row) []string {
	name := r.Name
	switch r.Kind {
	case ours:
		name = "**" + name + "**"
	case limit:
		name += " °"
	case peer, again:
	}
	s := spreadOf(r.Values)
	cells := []string{name, number(s.median), number(s.min) + " – " + number(s.max)}
	switch {
	case subject == nil:
	case r == subject:
		cells = append(cells, "", "")
	default:
		x := ratio(subject, r)
		cells = append(cells, number(x.median)+" ×", number(x.min)+" – "+number(x.max))
	}
	for _, c := range g.Columns {
		cell := ""
		if x, ok := r.value(c.Key); ok {
			cell = number(x)
		}
		cells = append(cells, cell)
	}
	return append(cells, r.Version)
}

// number shows three digits, or all before the point.
func number(x float64) string {
	switch a := math.Abs(x); {
	case a >= endless:
		return "∞"
	case a >= 1000:
		return thousands(strconv.FormatFloat(x, 'f', 0, 64))
	case a >= 100 || x == math.Trunc(x):
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 0.01:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 2, 64)
}

// thousands puts commas into an integer.
func thousands(s string) string {
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "s"):
		return number(float64(n)) + " " + what + "es"
	}
	return number(float64(n)) + " " + what + "s"
}

// atoi is for what this program wrote itself.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// print shows a group while the run goes on.
func (g *Group) print(out io.Writer, took time.Duration) {
	head, rows := g.table()
	_, _ = fmt.Fprintf(out, "\n%s: %s (%s)\n", g.ID, g.Title, took.Round(time.Millisecond))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
}
