package demo

import (
	"fmt"
	"html"
	"io"
	"strings"
	"time"
)

// The measures of the picture.
const (
	svgWidth  = 900
	svgLeft   = 60
	svgRight  = 20
	svgRow    = 22
	svgBar    = 14
	svgTitle  = 34
	svgLine   = 20
	svgTop    = 8
	svgBottom = 12
)

// style makes the picture readable on a light and on a dark page. It draws no ground
// of its own.
const style = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 } .small { font-size: 11px; fill: #57606a }
  .inside { fill: #1a7f37 } .waiting { fill: #8c959f } .orphan { fill: none; stroke: #9a6700; stroke-dasharray: 4 3 }
  .dead { stroke: #cf222e; stroke-width: 3 } .grid { stroke: #d0d7de } .good { fill: #1a7f37 } .bad { fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 }
    .inside { fill: #3fb950 } .waiting { fill: #656c76 } .orphan { stroke: #d29922 }
    .dead { stroke: #f85149 } .grid { stroke: #3d444d } .good { fill: #3fb950 } .bad { fill: #f85149 }
  }
`

// picture is an SVG that grows downwards.
type picture struct {
	grid strings.Builder // behind the body
	body strings.Builder
	y    int
	end  time.Duration
}

// SVG writes a history as a picture, with what Check says of it.
func SVG(w io.Writer, history []Event, verdicts []Verdict) error {
	sc := newScene(history)
	p := &picture{y: svgTop, end: sc.end + time.Millisecond}
	for _, part := range sc.parts {
		p.y += svgTitle
		p.text(svgLeft, p.y-12, "title", part.title)
		top := p.y
		for _, r := range part.rows {
			p.row(r)
		}
		p.lines(top-6, p.y)
	}
	p.axis()
	p.legend()
	for _, line := range sc.story() {
		p.y += svgLine
		p.text(svgLeft, p.y, "small", line)
	}
	for _, v := range verdicts {
		p.y += svgLine
		if v.Fault == "" {
			p.text(svgLeft-18, p.y, "good", "✓")
			p.text(svgLeft, p.y, "", v.Rule+": "+v.Seen)
		} else {
			p.text(svgLeft-18, p.y, "bad", "✗")
			p.text(svgLeft, p.y, "bad", v.Rule+": "+v.Fault)
		}
	}
	height := p.y + svgBottom
	_, err := fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"%s\">\n<style>%s</style>\n%s</svg>\n",
		svgWidth, height, svgWidth, height, "A timeline of processes that share a lock and a pool", style, p.grid.String()+p.body.String())
	return err
}

// x is where a moment is.
func (p *picture) x(at time.Duration) float64 {
	return svgLeft + (svgWidth-svgLeft-svgRight)*float64(at)/float64(p.end)
}

func (p *picture) text(x, y int, class, text string) {
	if class != "" {
		class = fmt.Sprintf(" class=%q", class)
	}
	fmt.Fprintf(&p.body, "<text x=\"%d\" y=\"%d\"%s>%s</text>\n", x, y, class, html.EscapeString(text))
}

// bar draws a time, high in the middle of the row at p.y.
func (p *picture) bar(from, to time.Duration, class string, high int, title string) {
	fmt.Fprintf(&p.body, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" class=%q><title>%s</title></rect>\n",
		p.x(from), p.y+(svgRow-high)/2, max(p.x(to)-p.x(from), 1), high, class, html.EscapeString(title))
}

func (p *picture) row(r row) {
	p.text(svgLeft-24, p.y+svgRow-7, "", r.worker)
	for _, t := range r.turns {
		in := t.inAt
		if t.in < 0 {
			in = t.outAt
		}
		p.bar(t.wantsAt, in, "waiting", 2, fmt.Sprintf("%s waits for %v", r.worker, seconds(in-t.wantsAt)))
		if t.in >= 0 {
			p.bar(t.inAt, t.outAt, "inside", svgBar, fmt.Sprintf("%s, fence %d", r.worker, t.fence))
		}
	}
	if r.leaseEnd > 0 {
		p.bar(r.killed, r.leaseEnd, "orphan", svgBar, "its lease lasts")
	}
	if r.killed >= 0 {
		p.cross(p.x(r.killed), p.y+svgRow/2)
	}
	p.y += svgRow
}

func (p *picture) cross(x float64, y int) {
	const half = 6
	fmt.Fprintf(&p.body, "<path d=\"M%.1f %d l%d %d m0 -%d l-%d %d\" class=\"dead\"/>\n",
		x-half, y-half, 2*half, 2*half, 2*half, 2*half, 2*half)
}

// lines draws the seconds behind a part, and not through its title.
func (p *picture) lines(top, bottom int) {
	for at := time.Duration(0); at <= p.end; at += time.Second {
		fmt.Fprintf(&p.grid, "<path d=\"M%.1f %d V%d\" class=\"grid\"/>\n", p.x(at), top, bottom+6)
	}
}

func (p *picture) axis() {
	p.y += svgLine
	for at := time.Duration(0); at <= p.end; at += time.Second {
		p.text(int(p.x(at))-4, p.y, "small", fmt.Sprintf("%ds", at/time.Second))
	}
}

func (p *picture) legend() {
	p.y += svgLine + 4
	x := svgLeft
	for _, l := range []struct{ class, text string }{
		{"waiting", "waits"}, {"inside", "is in"}, {"dead", "killed with -9"}, {"orphan", "dead, its lease lasts"},
	} {
		switch l.class {
		case "dead":
			p.cross(float64(x+8), p.y-4)
		default:
			high := svgBar - 2
			if l.class == "waiting" {
				high = 2
			}
			fmt.Fprintf(&p.body, "<rect x=\"%d\" y=\"%d\" width=\"16\" height=\"%d\" class=%q/>\n", x, p.y-4-high/2, high, l.class)
		}
		p.text(x+22, p.y, "small", l.text)
		x += 40 + 7*len(l.text)
	}
	p.y += 6
}
