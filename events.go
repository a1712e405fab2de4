package cachify

import (
	"reflect"
	"time"
)

// Events tells what happens, for logs, metrics and traces. Each field is a function
// or nil. Functions run on the goroutine where the thing happens, some of them
// while others wait: they must be quick, must not panic, and must not call cachify.
// They may be called from several goroutines at once. Keys are as the user knows
// them, without prefix and suffix, but for those of StoreFailed.
//
// A struct of functions that grows without breaking anybody, with a [Tee], is how
// cockroachdb/pebble does it.
type Events struct {
	// Acquired: a lease was acquired.
	Acquired func(LeaseEvent)

	// Refused: the acquisition of a lock that does not wait was refused. Those of
	// guards and pools are Skipped and Full.
	Refused func(WaitEvent)

	// Waiting: an acquisition that waits was refused, now or still: once at the
	// beginning, and then after each [Config.LockPollInterval].
	Waiting func(WaitEvent)

	// TimedOut: an acquisition gave up after waiting, because the time was over or
	// its ctx ended.
	TimedOut func(WaitEvent)

	// Released: a lease was given back by its holder.
	Released func(LeaseEvent)

	// Renewed: a lease was extended, by KeepAlive or by hand.
	Renewed func(LeaseEvent)

	// RenewalFailed: the store did not answer a renewal by KeepAlive. The lease is
	// still held; renewal is tried again until it expires.
	RenewalFailed func(LeaseEvent)

	// Lost: the store said that the lease is not ours any more.
	Lost func(LeaseEvent)

	// Expired: by the local clock the lease ran out before it was released.
	Expired func(LeaseEvent)

	// Skipped: a once-guarded function was not called because it runs elsewhere.
	Skipped func(WaitEvent)

	// Full: a pool had not enough free slots, for a caller that does not wait.
	Full func(WaitEvent)

	// Hit: a cached result was returned. Miss: there was none.
	Hit  func(CacheEvent)
	Miss func(CacheEvent)

	// Loaded: the function behind a cache has returned.
	Loaded func(LoadEvent)

	// Discarded: a result was not stored, because the key was reset or written
	// while the function ran.
	Discarded func(CacheEvent)

	// Corrupt: what was stored under a key could not be read. It counts as a miss.
	Corrupt func(CacheEvent)

	// Reset: a cached result was dropped by hand.
	Reset func(CacheEvent)

	// StoreFailed: the store did not answer, or with an error of its own.
	StoreFailed func(StoreFailedEvent)
}

// Verb is one of the four things cachify does.
type Verb string

// The verbs.
const (
	VerbLock   Verb = "lock"
	VerbOnce   Verb = "once"
	VerbPool   Verb = "pool"
	VerbCached Verb = "cached"
)

// LeaseEvent is about one lease.
type LeaseEvent struct {
	Verb   Verb   // what made it
	Key    string // without the instance's prefix
	Holder string // who holds it, as the store knows it
	Fence  uint64 // 0 if the store gives none
	Slots  int    // how many it takes; 1 unless it is a pool's

	// Waited is how long the acquisition took. Only for Acquired.
	Waited time.Duration

	// Held is for how long the lease was held so far.
	Held time.Duration

	// Err is why, for Lost, Expired and RenewalFailed.
	Err error
}

// WaitEvent is about an acquisition that was refused.
type WaitEvent struct {
	Verb Verb   // what was wanted
	Key  string // without the instance's prefix

	// Holder is one who holds the key, if the store said.
	Holder string

	// RetryAfter is the time after which a lease on the key ends unless it is
	// extended; [NoExpiry] if none does.
	RetryAfter time.Duration

	// Waited is how long the caller has waited so far.
	Waited time.Duration
}

// CacheEvent is about one cached result.
type CacheEvent struct {
	Key string // without the instance's prefix

	// Err is why, for Corrupt.
	Err error
}

// LoadEvent is about one run of the function behind a cache.
type LoadEvent struct {
	Key  string        // without the instance's prefix
	Took time.Duration // how long the function ran
	Err  error         // what the function returned, or a [*PanicError]
}

// StoreFailedEvent is about one failed request to the store.
type StoreFailedEvent struct {
	Op  string // "acquire", "load", …
	Key string // as it is in the store; empty if the operation has none
	Err error  // a [*StoreError]
}

// Tee returns Events that tell all of those given, in order. nil ones are left out.
func Tee(all ...*Events) *Events {
	out := &Events{}
	v := reflect.ValueOf(out).Elem()
	for i := range v.NumField() {
		var fns []reflect.Value
		for _, e := range all {
			if e == nil {
				continue
			}
			if fn := reflect.ValueOf(e).Elem().Field(i); !fn.IsNil() {
				fns = append(fns, fn)
			}
		}
		switch len(fns) {
		case 0:
		case 1:
			v.Field(i).Set(fns[0])
		default:
			v.Field(i).Set(reflect.MakeFunc(v.Field(i).Type(), func(args []reflect.Value) []reflect.Value {
				for _, fn := range fns {
					fn.Call(args)
				}
				return nil
			}))
		}
	}
	return out
}
