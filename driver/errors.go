package driver

import (
	"errors"
	"fmt"
	"time"
)

// What a store can answer other than yes. Every error that is none of these and
// not the ctx's own is a failure of the store, after which the outcome is unknown.
var (
	// ErrHeld: the name is held, or others are before us in the queue. Comes as a
	// [*HeldError].
	ErrHeld = errors.New("held")

	// ErrLost: the lease has expired, was evicted, or never was.
	ErrLost = errors.New("lease lost")

	// ErrLimit: the name is held or waited for under another limit. Comes as a
	// [*LimitError].
	ErrLimit = errors.New("another limit is in force")

	// ErrNotFound: no such record.
	ErrNotFound = errors.New("not found")

	// ErrConflict: the condition of a write or delete does not hold.
	ErrConflict = errors.New("version conflict")

	// ErrInvalid: the request breaks a rule of this package. Nothing was sent.
	ErrInvalid = errors.New("invalid")

	// ErrClosed: the store was closed.
	ErrClosed = errors.New("closed")

	// ErrUnsupported: the store cannot do this at all (see [Lack]).
	ErrUnsupported = errors.New("not supported by this store")
)

// HeldError is the refusal of an acquisition. errors.Is(err, [ErrHeld]) holds.
type HeldError struct {
	Name string // of the request

	// Holder is the ID of one who holds the name, or empty if the store cannot
	// tell at no extra cost.
	Holder string

	// RetryAfter is the time after which asking again may help, because a lease
	// ends then; [NoExpiry] if none does. Never negative.
	RetryAfter time.Duration

	// At is the reading of the store's clock at the refusal.
	At time.Duration
}

func (e *HeldError) Error() string { return fmt.Sprintf("%q is held", e.Name) }

// Is reports whether target is [ErrHeld].
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// LimitError says that two clients disagree about the number of slots of a name.
// errors.Is(err, [ErrLimit]) holds.
type LimitError struct {
	Name string // of the request
	Want int    // what the request said
	Have int    // what is in force
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%q has %d slots, not %d", e.Name, e.Have, e.Want)
}

// Is reports whether target is [ErrLimit].
func (e *LimitError) Is(target error) bool { return target == ErrLimit }
