package cachify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// What can go wrong, to be asked for with errors.Is. They compose: one who waited
// in vain gets an error that is both [ErrLocked] and [ErrTimeout].
var (
	// ErrLocked: the lock is held by another, or the guarded function runs
	// elsewhere. Comes as a [*LockedError].
	ErrLocked = errors.New("already locked")

	// ErrPoolFull: the pool has not enough free slots. Comes as a [*PoolFullError].
	ErrPoolFull = errors.New("pool is full")

	// ErrTimeout: still so when the time to wait was over.
	ErrTimeout = errors.New("timed out waiting")

	// ErrPoolSize: others use the pool with another size. Comes as a [*PoolSizeError].
	ErrPoolSize = errors.New("pool has another size")

	// ErrLost: the store says that the lease is not ours any more: it was released
	// by force, or ran out and is gone.
	ErrLost = driver.ErrLost

	// ErrExpired: by the local clock the lease may have run out. The local clock
	// is always the first to say so.
	ErrExpired = errors.New("lease expired")

	// ErrReleased: the lease was released by its holder.
	ErrReleased = errors.New("lease released")

	// ErrNotInitialized: the global instance was used before [Init].
	ErrNotInitialized = errors.New("cachify is not initialized: call cachify.Init first")

	// ErrInvalid: an argument or option is wrong. Nothing was done.
	ErrInvalid = driver.ErrInvalid

	// ErrClosed: the instance or its store was closed.
	ErrClosed = driver.ErrClosed

	// ErrUnsupported: the store cannot do what is asked for, by its nature.
	ErrUnsupported = driver.ErrUnsupported

	// ErrStore: the store failed. Comes as a [*StoreError].
	ErrStore = errors.New("store failure")

	// ErrNotFound is what a cached function returns to say that what was asked for
	// does not exist. See [NotFoundTTL].
	ErrNotFound = errors.New("not found")

	// ErrGoexit: the function of a load ended its goroutine with runtime.Goexit.
	ErrGoexit = errors.New("the function called runtime.Goexit")
)

// errInstanceClosed is ErrClosed of an instance; the store may be open.
var errInstanceClosed = fmt.Errorf("the instance is %w", ErrClosed)

var errNilContext = fmt.Errorf("%w: the context is nil: pass context.Background() if there is none", ErrInvalid)

// LockedError tells which lock was held, and by whom.
type LockedError struct {
	// Key is the lock's key as the user knows it.
	Key string

	// Holder is one who held it when it was asked for, or empty if the store did
	// not say.
	Holder string

	// RetryAfter is the time after which the holder's lease ends unless it is
	// extended; [NoExpiry] if it does not end.
	RetryAfter time.Duration

	// Waited is how long the caller waited; 0 if it did not.
	Waited time.Duration
}

func (e *LockedError) Error() string { return alreadyLocked(e.Key) + waited(e.Waited) }

// waited is what an error adds if it came after waiting.
func waited(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	if d > time.Millisecond {
		d = d.Round(time.Millisecond)
	}
	return " (waited " + d.String() + ")"
}

// alreadyLocked is the text that py-cachify logs and raises.
func alreadyLocked(key string) string { return key + " is already locked!" }

// Is reports whether target is [ErrLocked] or, after waiting, [ErrTimeout].
func (e *LockedError) Is(target error) bool {
	return target == ErrLocked || target == ErrTimeout && e.Waited > 0
}

// PoolFullError tells which pool was full.
type PoolFullError struct {
	// Key is the pool's key as the user knows it, Size its number of slots.
	Key  string
	Size int

	// Slots is how many slots were wanted.
	Slots int

	// RetryAfter is the time after which a slot's lease ends unless it is
	// extended; [NoExpiry] if none does.
	RetryAfter time.Duration

	// Waited is how long the caller waited; 0 if it did not.
	Waited time.Duration
}

