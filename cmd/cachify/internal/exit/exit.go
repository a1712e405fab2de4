// Package exit says how the command ends: by which code, and with which words.
package exit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// The exit codes, besides those of the child. 64, 69, 70 and 75 are those of
// sysexits.h, 124 is that of timeout(1), 126 and 127 are those of shells.
const (
	OK          = 0
	Failure     = 1   // doctor found a danger; there is nothing to show
	Usage       = 64  // the command line, a variable or the config file is wrong
	Unavailable = 69  // the store cannot be reached or used
	Software    = 70  // what should not happen
	Held        = 75  // held by another, or the pool is full
	Lost        = 76  // the lease was lost while the child ran
	TimedOut    = 124 // waited, and not acquired
	NotRunnable = 126 // the child's program cannot be executed
	NotFound    = 127 // there is no such program
	signalled   = 128 // and the number of the signal
)

// Error ends the command with a code.
type Error struct {
	Code int
	Err  error // what to say; nil: nothing, because it has been said, or the code says all

	// Raise is the signal to die of, so that a shell sees what has happened and stops
	// a loop or script as well. 0: none, end with Code.
	Raise syscall.Signal

	// Job raises the signal in all of the process group, as the terminal would have
	// done if another group had not been in the foreground.
	Job bool
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns what to say.
func (e *Error) Unwrap() error { return e.Err }

// Silent returns an error that only has a code; nil if that is 0.
func Silent(code int) error {
	if code == OK {
		return nil
	}
	return &Error{Code: code}
}

// Errorf returns an error with a code.
func Errorf(code int, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Usagef is Errorf for what the user wrote wrong.
func Usagef(format string, args ...any) error { return Errorf(Usage, format, args...) }

// BySignal is the code that shells give to what sig has ended.
func BySignal(sig os.Signal) int {
	if s, ok := sig.(syscall.Signal); ok {
		return signalled + int(s)
	}
	return Software
}

// With says on stderr, in one line, why the command ends, and returns its exit code.
// It does not return if the command is to die of a signal.
func With(stderr io.Writer, err error) int {
	if err == nil {
		return OK
	}
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{Code: Software, Err: err}
	}
	if e.Err != nil {
		Say(stderr, "%s", e.Err)
	}
	if e.Raise != 0 {
		raise(e.Raise, e.Job)
	}
	return e.Code
}

// Say writes one line.
func Say(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(stderr, "cachify: %s\n", Harmless(Line(fmt.Sprintf(format, args...)))) // there is nobody else to tell
}

// Line makes one line of what may be several, as the text of joined errors is.
func Line(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
}

// Harmless is s with all escaped that could change a terminal: keys and holders come
// from others.
func Harmless(s string) string {
	text := &strings.Builder{}
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(text, `\x%02x`, s[0])
		} else if unicode.IsPrint(r) {
			text.WriteRune(r)
		} else {
			text.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		s = s[n:]
	}
	return text.String()
}
