package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// The measures of a chart.
const (
	chartWidth = 820
	chartLeft  = 300 // names stand left of it
	chartRight = 130 // and values right of the plot
	chartRow   = 24
	chartTop   = 34
)

// chartStyle makes a chart readable on a light and on a dark page. It has no ground of
// its own, and where the page does not say which it is, the colours are in the middle.
const chartStyle = `
  text { font: 13px system-ui, sans-serif; fill: #768390 }
  .title { font-weight: 600 } .small { font-size: 11px }
  .cachify { fill: #2f81f7; stroke: #2f81f7 } .peer { fill: #8b949e; stroke: #8b949e }
  .limit { fill: #bf8700; stroke: #bf8700 } .again { fill: #79b0f7; stroke: #79b0f7 }
  .spread { stroke: #768390 } .grid { stroke: #8b949e; stroke-opacity: .35 }
  @media (prefers-color-scheme: light) { text { fill: #57606a } .spread { stroke: #24292f } }
  @media (prefers-color-scheme: dark) { text { fill: #9da7b3 } .spread { stroke: #e6edf3 } }
`

// A scale places values. It is linear from 0, or logarithmic where the largest value
// would leave nothing of the smallest to be seen.
type scale struct {
	log      bool
	from, to float64
}

func (g *Group) scale() scale {
	smallest, largest := math.Inf(1), 0.0
	for _, r := range g.Rows {
		s := spreadOf(r.Values)
		if s.min > 0 {
			smallest = min(smallest, s.min)
		}
		largest = max(largest, s.max)
	}
	if largest > 30*smallest {
		return scale{true, math.Pow(10, math.Floor(math.Log10(smallest))), math.Pow(10, math.Ceil(math.Log10(largest)))}
	}
	return scale{false, 0, max(largest, 1e-9)}
}

func (s scale) x(v float64) float64 {
	const width = chartWidth - chartLeft - chartRight
	part := v / s.to
	if s.log {
		part = math.Log(max(v, s.from)/s.from) / math.Log(s.to/s.from)
	}
	return chartLeft + part*width
}

// ticks are values to draw a line at.
func (s scale) ticks() []float64 {
	var at []float64
	if s.log {
		for v := s.from; v <= s.to*1.001; v *= 10 {
			at = append(at, v)
		}
		return at
	}
	step := math.Pow(10, math.Floor(math.Log10(s.to)))
	for _, f := range []float64{.2, .5, 1, 2} {
		if s.to/(step*f) <= 6 {
			step *= f
			break
		}
	}
	for v := 0.0; v <= s.to; v += step {
		at = append(at, v)
	}
	return at
}

// chart draws the medians, and lines from the smallest to the largest measurement. On a
// linear scale they are bars; on a logarithmic one, where lengths mean nothing, points.
func (g *Group) chart() string {
	var b strings.Builder
	s := g.scale()
	bottom := chartTop + chartRow*len(g.Rows)
	unit := g.What
	if g.Unit != "" {
		unit += ", " + g.Unit
	}
	better := "less is better"
	if g.More {
		better = "more is better"
	}
	if s.log {
		better += ", logarithmic"
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n<style>%s</style>\n",
		chartWidth, bottom+26, html.EscapeString(g.Title), chartStyle)
	fmt.Fprintf(&b, `<text class="title" x="8" y="18">%s</text>`+"\n", html.EscapeString(g.Title))
	fmt.Fprintf(&b, `<text class="small" x="%d" y="18" text-anchor="end">%s; %s</text>`+"\n", chartWidth-8, html.EscapeString(unit), better)
	for _, v := range s.ticks() {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", s.x(v), s.x(v), chartTop-4, bottom)
		fmt.Fprintf(&b, `<text class="small" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", s.x(v), bottom+16, number(v))
	}
	for i, r := range g.Rows {
		drawRow(&b, s, r, float64(chartTop+chartRow*i))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func drawRow(b *strings.Builder, s scale, r *Row, y float64) {
	v, middle := spreadOf(r.Values), y+chartRow/2-2
	fmt.Fprintf(b, `<text x="%d" y="%.0f" text-anchor="end">%s</text>`+"\n", chartLeft-8, middle+4, html.EscapeString(r.Name))
	if s.log {
		fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%.0f" r="5"/>`+"\n", r.Kind, s.x(v.median), middle)
	} else {
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%.0f" width="%.1f" height="14" rx="2"/>`+"\n", r.Kind, chartLeft, middle-7, s.x(v.median)-chartLeft)
	}
	if len(r.Values) > 1 {
		fmt.Fprintf(b, `<line class="spread" x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f"/>`+"\n", s.x(v.min), s.x(v.max), middle, middle)
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.0f">%s</text>`+"\n", s.x(slices.Max(r.Values))+10, middle+4, number(v.median))
}
