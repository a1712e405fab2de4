package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-cachify/cachify"
)

// table draws entries as lines for people. If there are none, they say so, with which
// of them were looked for.
func table(all []entry, which string) []string {
	if len(all) == 0 {
		return []string{"Nobody holds " + cmp.Or(which, "anything") + "."}
	}
	text := &strings.Builder{}
	w := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "KEY\tKIND\tHELD BY\tPID\tAGE\tLEFT\tWAITING") // into memory
	for _, e := range all {
		kind := e.Kind
		if e.Kind == "pool" {
			kind += fmt.Sprintf(" %d/%d", e.Used, e.Slots)
		}
		key, waiting := printable(e.Key), "-"
		if e.Waiting > 0 {
			waiting = strconv.Itoa(e.Waiting)
		}
		if len(e.Holders) == 0 {
			_, _ = fmt.Fprintf(w, "%s\t%s\tnobody\t-\t-\t-\t%s\n", key, kind, waiting)
		}
		for _, h := range e.Holders {
			by, pid := holderCells(h)
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", key, kind, by, pid, age(h), bar(h.left()), waiting)
			key, kind, waiting = "", "", ""
		}
	}
	_ = w.Flush()
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// holderCells say who holds something.
func holderCells(h holder) (by, pid string) {
	by, pid = printable(h.Host), printable(h.PID)
	switch {
	case h.Foreign && h.ID == "":
		by = "not cachify"
	case h.Foreign:
		by = "not cachify: " + printable(h.ID)
	case h.Host == "":
		by = printable(h.ID)
	}
	if pid == "" {
		pid = "-"
	}
	if h.Slots > 1 {
		by += fmt.Sprintf(" ×%d", h.Slots)
	}
	return by, pid
}

func age(h holder) string {
	if h.AgeMS == 0 {
		return "-"
	}
	return short(time.Duration(h.AgeMS) * time.Millisecond)
}

// bar draws how long a lease lasts. A full one is as long as a lease is by default, or
// longer: how long it was at first is not known.
func bar(left time.Duration) string {
	const cells = 10
	if left == cachify.NoExpiry {
		return strings.Repeat("█", cells) + " no end"
	}
	n := min(int((left*cells+cachify.DefaultLockExpiration-1)/cachify.DefaultLockExpiration), cells)
	if left > cachify.DefaultLockExpiration {
		n = cells
	}
	return strings.Repeat("█", n) + strings.Repeat("░", cells-n) + " " + short(left)
}

// printable quotes what could change the terminal or the table, which takes a byte that
// is no UTF-8 for a sign of its own.
func printable(s string) string {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
