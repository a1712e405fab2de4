package driver

import "context"

// ObjectStore is a store that lives in the client's own process and can keep
// values as they are, with no encoding. An object is a record whose value is not
// bytes: it has the same key space, versions, conditions and times to live, and is
// deleted by Delete. Load does not find objects, LoadObject does not find records
// that Save wrote; a write of either kind replaces the other.
type ObjectStore interface {
	Store

	// LoadObject returns the object under key, or [ErrNotFound]. It does not
	// retain key after it has returned: the caller may reuse the bytes behind it.
	LoadObject(ctx context.Context, key string) (any, Version, error)

	// SaveObject is Save for an object. Neither side changes the value afterwards.
	SaveObject(ctx context.Context, key string, value any, w Write) (Version, error)
}

// Inspector is a store that can list what is held.
type Inspector interface {
	// Names returns, in order, the names that begin with prefix and that somebody
	// holds or waits for, at most limit of them. Those of foreign holders are among
	// them as far as the store can tell them from other data.
	Names(ctx context.Context, prefix string, limit int) ([]string, error)
}

// Pinger is a store that can tell whether its engine answers.
type Pinger interface {
	// Ping returns nil if the engine answers.
	Ping(ctx context.Context) error
}

// Lack names promises of [Store] that a store cannot keep. The root package
// refuses what would need them, at once and with [ErrUnsupported].
type Lack uint8

// What a store may lack.
const (
	// LackExtend: Extend returns [ErrUnsupported].
	LackExtend Lack = 1 << iota

	// LackLimits: only Limit 1 is possible; Acquire with more returns
	// [ErrUnsupported].
	LackLimits

	// LackFences: Grant.Fence is always 0.
	LackFences
)

// Capabilities are the optional parts of a store. A part it does not have is nil.
type Capabilities struct {
	// The store itself, if it implements the interface.
	Queue   Queuer
	Objects ObjectStore
	Inspect Inspector
	Ping    Pinger
	Doctor  Doctor

	// Lacks is what a store has to say by its method Capabilities. Defaults to nothing.
	Lacks Lack
}

// CapabilitiesOf finds out once what a store can do. The parts are what the store
// itself implements; but a store with a method
//
//	Capabilities() driver.Capabilities
//
// is asked instead. That method is for a store that wraps another one: it has the
// methods of every part, but the parts only of what it wraps.
func CapabilitiesOf(s Store) Capabilities {
	if c, ok := s.(interface{ Capabilities() Capabilities }); ok {
		return c.Capabilities()
	}
	var c Capabilities
	c.Queue, _ = s.(Queuer)
	c.Objects, _ = s.(ObjectStore)
	c.Inspect, _ = s.(Inspector)
	c.Ping, _ = s.(Pinger)
	c.Doctor, _ = s.(Doctor)
	return c
}

// Boxed is an object that wraps the value a user gave, as the root package does to
// keep its own notes beside it.
type Boxed interface {
	// Unbox returns the user's value.
	Unbox() any
}

// Pinned is an object that a bounded store does not evict to make room, because
// something under way depends on it.
type Pinned interface {
	// Pinned reports whether that is so now.
	Pinned() bool
}

// Unbox returns the user's value in an object or record: what [Boxed] wraps, or v
// itself.
func Unbox(v any) any {
	if b, ok := v.(Boxed); ok {
		return b.Unbox()
	}
	return v
}
