package cli

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/run"
)

// waitingLine shows on a terminal, in place, for what the command waits. A nil one
// shows nothing.
type waitingLine struct {
	mu    sync.Mutex
	out   *os.File
	shown bool
	done  bool
}

// newWaitingLine returns nil if there is no terminal to show it on.
func (a *app) newWaitingLine() *waitingLine {
	if !term.IsTerminal(int(a.err.Fd())) {
		return nil
	}
	return &waitingLine{out: a.err}
}

// event returns what the library is to call while it waits; nil: nothing.
func (l *waitingLine) event() func(cachify.WaitEvent) {
	if l == nil {
		return nil
	}
	return l.show
}

func (l *waitingLine) show(e cachify.WaitEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done || run.InBackground(l.out) { // where a shell has its prompt
		return
	}
	l.shown = true
	text := fmt.Sprintf("cachify: waiting %s for %s: held by %s; %s",
		e.Waited.Round(time.Second), printable(e.Key), nameOf(e.Holder), leaseEnd(e.RetryAfter))
	if width, _, err := term.GetSize(int(l.out.Fd())); err == nil && width > 1 {
		text = clip(text, width-1)
	}
	_, _ = fmt.Fprint(l.out, "\r"+text+"\x1b[K") // what cannot be shown is not shown
}

// clip cuts text to width characters.
func clip(text string, width int) string {
	if r := []rune(text); len(r) > width {
		return string(r[:width])
	}
	return text
}

// clear removes the line, for good.
func (l *waitingLine) clear() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
	if l.shown && !run.InBackground(l.out) {
		_, _ = fmt.Fprint(l.out, "\r\x1b[K")
	}
}

// waited says how long somebody has waited in vain.
func waited(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return " (waited " + short(d) + ")"
}
