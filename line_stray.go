package cachify

import (
	"context"
)

// A stray is a slot that the store hands to a holder of ours whom nobody stands for: a
// fail-over to a replica that lagged behind brings back places in the queue that were
// served or given up on the old master. Nobody would release it, so that each stray
// would block the name for a whole expiry. Its push tells of it, and it is given back.
//
// It is given back only if we know that we have stood for that holder and do so no
// more: it has waited, and what it got is over. What other pushes are about may be held.

// enlist notes that w begins to ask. With ls.mu held.
func (ls *lines) enlist(w *waiter) {
	if ls.waited == nil {
		ls.waited = make(map[string]*waiter)
	}
	if len(ls.waited) >= ls.sweepAt {
		ls.sweep()
	}
	ls.waited[w.req.Holder] = w
}

// minSweep is how many holders are noted before those who are done are swept out.
const minSweep = 1024

// sweep keeps of those who are done only who they were, until the next sweep. With
// ls.mu held.
func (ls *lines) sweep() {
	ls.bygone = make(map[string]struct{})
	for holder, w := range ls.waited {
		if w.over() {
			ls.bygone[holder] = struct{}{}
			delete(ls.waited, holder)
		}
	}
	ls.sweepAt = 2*len(ls.waited) + minSweep
}

// delist forgets w, which has what it holds without ever having been in the queue.
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
	if h.settings.minHold > 0 && h.core.since(h.acquired) < h.settings.minHold+strayAfter {
		return false // what was released is still held, for the others
	}
	return h.ended.Err != nil || h.core.now() >= h.deadline
}

// dismiss gives back what was handed to holder, if it is a stray.
func (l *line) dismiss(holder string) {
	k := l.core
	if !k.lines.isStray(holder) {
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

func (ls *lines) isStray(holder string) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if w := ls.waited[holder]; w != nil {
		return w.over()
	}
	_, known := ls.bygone[holder]
	return known
}
