package history

import "time"

// Layer is who saw an event.
type Layer string

// The layers.
const (
	// User: what a user of the root package sees: a lease acquired, a value returned.
	User Layer = "user"

	// Seam: one call of a driver.Store by an instance, and its reply.
	Seam Layer = "seam"

	// Resource: the guarded resource accepted or refused a write. The resource puts its
	// events in an order that needs no clock.
	Resource Layer = "resource"

	// Fault: something was broken, or mended again.
	Fault Layer = "fault"
)

// Phase tells an operation's beginning from its end.
type Phase string

// The phases. A Call without a Return is an operation whose outcome nobody knows: the
// client was killed, or the run ended.
const (
	Call   Phase = "call"
	Return Phase = "return"
	Note   Phase = "note" // something that has no duration
)

// Op is what was done. Operations of the seam have the names of driver.Store's and
// driver.Queuer's methods, in lower case: "acquire", "enqueue", "look".
type Op string

// The operations of a user.
const (
	// Acquire a lease. Call: Verb, Key, Limit, Slots, TTL, Wait, KeepAlive. Return:
	// Outcome, and if it is OK: Fence, Holder, Deadline.
	Acquire Op = "acquire"

	// Believe is a note of a client that has just looked and found that it holds its
	// lease until Deadline. Lease is the ID of the Acquire.
	Believe Op = "believe"

	// Release a lease. Call: Lease. Return: Outcome.
	Release Op = "release"

	// Extend a lease. Call: Lease, TTL. Return: Outcome, Deadline.
	Extend Op = "extend"

	// Ended is a note: the lease's context ended before it was released. Lease, Outcome
	// (Lost or Expired).
	Ended Op = "ended"

	// Run is the function behind a once-guard, or behind a cached function: Call:
	// Verb, Key, and Lease if there is one that is known. Return: Value, Outcome.
	Run Op = "run"

	// Get is a call of a cached function. Call: Key, TTL, Stale. Return: Value, Outcome.
	Get Op = "get"

	// Reset drops a cached value, or ends all leases of a key by force (ForceRelease).
	// Call: Verb, Key. Return: Outcome.
	Reset Op = "reset"

	// Failed is a note: the store has left a request of the client without an answer, for
	// all that the client knows. Key, as the store knows it. Error tells the operation.
	Failed Op = "failed"

	// Write to the guarded resource. User layer: Call: Key, Fence, Lease. Return: Outcome.
	// Resource layer, a Note: Key, Fence, Holder, Outcome (OK, or Refused), Seq.
	Write Op = "write"
)

// Verb is which part of cachify an operation belongs to.
type Verb string

// The verbs.
const (
	Lock   Verb = "lock"
	Pool   Verb = "pool"
	Once   Verb = "once"
	Cached Verb = "cached"
)

// Outcome is how an operation ended.
type Outcome string

// The outcomes.
const (
	OK        Outcome = "ok"
	Held      Outcome = "held"      // refused: another has it, or the pool is full
	TimedOut  Outcome = "timeout"   // waited as long as it was to, in vain
	Cancelled Outcome = "cancelled" // the caller's own ctx ended
	Lost      Outcome = "lost"      // the store said that the lease is not ours
	Expired   Outcome = "expired"   // by the local clock
	Refused   Outcome = "refused"   // by the guarded resource, for its fence
	Limit     Outcome = "limit"     // another limit is in force
	NotFound  Outcome = "notfound"
	Conflict  Outcome = "conflict"
	Invalid   Outcome = "invalid" // nothing was sent

	// Unknown: an error after which nobody knows whether it took place, nor when it
	// will.
	Unknown Outcome = "unknown"
)

// Forever is the Wait, TTL or Deadline without an end.
const Forever = time.Duration(1<<63 - 1)

// Event is one thing that somebody saw. Which fields an operation has is told at the
// Op; all others are zero.
type Event struct {
	// T is when, by the clock that all of a history's clients share: the machine's
	// monotonic clock (see [Monotonic]), or the virtual one of a simulation. For a Call
	// it was read before anything was done, for a Return after all was.
	T time.Duration `json:"t"`

	Layer  Layer  `json:"layer"`
	Client string `json:"client"` // which client, resource or fault maker

	// ID pairs a Call and its Return. Unique for the Client and positive; a Note has one too.
	ID    uint64 `json:"id"`
	Phase Phase  `json:"phase"`
	Op    Op     `json:"op"`

	Verb    Verb    `json:"verb,omitempty"`
	Key     string  `json:"key,omitempty"` // as the layer knows it: in the seam with prefix and suffix
	Outcome Outcome `json:"outcome,omitempty"`
	Error   string  `json:"error,omitempty"` // for people
	Lease   uint64  `json:"lease,omitempty"` // the ID of the Acquire of the same Client

	Holder    string        `json:"holder,omitempty"`
	Fence     uint64        `json:"fence,omitempty"`
	Limit     int           `json:"limit,omitempty"`
	Slots     int           `json:"slots,omitempty"`
	TTL       time.Duration `json:"ttl,omitempty"` // of a Get: how old a value may be
	Stale     time.Duration `json:"stale,omitempty"`
	Wait      time.Duration `json:"wait,omitempty"` // how long it is to wait: 0 not at all
	KeepAlive bool          `json:"keepalive,omitempty"`

	// Deadline is until when a client believes that it holds its lease, on the clock of
	// T. It is read such that it is never later than what the client believes.
	Deadline time.Duration `json:"deadline,omitempty"`

	Value string `json:"value,omitempty"` // of a cached function or record: each Run returns one that no other has
	Seq   uint64 `json:"seq,omitempty"`   // the order of the guarded resource's decisions

	// Of the seam alone.
	Patience time.Duration `json:"patience,omitempty"`
	At       time.Duration `json:"at,omitempty"`      // the store's clock
	Waiting  int           `json:"waiting,omitempty"` // places in the queue
	Grants   []Grant       `json:"grants,omitempty"`  // what a look saw
	Version  uint64        `json:"version,omitempty"` // of a record
	If       string        `json:"if,omitempty"`      // the condition of a write

	// Of a Fault: which kind, and what it hit: a client, or [AllClients], or something else.
	Fault  string `json:"fault,omitempty"`
	Target string `json:"target,omitempty"`
}

// Kill is the fault that a client is killed.
const Kill = "kill"

// AllClients is what a fault hits that hits the one process in which all of them are.
const AllClients = "all clients"

// Grant is a lease as a look in the store shows it.
type Grant struct {
	Holder string        `json:"holder"`
	Fence  uint64        `json:"fence"`
	Slots  int           `json:"slots"`
	TTL    time.Duration `json:"ttl"`
}
