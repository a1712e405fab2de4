package cachify

import (
	"fmt"
	"math"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Forever as the argument of [Wait] means until the ctx ends.
const Forever time.Duration = math.MaxInt64

// Options are interfaces, one for each verb and form, so that an option which makes
// no sense does not compile. What is said twice: the last one counts.
type (
	// LockOption is an option of [Cachify.Lock] and [Locked].
	LockOption interface {
		LockedOption
		lockOption(settings) settings
	}

	// LockedOption is an option of [Locked].
	LockedOption interface{ lockedOption(settings) settings }

	// OnceOption is an option of [Cachify.Once] and [Once].
	OnceOption interface {
		OnceFuncOption
		onceOption(settings) settings
	}

	// OnceFuncOption is an option of [Once].
	OnceFuncOption interface{ onceFuncOption(settings) settings }

	// PoolOption is an option of [Cachify.Pool] and [Pooled].
	PoolOption interface {
		PooledOption
		poolOption(settings) settings
	}

	// PooledOption is an option of [Pooled].
	PooledOption interface{ pooledOption(settings) settings }
)

// settings is what the options of one lock, guard or pool say together. Options
// pass it by value, so that it need not live on the heap.
type settings struct {
	leaseSettings

	// For the wrapped forms, whose types the constructor checks.
	fallback   any // func(context.Context, A) (R, error)
	returnThis any // R
	keyFunc    any // func(A) string

	err error // what is wrong with the first option that is
}

// leaseSettings are those that an acquisition and its lease go by, once the options
// are known to be right.
type leaseSettings struct {
	wait      time.Duration // 0: not at all
	expiry    time.Duration // 0: the instance's default
	minHold   time.Duration // 0: none
	slots     int           // 0: one
	keepAlive bool
	reentrant bool
	fail      bool // an error instead of skipping
}

// failed notes what is wrong with an option; nil: nothing. The first one counts.
func (s settings) failed(err error) settings {
	if s.err == nil {
		s.err = err
	}
	return s
}

// checkDuration refuses what is not from 1 ms to 100 years or NoExpiry.
func checkDuration(name string, d time.Duration) error {
	switch {
	case d == NoExpiry:
		return nil
	case d <= 0:
		return fmt.Errorf("%w: %s of %v: it must be positive", ErrInvalid, name, d)
	case d < driver.MinTTL:
		return fmt.Errorf("%w: %s of %v: the shortest is %v", ErrInvalid, name, d, driver.MinTTL)
	case d > driver.MaxTTL:
		return fmt.Errorf("%w: %s of %v: the longest is %v, or for ever: NoExpiry, Forever", ErrInvalid, name, d, driver.MaxTTL)
	}
	return nil
}

// WaitOption is what [Wait] returns.
type WaitOption struct{ d time.Duration }

// Wait makes an acquisition wait in line for at most d, or until its ctx ends if d
// is [Forever]. From 1 ms to 100 years. Without it an acquisition fails at once. A
// request that the store leaves without an answer can make it 5 s longer.
func Wait(d time.Duration) WaitOption { return WaitOption{d} }

func (o WaitOption) apply(s settings) settings {
	s.wait = o.d
	return s.failed(checkDuration("Wait", o.d))
}
func (o WaitOption) lockOption(s settings) settings   { return o.apply(s) }
func (o WaitOption) lockedOption(s settings) settings { return o.apply(s) }
func (o WaitOption) poolOption(s settings) settings   { return o.apply(s) }
func (o WaitOption) pooledOption(s settings) settings { return o.apply(s) }

// ExpiryOption is what [Expiry] returns.
type ExpiryOption struct{ d time.Duration }

// Expiry frees the lock or guard by itself after d, whether or not the work is
// done. From 1 ms to 100 years, or [NoExpiry]: then only a release frees it, and a
// holder that crashes never does. Defaults to [Config].LockExpiration.
func Expiry(d time.Duration) ExpiryOption { return ExpiryOption{d} }

func (o ExpiryOption) apply(s settings) settings {
	s.expiry = o.d
	return s.failed(checkDuration("Expiry", o.d))
}
func (o ExpiryOption) lockOption(s settings) settings     { return o.apply(s) }
func (o ExpiryOption) lockedOption(s settings) settings   { return o.apply(s) }
func (o ExpiryOption) onceOption(s settings) settings     { return o.apply(s) }
func (o ExpiryOption) onceFuncOption(s settings) settings { return o.apply(s) }

// SlotExpiryOption is what [SlotExpiry] returns.
type SlotExpiryOption struct{ d time.Duration }

// SlotExpiry frees a slot of a pool by itself after d. From 1 ms to 100 years, or
// [NoExpiry]. Defaults to [Config].PoolSlotExpiration.
func SlotExpiry(d time.Duration) SlotExpiryOption { return SlotExpiryOption{d} }

func (o SlotExpiryOption) poolOption(s settings) settings {
	s.expiry = o.d
	return s.failed(checkDuration("SlotExpiry", o.d))
}
func (o SlotExpiryOption) pooledOption(s settings) settings { return o.poolOption(s) }

// KeepAliveOption is what [KeepAlive] returns.
type KeepAliveOption struct{}

// KeepAlive renews the lease at each third of its expiry until it is released or
// lost. Then the expiry can be short, and is what a crash costs, not a bound on
// the work. With [NoExpiry] there is nothing to renew.
func KeepAlive() KeepAliveOption { return KeepAliveOption{} }

func (KeepAliveOption) apply(s settings) settings {
	s.keepAlive = true
	return s
}
func (o KeepAliveOption) lockOption(s settings) settings     { return o.apply(s) }
func (o KeepAliveOption) lockedOption(s settings) settings   { return o.apply(s) }
func (o KeepAliveOption) onceOption(s settings) settings     { return o.apply(s) }
func (o KeepAliveOption) onceFuncOption(s settings) settings { return o.apply(s) }
func (o KeepAliveOption) poolOption(s settings) settings     { return o.apply(s) }
func (o KeepAliveOption) pooledOption(s settings) settings   { return o.apply(s) }

// MinHoldOption is what [MinHold] returns.
type MinHoldOption struct{ d time.Duration }

// MinHold keeps the lock or guard held for at least d from its acquisition, also
// when it is released earlier: for jobs that finish so fast that a machine whose
// clock is late would run them again. Release does not wait for it; the store ends
// the lease when the time is over. From 1 ms, and no longer than the expiry. The
// idea is ShedLock's lockAtLeastFor.
func MinHold(d time.Duration) MinHoldOption { return MinHoldOption{d} }

func (o MinHoldOption) apply(s settings) settings {
	if o.d == NoExpiry {
		return s.failed(fmt.Errorf("%w: MinHold of NoExpiry: it must be finite", ErrInvalid))
	}
	s.minHold = o.d
	return s.failed(checkDuration("MinHold", o.d))
}
func (o MinHoldOption) lockOption(s settings) settings     { return o.apply(s) }
func (o MinHoldOption) lockedOption(s settings) settings   { return o.apply(s) }
func (o MinHoldOption) onceOption(s settings) settings     { return o.apply(s) }
func (o MinHoldOption) onceFuncOption(s settings) settings { return o.apply(s) }

// ReentrantOption is what [Reentrant] returns.
type ReentrantOption struct{}

// Reentrant lets an acquisition succeed at once if its ctx comes from a lease on
// the same lock, from [Lease.Context] or from Do: it then shares that lease, with
// its expiry and fence, and the lock is free when all who share it have released.
// Without it, acquiring a lock inside itself is [ErrLocked], or a wait in vain.
func Reentrant() ReentrantOption { return ReentrantOption{} }

func (ReentrantOption) lockOption(s settings) settings {
	s.reentrant = true
	return s
}
func (o ReentrantOption) lockedOption(s settings) settings { return o.lockOption(s) }

// SlotsOption is what [Slots] returns.
type SlotsOption struct{ n int }

// Slots makes an acquisition take n slots of a pool, all or none. From 1 to the
// pool's size. Defaults to 1.
func Slots(n int) SlotsOption { return SlotsOption{n} }

func (o SlotsOption) poolOption(s settings) settings {
	if o.n < 1 {
		return s.failed(fmt.Errorf("%w: Slots of %d: it must be at least 1", ErrInvalid, o.n))
	}
	s.slots = o.n
	return s
}
func (o SlotsOption) pooledOption(s settings) settings { return o.poolOption(s) }

// KeyFuncOption is what [KeyFunc] returns.
type KeyFuncOption struct{ fn any }

// KeyFunc makes the key of a wrapped function from its argument: the template is
// then filled with what fn returns, as if that were the argument. fn must return
// different strings for arguments that are to be different. That fn takes the
// wrapped function's argument type is checked when the function is wrapped.
func KeyFunc[A any](fn func(A) string) KeyFuncOption {
	if fn == nil {
		return KeyFuncOption{}
	}
	return KeyFuncOption{fn}
}

func (o KeyFuncOption) apply(s settings) settings {
	if o.fn == nil {
		return s.failed(fmt.Errorf("%w: KeyFunc of nil", ErrInvalid))
	}
	s.keyFunc = o.fn
	return s
}
func (o KeyFuncOption) lockedOption(s settings) settings   { return o.apply(s) }
func (o KeyFuncOption) onceFuncOption(s settings) settings { return o.apply(s) }
func (o KeyFuncOption) pooledOption(s settings) settings   { return o.apply(s) }

// check finds what is wrong with the options if a lease lasts for expiry.
func (s *leaseSettings) check(expiry time.Duration) error {
	if s.minHold > expiry {
		return fmt.Errorf("%w: MinHold of %v is longer than the expiry of %v", ErrInvalid, s.minHold, expiry)
	}
	return nil
}
