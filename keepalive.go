package cachify

import (
	"context"
	"math/rand/v2"
	"time"
)

// renewAfter schedules the next renewal. With h.mu held.
func (h *hold) renewAfter(d time.Duration) {
	switch {
	case h.deadline == never:
		if h.renewal != nil {
			h.renewal.Stop()
		}
	case h.renewal == nil:
		h.renewal = time.AfterFunc(d, h.renew)
	default:
		h.renewal.Reset(d)
	}
}

// renew is one attempt to extend the lease. That it fails means nothing: the lease
// is held until its deadline, and until then it is tried again. Only the store's
// "not yours" ends it before. An attempt gets a sixth of the expiry, and 5 s at
// most, so that a store that hangs leaves time for others; the deadline does not wait
// for it.
func (h *hold) renew() {
	h.mu.Lock()
	if h.over() != nil {
		h.mu.Unlock()
		return
	}
	ttl := h.ttl
	h.mu.Unlock()
	err := h.extend(context.WithoutCancel(h.parent), ttl, min(ttl/6, storeTimeout))

	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil || h.over() != nil {
		return
	}
	if ev := h.core.Events; ev.RenewalFailed != nil {
		ev.RenewalFailed(h.event(err))
	}
	h.renewAfter(jitter(ttl / 20))
}

// jitter returns d, give or take half of it, so that many who failed together do
// not try again together.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d/2 + rand.N(d)
}
