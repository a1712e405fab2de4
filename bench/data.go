package main

import (
	"encoding/json"
	"os"
	"slices"
	"time"
)

// Data is a whole run: what the page and its charts are made of.
type Data struct {
	Date    time.Time     `json:"date"`
	Took    time.Duration `json:"took_ns"`
	Machine Machine       `json:"machine"`
	Groups  []*Group      `json:"groups"`
}

// A Group is a table of things that were measured in turn.
type Group struct {
	ID      string `json:"id"` // in groups, and of its chart's file
	Section string `json:"section"`
	Title   string `json:"title"`
	About   string `json:"about"` // what was done, and what the columns mean

	What string `json:"what"` // that is measured: "acquire + release", "p50"
	Unit string `json:"unit"` // "ns", "pairs/s"
	More bool   `json:"more"` // the larger the better

	// Subject is the row that the others are compared with. Empty: none, the rows are
	// different things.
	Subject string   `json:"subject,omitempty"`
	Columns []Column `json:"columns,omitempty"`
	Rows    []*Row   `json:"rows"`
}

// A Column is something that was measured besides.
type Column struct {
	Key   string `json:"key"` // in Row.Besides
	Title string `json:"title"`
	Unit  string `json:"unit,omitempty"`
}

// A Row is one of the things compared.
type Row struct {
	Name    string               `json:"name"`
	Kind    kind                 `json:"kind"`
	Version string               `json:"version,omitempty"`
	Values  []float64            `json:"values"` // one for each round
	Besides map[string][]float64 `json:"besides,omitempty"`
}

// kind says what a row is, for the page.
type kind string

const (
	ours  kind = "cachify"
	peer  kind = "peer"
	limit kind = "limit" // what does less than is asked for: no peer, but what cachify stands on
	again kind = "again" // the subject, a second time in each round
)

func (d *Data) group(id string) *Group {
	i := slices.IndexFunc(d.Groups, func(g *Group) bool { return g.ID == id })
	if i < 0 {
		return nil
	}
	return d.Groups[i]
}

func (g *Group) row(name string) *Row {
	if g == nil {
		return nil
	}
	i := slices.IndexFunc(g.Rows, func(r *Row) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return g.Rows[i]
}

// value is the median over the rounds of the column key, or of what is measured if
// key is empty.
func (r *Row) value(key string) (float64, bool) {
	xs := r.Values
	if key != "" {
		xs = r.Besides[key]
	}
	if len(xs) == 0 {
		return 0, false
	}
	return median(xs), true
}

// ratio divides a by b, round by round.
func ratio(a, b *Row) spread {
	var xs []float64
	for i := range min(len(a.Values), len(b.Values)) {
		xs = append(xs, a.Values[i]/b.Values[i])
	}
	return spreadOf(xs)
}

// spread is a median with what lies on either side of it.
type spread struct{ median, min, max float64 }

func spreadOf(xs []float64) spread { return spread{median(xs), slices.Min(xs), slices.Max(xs)} }

func median(xs []float64) float64 { return percentile(xs, 50) }

func percentile(xs []float64, p int) float64 {
	s := slices.Sorted(slices.Values(xs))
	return s[min(len(s)*p/100, len(s)-1)]
}

func (d *Data) write(file string) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func readData(file string) (*Data, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := new(Data)
	return d, json.Unmarshal(text, d)
}

// rounds is how often all of the group was measured.
func (g *Group) rounds() int {
	n := 0
	for _, r := range g.Rows {
		n = max(n, len(r.Values))
	}
	return n
}
