package cachify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const (
	// How often a request is sent whose outcome is unknown: while somebody waits for
	// it, and in the background, where it takes as long as storeTimeout.
	acquireAttempts = 3
	releaseAttempts = 3
	cleanupAttempts = 9
	retryPause      = 10 * time.Millisecond
)

// Release gives the lease back. It is not bound by the end of ctx, only by a time
// limit of its own, 5 s: what is held is given back also when the work was
// cancelled. The error is nil if the lease was held all the time until the call; else
// it is [ErrExpired] if its deadline had passed, [ErrLost] if it was another's or
// nobody's any more (then nothing was changed), or both; or a [*ReleaseError] if
// the store did not answer: then the lease ends by its expiry.
//
// Releasing twice does nothing, and returns what the first call returned. Of
// re-entrant leases, the last one to be released frees the lock.
func (l *Lease) Release(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	l.release.Do(func() {
		l.released.Store(true)
		l.outcome = l.hold.leave(ctx)
	})
	return l.outcome
}

// leave is the end of one of the leases that share the hold.
func (h *hold) leave(ctx context.Context) error {
	h.mu.Lock()
	h.sharers--
	over := h.over()
	if h.sharers > 0 {
		h.mu.Unlock()
		return over
	}
	if over == nil {
		h.finish(ErrReleased)
	}
	lost := errors.Is(over, ErrLost)
	h.givingBack.Store(!lost)
	h.mu.Unlock()
	if lost {
		h.undoLater(ctx, h.grant.Holder)
		return over // the store has said so already
	}
	err := h.giveBack(ctx)
	h.givingBack.Store(false)
	if h.restOfMinHold() < strayAfter {
		h.undoLater(ctx, h.grant.Holder)
	} // else a late request will find the lease still there, and change nothing
	if over == nil && errors.Is(err, driver.ErrLost) && h.past() {
		err = nil // it ran out while the release was on its way
	}
	if err != nil {
		return h.releaseError(over, err)
	}
	h.core.released(h.grant.Name)
	if over == nil && h.core.Events.Released != nil {
		h.core.Events.Released(h.event(nil))
	}
	return over
}

// past reports whether the deadline is over by now, whatever ended the hold.
func (h *hold) past() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.core.now() >= h.deadline
}

func (h *hold) releaseError(over, err error) error {
	if !errors.Is(err, driver.ErrLost) {
		return errors.Join(over, &ReleaseError{Key: h.key, Err: h.core.failure("release", h.grant.Name, err)})
	}
	if over != nil {
		return h.endedBy(fmt.Errorf("%w, %w", ErrExpired, ErrLost))
	}
	lost := h.endedBy(ErrLost)
	if ev := h.core.Events; ev.Lost != nil {
		ev.Lost(h.event(lost))
	}
	return lost
}

// restOfMinHold is how long it has to be held yet for the others' sake; not positive:
// no longer.
func (h *hold) restOfMinHold() time.Duration {
	if h.settings.minHold == 0 {
		return 0
	}
	return h.settings.minHold - h.core.since(h.acquired)
}

// giveBack ends the lease in the store: at once, or when its minimum hold is over.
func (h *hold) giveBack(ctx context.Context) error {
	h.releasing.StartDetached(ctx, &h.core.limits)
	defer h.releasing.Stop()
	if h.settings.minHold > 0 {
		done, err := h.takeTurn(&h.releasing) // an extension under way must not undo the minimum hold
		if err != nil {
			return err
		}
		defer done()
	}
	return retry(&h.releasing, releaseAttempts, func(ctx context.Context) error {
		if rest := h.restOfMinHold(); rest > 0 {
			_, err := h.core.store.Extend(ctx, h.grant, max(rest, driver.MinTTL))
			return err
		}
		return h.core.store.Release(ctx, h.grant)
	})
}

// retry runs a request that may be repeated, until it gets an answer, so many times
// at most. An [driver.ErrLost] after a failure is no loss: the request that seemed
// to fail has been done.
func retry(ctx context.Context, attempts int, do func(context.Context) error) error {
	err := do(ctx)
	if err == nil || !isFailure(err) {
		return err
	}
	for i := 1; i < attempts && ctx.Err() == nil; i++ {
		if pause(ctx, jitter(retryPause<<i)) != nil {
			break
		}
		switch err = do(ctx); {
		case errors.Is(err, driver.ErrLost):
			return nil
		case err == nil || !isFailure(err):
			return err
		}
	}
	return err
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
