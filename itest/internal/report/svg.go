package report

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-cachify/cachify/itest/internal/check"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// The measures of the picture.
const (
	width   = 960
	leftEnd = 130
	right   = 20
	lane    = 34
	bar     = 14
	line    = 18
	top     = 56
)

// style makes the picture readable on a light and on a dark page. It draws no ground of
// its own.
const style = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 } .small { font-size: 11px; fill: #57606a }
  .held { fill: #1a7f37; opacity: .75 } .op { stroke: #0969da } .shown { stroke: #cf222e; stroke-width: 2 }
  .fault { stroke: #9a6700; stroke-dasharray: 4 3 } .faulttext { font-size: 11px; fill: #9a6700 }
  .when { fill: #cf222e; opacity: .15 } .grid { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 }
    .held { fill: #3fb950 } .op { stroke: #58a6ff } .shown { stroke: #f85149 }
    .fault { stroke: #d29922 } .faulttext { fill: #d29922 } .when { fill: #f85149 } .grid { stroke: #3d444d }
  }
`

// SVG draws what happened around a violation: a lane for each client, with bars for the
// time in which it believed to hold a lease, ticks for what it did, red for what shows
// the violation, and a dashed line over all lanes for each fault.
func SVG(w io.Writer, events []history.Event, v check.Violation) error {
	win := newWindow(events, v)
	p := &picture{window: win, y: make(map[string]int)}
	p.lanes()
	p.axis()
	p.moment()
	for _, b := range check.Beliefs(events) {
		if v.Concerns(history.Event{Layer: history.User, Verb: b.Verb, Key: b.Key}) {
			p.belief(b)
		}
	}
	for _, e := range win.events {
		p.event(e)
	}
	_, err := fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=%s>\n<style>%s</style>\n%s</svg>\n",
		width, p.height(), width, p.height(), attribute(v.Rule+" of "+v.Key), style, p.body.String())
	return err
}

// picture is one SVG under way.
type picture struct {
	*window
	body  strings.Builder
	names []string
	y     map[string]int // of each client's lane
}

// lanes gives each client one, and writes the heads.
func (p *picture) lanes() {
	for _, e := range p.events {
		if e.Layer != history.Fault && !slices.Contains(p.names, e.Client) {
			p.names = append(p.names, e.Client)
		}
	}
	slices.Sort(p.names)
	p.text(8, 20, "title", p.violation.Rule+": "+p.violation.Key)
	p.text(8, 38, "small", shortened(p.violation.Text, 150))
	for i, name := range p.names {
		p.y[name] = top + i*lane
		p.text(8, p.y[name]+lane/2+5, "", name)
	}
}

func (p *picture) bottom() int { return top + len(p.names)*lane }
func (p *picture) height() int { return p.bottom() + 2*line }

// x is where a moment is.
func (p *picture) x(at time.Duration) float64 {
	at = min(max(at, p.from), p.to)
	return leftEnd + (width-leftEnd-right)*float64(at-p.from)/float64(p.to-p.from)
}

// marks is how many times are written below.
const marks = 8

func (p *picture) axis() {
	for i := range marks + 1 {
		at := p.from + (p.to-p.from)*time.Duration(i)/marks
		fmt.Fprintf(&p.body, "<path d=\"M%.1f %d V%d\" class=\"grid\"/>\n", p.x(at), top-6, p.bottom())
		p.text(int(p.x(at))-18, p.bottom()+line, "small", millis(at-p.from-around)+" ms")
	}
}

// moment marks the time of the violation.
func (p *picture) moment() {
	from, to := p.violation.From, p.violation.To
	fmt.Fprintf(&p.body, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" class=\"when\"/>\n",
		p.x(from), top-6, max(p.x(to)-p.x(from), 1), p.bottom()-top+6)
}

func (p *picture) belief(b check.Belief) {
	y, ok := p.y[b.Client]
	if !ok || b.To < p.from || b.From > p.to || b.From == b.To {
		return
	}
	fmt.Fprintf(&p.body, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" class=\"held\"><title>%s</title></rect>\n",
		p.x(b.From), y+(lane-bar)/2, max(p.x(b.To)-p.x(b.From), 1), bar, html.EscapeString(fmt.Sprintf("%s, fence %d", b.Holder, b.Fence)))
}

func (p *picture) event(e history.Event) {
	title := strings.TrimSpace(fmt.Sprintf("%s ms %s %s %s", millis(e.T-p.from-around), e.Op, phase(e.Phase), detail(e)))
	if e.Layer == history.Fault {
		fmt.Fprintf(&p.body, "<path d=\"M%.1f %d V%d\" class=\"fault\"><title>%s</title></path>\n", p.x(e.T), top-6, p.bottom(), html.EscapeString(title))
		if e.Phase != history.Return {
			p.text(int(p.x(e.T))+3, top-8, "faulttext", strings.TrimSpace(e.Fault+" "+e.Target))
		}
		return
	}
	class := "op"
	if p.shows[idOf(e)] {
		class = "shown"
	}
	fmt.Fprintf(&p.body, "<path d=\"M%.1f %d v%d\" class=%q><title>%s</title></path>\n", p.x(e.T), p.y[e.Client]+4, lane-8, class, html.EscapeString(title))
}

func (p *picture) text(x, y int, class, text string) {
	if class != "" {
		class = fmt.Sprintf(" class=%q", class)
	}
	fmt.Fprintf(&p.body, "<text x=\"%d\" y=\"%d\"%s>%s</text>\n", x, y, class, html.EscapeString(text))
}

func attribute(s string) string { return `"` + html.EscapeString(s) + `"` }

func shortened(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
