// Package cachify lets goroutines, and on a shared store processes and machines,
// agree: locks, once-guards, pools and cached functions.
//
//	c, err := cachify.New(nil, nil) // the in-memory store, the defaults
//	err = c.Lock("invoice-42", cachify.Wait(time.Second)).Do(ctx, sendInvoice)
//
// An instance, [Cachify], is a store, a prefix and defaults. Each verb comes as an
// object of an instance and as a wrapper around a function, whose key a template
// makes of the argument (see [Cached]). A wrapped function can be made at package
// level, before there is an instance: see [Must] and [Init].
//
// # The verbs
//
// Lock ([Cachify.Lock], [Locked]): at most one holder of a key at a time. Without
// [Wait] a lock that is held is refused at once. It is not re-entrant unless
// [Reentrant] is given.
//
// Once ([Cachify.Once], [Once]): a function that runs already is skipped. Runs do
// not overlap; but this is not "once a day", nor "exactly once": when a run has
// ended, the next call runs again. [MinHold] keeps the guard for a minimum time.
//
// Pool ([Cachify.Pool], [Pooled]): at most so many slots of a key are taken at a
// time. All who use it must name the same size.
//
// Cached ([Cached], [Fetch]): a result is computed once and then remembered, until
// its [TTL] is over, it is reset, or a bounded store needs the room. Callers of one
// instance who miss at the same time share one run of the function; with [LoadLock],
// those of all instances do. What a run returns that began before a Reset is not
// stored after it. Errors are not remembered. Different values of what the template
// names never share a key; what it leaves out of the argument does not count.
//
// # Options
//
// What is not in this table does not compile. "c." is a method of an instance.
// Cached stands for [CachedOver] and [Fetch] too, but in Fetch [KeyFunc] does nothing.
//
//	                 c.Lock  Locked  c.Once  Once  c.Pool  Pooled  Cached
//	Wait             x       x       -       -     x       x       -
//	Expiry           x       x       x       x     -       -       -
//	SlotExpiry       -       -       -       -     x       x       -
//	KeepAlive        x       x       x       x     x       x       -
//	MinHold          x       x       x       x     -       -       -
//	Reentrant        x       x       -       -     -       -       -
//	Slots            -       -       -       -     x       x       -
//	ErrorOnLocked    -       -       x       x     -       -       -
//	ReturnOnLocked   -       -       -       x     -       -       -
//	OnFull           -       -       -       -     -       x       -
//	ErrorOnFull      -       -       -       -     -       x       -
//	KeyFunc          -       x       -       x     -       x       x
//	TTL              -       -       -       -     -       -       x
//	NotFoundTTL      -       -       -       -     -       -       x
//	WithCodec        -       -       -       -     -       -       x
//	Clone            -       -       -       -     -       -       x
//	LoadLock         -       -       -       -     -       -       x
//
// Once has no Wait: who comes later skips. Pools have SlotExpiry for Expiry, with a
// default of their own.
//
// # What holding means
//
// Locks, guards and pool slots are leases. A [Lease] ends when it is released, when
// its expiry is over ([Expiry], [SlotExpiry]; 30 s and 600 s by default), or by
// force. [KeepAlive] renews it for as long as the process lives. The holder's context
// ends with it: never later than the lease does in the store, as long as the local
// clock runs within one percent of the store's, and unless the lease was taken away
// by force, which the holder learns at its next renewal, extension or release. Do, and
// the call of a wrapped function, report a loss even if the function returned nil.
//
// What no lock service can do is to stop a process that is frozen between looking at
// the clock and acting. [Lease.Fence] is for the guarded resource to refuse those
// who come too late.
//
// [NoExpiry] means that a crash leaves the key held until ForceRelease. A request
// that was given up, but that the store executes later, can leave a lease that
// nobody holds; it ends by its expiry.
//
// # Waiting
//
// On a store with queues, as the in-memory one, waiters stand in line in the store,
// are handed what comes free in the order in which they came, and are not overtaken,
// not even by callers who do not wait. A process that is not heard of for ten times
// [Config].LockPollInterval, and at least 5 s, loses its places. On other stores the
// order holds among the waiters of one instance.
//
// After a wait in vain the error is [ErrTimeout] too. If it was the ctx that ended, the
// error is the ctx's own instead.
//
// # Failures
//
// Errors are asked for with errors.Is and errors.As: [ErrLocked], [ErrPoolFull],
// [ErrTimeout], [ErrLost], [ErrExpired], [ErrStore] and the others. A store that does
// not answer makes locks, guards and pools fail, so that nothing runs unguarded. A
// cache does without its store: the function runs, and its result is not remembered.
//
// # Stores
//
// The in-memory store of package memstore is the default: it serves one process.
// Modules of their own are sqlitestore, for the processes of one machine, redisstore,
// for those that share a Redis, and redisstore/goredis, the same for a go-redis
// client. For another store see packages kvstore, which makes a store of a key-value
// client, and driver and storetest, for who writes one from the ground up.
//
// Leases are the same on all of them. Results are not: the in-memory store keeps them
// as they are, others keep the bytes that a [Codec] makes of them, [JSON] by default,
// which leaves out unexported fields. [WithCodec] does that in memory too.
package cachify
