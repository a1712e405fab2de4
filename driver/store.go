package driver

import (
	"context"
	"math"
	"time"
)

const (
	// NoExpiry as a time to live means for ever. As a remaining time it means
	// that there is no end to wait for.
	NoExpiry time.Duration = math.MaxInt64

	// MinTTL is the shortest time to live that a store has to keep.
	MinTTL = time.Millisecond

	// MaxTTL is the longest finite time to live, a hundred years of 365 days.
	MaxTTL = 100 * 365 * 24 * time.Hour

	// MaxLimit is the largest number of slots a name can have.
	MaxLimit = 1_000_000
)

// Store is what every engine has to offer.
//
// All methods are safe for concurrent use. A method whose ctx has already ended
// returns the ctx's error and changes nothing. A method whose ctx ends while the
// engine is at work returns soon with an error, and whether the operation took
// place is then unknown; the same is true of any error that is not one of this
// package's. An error of a ctx is only ever that of the caller's own: where requests
// share a connection, the end of another one's must not show. A request that breaks a rule of [AcquireRequest.Validate],
// [ValidateKey], [ValidateTTL] or [Write.Validate] is refused with [ErrInvalid]
// before it reaches the engine. After Close, if the store has one, every method
// returns [ErrClosed].
type Store interface {
	// Acquire makes one attempt to become a holder of req.Name and does not wait.
	//
	// It succeeds if the slots that are in use and req.Slots together do not
	// exceed req.Limit and nobody is in the queue (see [Queuer]). Otherwise it
	// returns a [*HeldError]. If holders or waiters of the name were admitted
	// under another limit it returns a [*LimitError]; a name that nobody holds
	// has no limit yet.
	//
	// A second call with the same Holder, while the first one's lease lasts,
	// returns that lease again, with the same fence and the time it has left. It
	// is not extended. So a request whose reply was lost can be sent again.
	Acquire(ctx context.Context, req AcquireRequest) (Grant, error)

	// Extend sets the lease to end ttl from now, later or earlier than it would
	// have. It returns [ErrLost] if the lease has expired or was evicted, even if
	// the name has been free ever since: a lease is never made anew. Name and
	// Holder identify the lease; the fence stays.
	Extend(ctx context.Context, g Grant, ttl time.Duration) (Grant, error)

	// Release ends the lease, all its slots at once. It returns [ErrLost], and
	// changes nothing, if the lease has expired or was evicted. Name and Holder
	// identify the lease; nothing else of g need be set.
	Release(ctx context.Context, g Grant) error

	// Holders tells who holds name now and how many wait for it. A name that
	// nobody holds and nobody waits for gives the zero Occupancy, no error.
	Holders(ctx context.Context, name string) (Occupancy, error)

	// Evict takes the name away from all its holders, by force. Those who wait in
	// the queue stay there, and the first of them become the holders. It is no
	// error if nobody held it. Who waits for a lease that has run out just now may be
	// taken for its holder or not. What a foreign holder has stored under the name is
	// deleted with it.
	Evict(ctx context.Context, name string) error

	// Load returns the record under key, or [ErrNotFound] if there is none or its
	// time has run out. The caller does not change the Value it gets.
	Load(ctx context.Context, key string) (Record, error)

	// Save writes value under key as w says and returns the record's new version,
	// or [ErrConflict], with nothing changed, if w's condition does not hold. The
	// caller does not change value afterwards.
	Save(ctx context.Context, key string, value []byte, w Write) (Version, error)

	// Delete removes the record under key. If v is not zero, only that version is
	// removed; [ErrConflict] says that there is another one or none. With the
	// zero v it is no error if there was nothing to remove.
	Delete(ctx context.Context, key string, v Version) error
}

// AcquireRequest asks for a lease.
type AcquireRequest struct {
	// Name is what is to be held. Not empty.
	Name string

	// Holder identifies the request and later the lease. It is unique for each
	// acquisition, and is made by [Client.NewHolder]. Not empty.
	Holder string

	// Limit is the number of slots that Name has: 1 for a lock, more for a
	// semaphore. 1 to [MaxLimit].
	Limit int

	// Slots is how many of them the request wants, all or nothing. 1 to Limit.
	Slots int

	// TTL is how long the lease lasts unless it is extended or released. From
	// [MinTTL] to [MaxTTL], or [NoExpiry]. A store with a coarser resolution
	// rounds up, never down.
	TTL time.Duration
}

// Grant is a lease as the store gave it.
type Grant struct {
	// Name and Holder are those of the request.
	Name   string
	Holder string

	// Fence is a number that is larger than that of every earlier lease on the
	// same name, whatever happened to those leases, to the store's process and to
	// its data. A guarded resource that remembers the largest fence it has seen
	// can refuse a holder that has lost its lease without knowing. It is at most
	// 2^53-1. 0: the store gives no fences ([LackFences]).
	//
	// The usual way to make one is max(previous+1, the store's time in µs): it
	// needs no counter that lives for ever.
	Fence uint64

	// Slots is how many slots the lease takes.
	Slots int

	// TTL is how long the lease lasts, counted from At; or [NoExpiry].
	TTL time.Duration

	// At is the reading of the store's clock when the grant was made, extended,
	// or returned again.
	At time.Duration
}

// Holder is one lease as it is seen from outside.
type Holder struct {
	// ID is the Holder of the request that was granted. If Foreign is set it is
	// whatever could be read, perhaps nothing.
	ID string

	// Fence and Slots are those of the grant.
	Fence uint64
	Slots int

	// Age is how long ago the lease was granted. 0 if the store cannot tell.
	Age time.Duration

	// TTL is how long the lease still lasts, or [NoExpiry].
	TTL time.Duration

	// Foreign tells that a program which is not cachify holds the name. Who holds
	// a name so holds all of its slots, whatever the limit; waiters are served when
	// it is gone. Only a store whose keys other programs use has such holders.
	Foreign bool
}

// Occupancy is the state of one name.
type Occupancy struct {
	// Limit is the number of slots, as those who hold or wait see it. 0: nobody
	// holds it and nobody waits.
	Limit int

	// Holders are those who hold it, longest first.
	Holders []Holder

	// Waiting is the number of requests in the queue. Always 0 without [Queuer].
	Waiting int
}

// Slots returns the number of slots in use.
func (o Occupancy) Slots() int {
	n := 0
	for _, h := range o.Holders {
		n += h.Slots
	}
	return n
}

// Version identifies one state of a record. Two writes of the same key never
// get the same version, not even if the record was deleted in between. The zero
// Version is no record's.
type Version uint64

// Record is a value with its version and the time it has left.
type Record struct {
	Value   []byte  // as it was saved
	Version Version // never 0

	// TTL is how long the record still lasts, or [NoExpiry].
	TTL time.Duration
}

// Condition says when a write takes place.
type Condition uint8

// The conditions of a [Write].
const (
	Always    Condition = iota // whatever is there
	IfAbsent                   // only if there is no record
	IfVersion                  // only if the record has the Write's Version
)

// Write says how a record is written. The zero Write is not valid: it has no TTL.
type Write struct {
	// If is the condition. The zero value is [Always].
	If Condition

	// Version is the one [IfVersion] compares with.
	Version Version

	// TTL is how long the record lasts. From [MinTTL] to [MaxTTL], or [NoExpiry].
	TTL time.Duration
}
