package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Screen is what a history is drawn on.
type Screen struct {
	Width int  // in characters; at least 40 are used
	Color bool // whether it understands the colours of a terminal
}

// The look of each state. It can be told without its colour.
var looks = map[state]struct{ char, color string }{
	elsewhere: {" ", ""},
	waiting:   {"·", "2"},
	inside:    {"█", "32"},
	dead:      {"✗", "1;31"},
	orphan:    {"░", "33"},
}

// label is the width of what stands before a row.
const label = 6

// Draw draws a history, with what Check says of it.
func (s Screen) Draw(w io.Writer, history []Event, verdicts []Verdict) error {
	sc := newScene(history)
	text := &strings.Builder{}
	for _, p := range sc.parts {
		s.part(text, &sc, p)
	}
	s.axis(text, sc.end)
	text.WriteString("\n" + s.legend() + "\n\n")
	for _, line := range sc.story() {
		s.wrapped(text, line, "")
	}
	if len(sc.kills) > 0 {
		text.WriteString("\n")
	}
	for _, v := range verdicts {
		mark, color := "✓", "32"
		line := v.Rule + ": " + v.Seen
		if v.Fault != "" {
			mark, color, line = "✗", "1;31", v.Rule+": BROKEN: "+v.Fault
		}
		text.WriteString(s.paint(mark, color) + " ")
		s.wrapped(text, line, "  ")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// columns is how many characters there are for the time.
func (s Screen) columns() int { return max(s.Width, 40) - label - 1 }

// span is the time of column i.
func (s Screen) span(i int, end time.Duration) (from, to time.Duration) {
	n := time.Duration(s.columns())
	end += time.Millisecond // so that the last moment is within the last column
	return end * time.Duration(i) / n, end * time.Duration(i+1) / n
}

func (s Screen) part(text *strings.Builder, sc *scene, p part) {
	text.WriteString(s.paint(p.title, "1") + "\n")
	for _, r := range p.rows {
		fmt.Fprintf(text, "%*s ", label-1, r.worker)
		states := make([]state, s.columns())
		for i := range states {
			states[i] = r.at(s.span(i, sc.end))
		}
		s.states(text, states)
	}
	if p.what == Lock {
		text.WriteString("\n")
		return
	}
	line := strings.Builder{}
	for i := range s.columns() {
		from, to := s.span(i, sc.end)
		fmt.Fprint(&line, p.inUse((from+to)/2))
	}
	fmt.Fprintf(text, "%*s %s\n\n", label-1, "used", s.paint(line.String(), "2"))
}

// states writes a row, with a colour for each run of the same state.
func (s Screen) states(text *strings.Builder, states []state) {
	for len(states) > 0 && states[len(states)-1] == elsewhere {
		states = states[:len(states)-1]
	}
	for i := 0; i < len(states); {
		n := i
		for n < len(states) && states[n] == states[i] {
			n++
		}
		look := looks[states[i]]
		text.WriteString(s.paint(strings.Repeat(look.char, n-i), look.color))
		i = n
	}
	text.WriteString("\n")
}

// axis writes the seconds below the rows.
func (s Screen) axis(text *strings.Builder, end time.Duration) {
	line := []rune(strings.Repeat(" ", label+s.columns()))
	last := -1
	for sec := 0; time.Duration(sec)*time.Second <= end; sec++ {
		at := label + int(time.Duration(s.columns())*time.Duration(sec)*time.Second/(end+time.Millisecond))
		name := []rune(fmt.Sprintf("╵%ds", sec))
		if at > last && at+len(name) <= len(line) {
			copy(line[at:], name)
			last = at + len(name)
		}
	}
	text.WriteString(s.paint(strings.TrimRight(string(line), " "), "2") + "\n")
}

// legend says what the characters mean, in as many lines as that needs.
func (s Screen) legend() string {
	indent := strings.Repeat(" ", label)
	text, used := indent, label
	for i, w := range []struct {
		state state
		text  string
	}{
		{waiting, "waits"}, {inside, "is in"}, {dead, "killed with -9"}, {orphan, "dead, its lease lasts"},
	} {
		n := len(w.text) + len("x ")
		switch {
		case i == 0:
		case used+2+n >= max(s.Width, 40):
			text += "\n" + indent
			used = label
		default:
			text += "  "
			used += 2
		}
		used += n
		look := looks[w.state]
		text += s.paint(look.char, look.color) + " " + w.text
	}
	return text
}

func (s Screen) paint(text, color string) string {
	if !s.Color || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// wrapped writes a paragraph, its further lines behind indent; the first one has room
// for that before it.
func (s Screen) wrapped(text *strings.Builder, paragraph, indent string) {
	width := max(s.Width, 40) - 1
	used := len([]rune(indent))
	for i, word := range strings.Fields(paragraph) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case used+1+n > width:
			text.WriteString("\n" + indent)
			used = len([]rune(indent))
		default:
			text.WriteString(" ")
			used++
		}
		text.WriteString(word)
		used += n
	}
	text.WriteString("\n")
}
