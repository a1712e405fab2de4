package cachify

import (
	"context"
	"sync"
	"time"
)

// resultNotes is what a function that is being cached says about its result.
type resultNotes struct {
	mu      sync.Mutex
	ttl     time.Duration // 0: nothing
	noStore bool
}

type resultNotesKey struct{}

// SetTTL is called by a cached function, with its ctx, to decide how long this one
// result is remembered, be it a value or [ErrNotFound]. From 1 ms to 100 years, or
// [NoExpiry]; another d is an error that is [ErrInvalid], and changes nothing.
// Outside of a cached function it does nothing, so that the function can also be
// called directly. Of stacked caches it decides for the innermost one only.
func SetTTL(ctx context.Context, d time.Duration) error {
	if ctx == nil {
		return errNilContext
	}
	if err := checkDuration("SetTTL", d); err != nil {
		return err
	}
	if n, ok := ctx.Value(resultNotesKey{}).(*resultNotes); ok {
		n.mu.Lock()
		n.ttl = d
		n.mu.Unlock()
	}
	return nil
}

// NoStore is called by a cached function, with its ctx, to keep this one result
// from being remembered. Outside of a cached function it does nothing. Of stacked
// caches it decides for the innermost one only.
func NoStore(ctx context.Context) {
	if ctx == nil {
		return
	}
	if n, ok := ctx.Value(resultNotesKey{}).(*resultNotes); ok {
		n.mu.Lock()
		n.noStore = true
		n.mu.Unlock()
	}
}
