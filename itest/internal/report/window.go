package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-cachify/cachify/itest/internal/check"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// around is how much of the history is shown before and after a violation.
const around = 20 * time.Millisecond

// window is the part of a history that shows a violation: what happened to its key from a
// little before the first event that shows it to a little after the last one, and the
// faults of that time.
type window struct {
	violation check.Violation
	from, to  time.Duration
	events    []history.Event
	shows     map[eventID]bool // which of the events show it
}

// eventID is what tells events apart.
type eventID struct {
	layer  history.Layer
	client string
	id     uint64
	phase  history.Phase
}

func idOf(e history.Event) eventID { return eventID{e.Layer, e.Client, e.ID, e.Phase} }

func newWindow(events []history.Event, v check.Violation) *window {
	w := &window{violation: v, from: v.From, to: v.From, shows: make(map[eventID]bool)}
	for _, e := range v.Events {
		w.from, w.to = min(w.from, e.T), max(w.to, e.T)
		w.shows[idOf(e)] = true
	}
	if v.To != history.Forever {
		w.to = max(w.to, v.To)
	}
	w.from, w.to = w.from-around, w.to+around
	for _, e := range events {
		if w.shows[idOf(e)] || w.from <= e.T && e.T <= w.to && v.Concerns(e) {
			w.events = append(w.events, e)
		}
	}
	return w
}

// Window writes what happened around a violation, an event a line. Times are
// milliseconds after the first of the events that show it; those are marked.
func Window(w io.Writer, events []history.Event, v check.Violation) error {
	win := newWindow(events, v)
	var lines bytes.Buffer
	fmt.Fprintf(&lines, "%s: %s\n%s\n", v.Rule, v.Key, v.Text)
	tw := tabwriter.NewWriter(&lines, 0, 0, 2, ' ', 0)
	for _, e := range win.events {
		mark := " "
		if win.shows[idOf(e)] {
			mark = "*"
		}
		_, _ = fmt.Fprintf(tw, "%s\t%10s\t%s\t%s\t%s %s\t%s\n", mark, millis(e.T-win.from-around), e.Client, e.Layer, e.Op, phase(e.Phase), detail(e))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(lines.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func millis(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d)/float64(time.Millisecond)) }

func phase(p history.Phase) string {
	switch p {
	case history.Call:
		return "..."
	case history.Return:
		return "done"
	}
	return ""
}

// detail is what an event says besides who and when.
func detail(e history.Event) string {
	var parts []string
	add := func(ok bool, format string, args ...any) {
		if ok {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(e.Fault != "", "%s %s", e.Fault, e.Target)
	add(e.Outcome != "", "%s", e.Outcome)
	add(e.Key != "", "%s", strings.TrimSpace(string(e.Verb)+" "+e.Key))
	add(e.Holder != "", "holder %s", e.Holder)
	add(e.Fence != 0, "fence %d", e.Fence)
	add(e.Slots > 1 || e.Limit > 1, "slots %d of %d", e.Slots, e.Limit)
	add(e.TTL != 0, "ttl %s", duration(e.TTL))
	add(e.Wait != 0, "wait %s", duration(e.Wait))
	add(e.Patience != 0, "patience %s", duration(e.Patience))
	add(e.Deadline != 0, "believes for %s", duration(left(e)))
	add(e.Value != "", "value %s", e.Value)
	add(e.If != "", "if %s", e.If)
	add(e.Version != 0, "version %d", e.Version)
	add(e.Waiting != 0, "%d waiting", e.Waiting)
	for _, g := range e.Grants {
		add(true, "held by %s, fence %d, %s", g.Holder, g.Fence, duration(g.TTL))
	}
	add(e.Error != "", "(%s)", e.Error)
	return strings.Join(parts, ", ")
}

func left(e history.Event) time.Duration {
	if e.Deadline == history.Forever {
		return history.Forever
	}
	return e.Deadline - e.T
}

func duration(d time.Duration) string {
	if d == history.Forever {
		return "ever"
	}
	return d.Round(time.Microsecond).String()
}
