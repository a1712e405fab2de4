package driver

import (
	"context"
	"time"
)

// Queuer is a store that keeps, for each name, a first-in first-out queue of those
// who wait, and HANDS a slot that comes free to the first of them: in the one
// atomic step that frees the slot, the waiter becomes its holder.
//
// A place in the queue belongs to a holder string, and is kept for as long as its
// client shows that it lives, by Enqueue or Look. Whatever frees slots or looks at
// a name (Release, Evict, Acquire, Enqueue, Look, Leave, and Extend to a shorter
// time once that is over) first forgets leases that are over and waiters whose
// patience has run out, and then hands what is free to the first in line, in
// order: a waiter that wants more slots than are free is not overtaken.
//
// The hand-over is pushed to the waiter's client if it listens. Pushes are hints:
// they may be late, repeated or lost. Look tells the truth.
type Queuer interface {
	Store

	// Enqueue is Acquire for one who will wait: if it is refused, with a
	// [*HeldError] as Acquire, the request takes the last place in the queue in
	// the same step. A second call with the same Holder keeps the place, renews
	// its patience and returns the grant if the slot was handed over meanwhile.
	//
	// patience is positive. The TTL of a lease that is handed over starts at the
	// hand-over. Acquire by a holder that is in the queue is refused, and leaves its
	// place as it is.
	Enqueue(ctx context.Context, req AcquireRequest, patience time.Duration) (Grant, error)

	// Look renews the patience of all waiters of client on name, hands over what
	// is free, whoever is first, and tells how the client stands. An idle name
	// with many waiters needs one Look for each client, not one for each waiter.
	Look(ctx context.Context, name, client string, patience time.Duration) (Sight, error)

	// Leave takes holder out of the queue of name or, if it has a lease, because the
	// slot was handed to it already, releases that. It is no error if it has neither.
	Leave(ctx context.Context, name, holder string) error

	// Listen calls wake for each hand-over to a waiter of client on name, and for
	// each other reason to look, until stop is called. When it returns, pushes are
	// on their way: a hand-over after that is missed only through a fault. ctx
	// bounds only the call, not the listening. wake does not block and may be
	// called from several goroutines. stop does not block, and may be called from
	// within wake and more than once; a call of wake may still be under way when
	// it returns.
	Listen(ctx context.Context, name, client string, wake func(Wake)) (stop func(), err error)
}

// Sight is what a Look sees.
type Sight struct {
	// Grants are the leases on the name that the client's holders have, those
	// included that it knows of.
	Grants []Grant

	// Waiting is how many places in the queue the client has. Fewer than it
	// believes: the store lost them, and the waiters have to enqueue again.
	Waiting int

	// Holder and RetryAfter are those of a [HeldError].
	Holder     string
	RetryAfter time.Duration

	// At is the reading of the store's clock.
	At time.Duration
}

// Wake is a push. If Grant.Holder is empty it only says that it is time to look:
// after a broken connection was restored, say, or when a lease will end earlier
// than was told.
type Wake struct {
	Grant Grant
}