func (e *PoolFullError) Error() string {
	what := fmt.Sprintf("all of its %d slots are taken", e.Size)
	switch {
	case e.Slots > 1:
		what = fmt.Sprintf("fewer than %d of its %d slots are free", e.Slots, e.Size)
	case e.Size == 1:
		what = "its only slot is taken"
	}
	return e.Key + " is full: " + what + waited(e.Waited)
}

// Is reports whether target is [ErrPoolFull] or, after waiting, [ErrTimeout].
func (e *PoolFullError) Is(target error) bool {
	return target == ErrPoolFull || target == ErrTimeout && e.Waited > 0
}

// PoolSizeError tells that two users of a pool disagree about its size.
type PoolSizeError struct {
	Key  string // of the pool, without the instance's prefix
	Size int    // what the caller said
	Have int    // what is in force, as long as somebody holds a slot or waits for one
}

func (e *PoolSizeError) Error() string {
	return fmt.Sprintf("pool %s is used with size %d by others, with size %d here: all must name the same size", e.Key, e.Have, e.Size)
}

// Is reports whether target is [ErrPoolSize].
func (e *PoolSizeError) Is(target error) bool { return target == ErrPoolSize }

// LeaseError tells which lease ended, and how: it wraps [ErrLost], [ErrExpired],
// [ErrReleased], or two of them.
type LeaseError struct {
	Key   string // what was held, without the instance's prefix
	Fence uint64 // of the lease; 0 if the store gives none
	Err   error  // what happened
}

func (e *LeaseError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap returns what happened.
func (e *LeaseError) Unwrap() error { return e.Err }

// ReleaseError tells that a lease could not be given back, although the work under
// it was done while it was held. The lease will run out by itself.
type ReleaseError struct {
	Key string // what was held, without the instance's prefix
	Err error  // why it could not be given back
}

func (e *ReleaseError) Error() string {
	return "releasing " + e.Key + ", which will expire by itself: " + e.Err.Error()
}

// Unwrap returns why.
func (e *ReleaseError) Unwrap() error { return e.Err }

// StoreError is a failure of the store. Whether the operation took place is
// unknown.
type StoreError struct {
	Op  string // "acquire", "load", …
	Key string // as it is in the store; empty if the operation has none
	Err error  // what the store said
}

func (e *StoreError) Error() string {
	if e.Key == "" {
		return "store failed to " + e.Op + ": " + e.Err.Error()
	}
	return "store failed to " + e.Op + " " + e.Key + ": " + e.Err.Error()
}

// Unwrap returns what the store said.
func (e *StoreError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrStore].
func (e *StoreError) Is(target error) bool { return target == ErrStore }

// CodecError tells that a result could not be encoded.
type CodecError struct {
	Key string // of the result, without the instance's prefix
	Err error  // what the codec said
}

func (e *CodecError) Error() string { return "encoding the result for " + e.Key + ": " + e.Err.Error() }

// Unwrap returns what the codec said.
func (e *CodecError) Unwrap() error { return e.Err }

// PanicError is a panic in a function whose result several callers waited for:
// each of them panics with it.
type PanicError struct {
	Value any    // what the function panicked with
	Stack []byte // where
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n\n%s", e.Value, e.Stack) }

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// failure wraps an error of the store that is an answer to nothing, and reports
// it. What the caller did wrong stays as it is.
func (k *core) failure(op, name string, err error) error {
	if err == nil || !isFailure(err) {
		return err
	}
	err = &StoreError{Op: op, Key: name, Err: err}
	if k.Events.StoreFailed != nil && !errors.Is(err, context.Canceled) { // which is somebody's wish
		k.Events.StoreFailed(StoreFailedEvent{Op: op, Key: name, Err: err})
	}
	return err
}

// isFailure reports whether err is none of the answers of package driver.
func isFailure(err error) bool {
	for _, answer := range []error{
		driver.ErrHeld, driver.ErrLost, driver.ErrLimit, driver.ErrNotFound, driver.ErrConflict,
		driver.ErrInvalid, driver.ErrClosed, driver.ErrUnsupported,
	} {
		if errors.Is(err, answer) {
			return false
		}
	}
	return true
}
