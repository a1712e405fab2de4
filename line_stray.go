package cachify

import (
	"context"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// A stray is a slot that the store hands to a holder of ours whom nobody stands for: a
// fail-over to a replica that lagged behind brings back places in the queue that were
// served or given up on the old master. Nobody would release it, so that each stray
// would block the name for a whole expiry. Its push tells of it, and it is given back.
//
// So we have to know whom we do stand for: who asks or waits, or holds what it got by
// waiting. Others are never pushed to.

// enlist notes that w begins to ask. With ls.mu held.
func (ls *lines) enlist(w *waiter) {
	if ls.waited == nil {
		ls.waited = make(map[string]*waiter)
	}
	if len(ls.waited) >= ls.sweepAt {
		for holder, w := range ls.waited {
			if w.over() {
				delete(ls.waited, holder)
			}
		}
		ls.sweepAt = 2*len(ls.waited) + minSweep
	}
	ls.waited[w.req.Holder] = w
}

// minSweep is how many holders are noted before those who are done are swept out.
const minSweep = 1024

// delist forgets w: it holds nothing, or has what it holds without ever having been in
// the queue.
func (ls *lines) delist(w *waiter) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.waited, w.req.Holder)
}

// over reports whether w has nothing any more that a push could be about. It may say
// no for a while after that.
func (w *waiter) over() bool {
	l := w.lease.Load()
	if l == nil {
		return w.gaveUp.Load()
	}
	h := l.hold
	if h.givingBack.Load() || !h.mu.TryLock() {
		return false
	}
	defer h.mu.Unlock()
	return h.end != nil || !h.deadline.IsZero() && !time.Now().Before(h.deadline)
}

// dismiss gives back what was handed to holder, if it is a stray.
func (l *line) dismiss(holder string) {
	k := l.core
	if driver.ClientOf(holder) != k.client.ID() || k.lines.standsFor(holder) {
		return
	}
	done := k.track()
	go func() {
		defer done()
		k.tidy(context.Background(), func(ctx context.Context) error {
			return ignoreLost(k.caps.Queue.Leave(ctx, l.name, holder))
		})
	}()
}

func (ls *lines) standsFor(holder string) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	w := ls.waited[holder]
	return w != nil && !w.over()
}
