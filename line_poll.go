package cachify

import (
	"context"
	"errors"

	"github.com/go-cachify/cachify/driver"
)

// tryFirst is the look of a line whose store has no queues: an attempt for the
// first in line. Who comes second is next when the first has what it wants.
func (l *line) tryFirst(ctx context.Context, w *waiter) error {
	sent := l.core.now()
	g, err := l.core.store.Acquire(ctx, w.req)
	l.mu.Lock()
	stray := w.elem == nil // it left while we asked: its own clean-up may have come too early
	switch held := (*driver.HeldError)(nil); {
	case err == nil:
		l.granted(g, exchange{sent, g.At})
		l.remove(w)
		l.again = true
	case errors.As(err, &held):
		l.note(exchange{sent, held.At}, held.RetryAfter, held.Holder)
		stray, err = false, nil
	case !isFailure(err):
		w.deliver(outcome{err: err})
		stray, err = false, nil
	}
	l.mu.Unlock()
	if err != nil {
		w.acq.failed.Store(true)
	}
	if stray {
		w.acq.abandon(ctx, w.req, l.core.track())
	}
	return err
}
