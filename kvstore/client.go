package kvstore

import (
	"context"
	"time"
)

// Client is the least that a key-value store has to offer. All methods are safe for
// concurrent use, and each takes effect at one moment for all clients. They return
// soon after ctx has ended, and return an error if it had ended before the call. After
// an error the outcome counts as unknown. Package clienttest proves a client right.
//
// A ttl is how long the value lasts: at least [driver.MinTTL], or [driver.NoExpiry]
// for a value that stays. An engine with a coarser resolution rounds up. A value
// whose time has run out is absent to all methods. Neither side changes the bytes
// that it passed or was given.
type Client interface {
	// Get returns the value under key, and whether there is one.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)

	// SetIfAbsent sets the value if there is none under key, and reports whether it
	// did.
	SetIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)

	// CompareAndDelete removes the value under key if it is equal to old, and
	// reports whether it did.
	CompareAndDelete(ctx context.Context, key string, old []byte) (bool, error)
}

// CompareAndSwapper is a [Client] that can replace a value.
type CompareAndSwapper interface {
	Client

	// CompareAndSwap replaces the value under key if it is equal to old, and reports
	// whether it did. The new value lasts for ttl from now.
	CompareAndSwap(ctx context.Context, key string, old, new []byte, ttl time.Duration) (bool, error)
}
