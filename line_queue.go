package cachify

import (
	"context"
	"errors"

	"github.com/go-cachify/cachify/driver"
)

// lookAtQueue is the look of a line whose store has queues: it listens first, if it
// does not yet, so that from this look on no hand-over is missed.
func (l *line) lookAtQueue(ctx context.Context) error {
	if err := l.listen(ctx); err != nil {
		return err
	}
	sent := l.core.now()
	patience := l.core.patience()
	sight, err := l.core.caps.Queue.Look(ctx, l.name, l.core.client.ID(), patience)
	if err != nil {
		return err
	}
	x := exchange{sent, sight.At}

	l.mu.Lock()
	l.note(x, sight.RetryAfter, sight.Holder)
	l.renewed = sent.after(patience / 2)
	for _, g := range sight.Grants {
		l.granted(g, x)
	}
	var lost []*waiter
	if sight.Waiting < l.queued {
		if waiting := l.queuedBefore(sent); sight.Waiting < len(waiting) {
			lost = waiting
		}
	}
	l.mu.Unlock()

	for _, w := range lost {
		if err := l.enqueueAgain(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (l *line) listen(ctx context.Context) error {
	l.mu.Lock()
	listening := l.listening
	l.mu.Unlock()
	if listening {
		return nil
	}
	stop, err := l.core.caps.Queue.Listen(ctx, l.name, l.core.client.ID(), l.woken)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		stop()
		return driver.ErrClosed
	}
	l.stop, l.listening = stop, true
	return nil
}

// queuedBefore returns those who should be in the store's queue if nothing has
// happened since sent. With l.mu held.
func (l *line) queuedBefore(sent moment) []*waiter {
	var ws []*waiter
	for e := l.waiters.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*waiter); w.queued && w.queuedAt <= sent {
			ws = append(ws, w)
		}
	}
	return ws
}

// enqueueAgain gives w its place back, after the store lost it.
func (l *line) enqueueAgain(ctx context.Context, w *waiter) error {
	l.mu.Lock()
	waiting := w.elem != nil && w.queued
	if waiting {
		w.acq.failed.Store(true) // a second request for a place: who releases the lease undoes that too
	}
	l.mu.Unlock()
	if !waiting {
		return nil
	}
	sent := l.core.now()
	g, err := l.core.caps.Queue.Enqueue(ctx, w.req, l.core.patience())
	l.mu.Lock()
	switch held := (*driver.HeldError)(nil); {
	case err == nil:
		l.granted(g, exchange{sent, g.At})
	case errors.As(err, &held):
		l.note(exchange{sent, held.At}, held.RetryAfter, held.Holder)
		err = nil
	case !isFailure(err):
		w.deliver(outcome{err: err})
		err = nil
	}
	// If it left while we asked, its own clean-up may have come too early. But what it
	// was handed meanwhile, and may hold now, is not ours to undo.
	left, holds := w.elem == nil, w.holds()
	l.mu.Unlock()
	if err != nil || left {
		w.acq.failed.Store(true) // so its release is followed by another undoing
	}
	if left && !holds {
		w.acq.abandon(ctx, w.req, l.core.track())
	}
	return err
}

// holds reports whether w may have a lease now: it was handed one, and the store has
// not said yet that it is given back. With the line's mu held.
func (w *waiter) holds() bool {
	l := w.lease.Load()
	return w.handed && !w.gaveUp.Load() && (l == nil || l.Err() == nil || l.hold.givingBack.Load())
}
