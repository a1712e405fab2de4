package picklecodec

import (
	"errors"
	"fmt"
)

// ErrNotPlain is what a pickle is refused with that has more than plain values: it
// names classes or calls functions, or has a tuple, a set, a bytearray or the like.
// Comes as a [*FormatError].
var ErrNotPlain = errors.New("not a plain value")

// ErrMalformed is what bytes are refused with that are no pickle. Comes as a
// [*FormatError].
var ErrMalformed = errors.New("not a pickle")

// ErrTooDeep is the error for values that are nested more than 1000 deep, or contain
// themselves. Comes as a [*TypeError] or a [*ValueError].
var ErrTooDeep = errors.New("nested more than 1000 deep, or within itself")

// ErrTooLarge is the error for a pickle that refers to parts of itself so often that
// what it stands for is much larger than itself. Comes as a [*ValueError].
var ErrTooLarge = errors.New("much larger than its pickle")

// FormatError tells why bytes were not read as a pickle of plain values.
type FormatError struct {
	Offset int    // where, in bytes from the start
	Reason string // what is there
	Err    error  // [ErrNotPlain] or [ErrMalformed]
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("pickle: %v: at byte %d: %s", e.Err, e.Offset, e.Reason)
}

// Unwrap returns Err.
func (e *FormatError) Unwrap() error { return e.Err }

// TypeError tells that a Go value or type has no plain form in Python.
type TypeError struct {
	Type   string // the type, as Go writes it
	Path   string // where it stands in the value, as in ".Users[3]"; empty: the value itself
	Reason string // why
	Err    error  // [ErrTooDeep], or nil
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("pickle: %s%s has no plain form in Python: %s", e.Type, at(e.Path), e.Reason)
}

// Unwrap returns Err.
func (e *TypeError) Unwrap() error { return e.Err }

// ValueError tells that a Python value does not go into a Go type.
type ValueError struct {
	Value string // what Python has: its type, and the number if it is one
	Type  string // the Go type
	Path  string // where it stands in the Go value; empty: the value itself
	Err   error  // [ErrTooDeep], [ErrTooLarge], or nil
}

func (e *ValueError) Error() string {
	text := fmt.Sprintf("pickle: Python's %s does not fit in a Go %s%s", e.Value, e.Type, at(e.Path))
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *ValueError) Unwrap() error { return e.Err }

func at(path string) string {
	if path == "" {
		return ""
	}
	return " at " + path
}
