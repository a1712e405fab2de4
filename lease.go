package cachify

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/internal/lazyctx"
)

// storeTimeout bounds a request to the store that the caller's ctx does not bound.
const storeTimeout = 5 * time.Second

// Lease is the right to hold a lock, a guard or slots of a pool until its time has
// run out. Its holder gives it back with Release; what it does meanwhile should run
// under Context. Safe for concurrent use.
//
// The deadline of a lease is a reading of the local monotonic clock: the expiry,
// counted from before the request for the lease was sent, less one percent for
// clocks that do not run alike. It is never later than the store's own, so when
// another can hold the key, Context has ended already. But no clock can stop a
// process that is frozen between looking at it and acting: where that matters, let
// the guarded resource check Fence.
type Lease struct {
	hold *hold
	own  hold // what hold points to, unless the lease is a re-entrant one

	release  sync.Once
	released atomic.Bool
	outcome  error
}

// hold is what all leases of one acquisition share.
type hold struct {
	acquisition // of whose ctx only the values count
	acquired    moment

	mu         sync.Mutex
	grant      driver.Grant
	ttl        time.Duration // what a renewal asks for
	deadline   moment
	doubtful   time.Duration // the shortest time an extension that failed asked for
	doubtUntil moment        // until when that may still be done
	ended      LeaseError    // why it is over; its Err is nil while it is held
	sharers    int           // leases that are not released yet
	context    context.Context
	contexts   []*held            // of the contexts that end with the hold
	watch      *time.Timer        // ends the hold at the deadline
	renewal    *time.Timer        // begins the next renewal
	turn       chan struct{}      // full while an Extend is under way; nil: none was yet
	extending  context.CancelFunc // stops the Extend under way

	givingBack atomic.Bool // the store is asked to
	acquiring  lazyctx.Context
	releasing  lazyctx.Context
}

// start makes the hold of a grant.
func (l *Lease) start(g driver.Grant, now, deadline moment) {
	h := &l.own
	l.hold = h
	h.mu.Lock() // against the timers that begin here
	defer h.mu.Unlock()
	h.acquired = now
	h.grant, h.deadline, h.sharers = g, deadline, 1
	h.ttl = h.settings.expiry
	h.deadlineMoved()
	if h.settings.keepAlive && h.ttl != NoExpiry {
		h.renewAfter(h.ttl / 3)
	}
}

// margin is what is taken off a lease's time for clocks that do not run alike.
func margin(ttl time.Duration) time.Duration { return ttl / 100 }

// localDeadline is when a lease of ttl that was asked for at sent ends for its
// holder: never later than for the store.
func localDeadline(sent moment, ttl time.Duration) moment {
	if ttl == NoExpiry {
		return never
	}
	return sent.after(ttl - margin(ttl))
}

// Key returns the key as the user knows it.
func (l *Lease) Key() string { return l.hold.key }

// Holder returns the string by which the store knows the lease: host, process, a
// random part and a number.
func (l *Lease) Holder() string { return l.hold.grant.Holder }

// Fence returns a number larger than that of every earlier lease on the same key.
// A resource that refuses whoever comes with a smaller one than it has seen is
// safe even from a holder that lost its lease without knowing (the fencing token
// of Kleppmann's "How to do distributed locking"). It is at most 2^53-1; 0 if the
// store gives none.
func (l *Lease) Fence() uint64 { return l.hold.grant.Fence }

// Slots returns how many slots of a pool the lease takes; 1 for locks and guards.
func (l *Lease) Slots() int { return l.hold.grant.Slots }

// Remaining returns the time until the lease's deadline: 0 if it is over, [NoExpiry]
// if it has none.
func (l *Lease) Remaining() time.Duration {
	h := l.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.over() != nil {
		return 0
	}
	return h.core.until(h.deadline)
}

// Err returns nil while the lease is held, and afterwards a [*LeaseError] that says
// why it is not: [ErrReleased], [ErrExpired] or [ErrLost].
func (l *Lease) Err() error {
	l.hold.mu.Lock()
	defer l.hold.mu.Unlock()
	return l.over()
}

// over returns why the lease is over, or nil. One that shares its hold with others
// can be over before the hold is. With hold.mu held.
func (l *Lease) over() error {
	if err := l.hold.over(); err != nil || !l.released.Load() {
		return err
	}
	return l.hold.endedBy(ErrReleased)
}

// Context returns a context that ends with the lease, no later than its deadline;
// context.Cause then tells why, as Err does. It has the values of the ctx that the
// lease was acquired with, but neither its end nor its deadline. Re-entrant leases
// have one Context, which ends when the last of them is released.
func (l *Lease) Context() context.Context {
	h := l.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.context == nil {
		h.context, _ = h.derive(context.WithoutCancel(h.parent))
	}
	return h.context
}

// under returns a context that ends with ctx, or with the hold, or when done is
// called.
func (l *Lease) under(ctx context.Context) (under context.Context, done func()) {
	h := l.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	under, u := h.derive(ctx)
	return under, func() { h.drop(u) }
}

// derive returns a child of parent that ends with the hold and knows of it. With
// h.mu held.
func (h *hold) derive(parent context.Context) (context.Context, *held) {
	u := &held{hold: h}
	u.outer, _ = parent.Value(heldKey{}).(*held)
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, heldKey{}, u))
	if err := h.over(); err != nil {
		cancel(err)
		return ctx, u
	}
	u.cancel = cancel
	h.contexts = append(h.contexts, u)
	h.watchDeadline()
	return ctx, u
}

// drop ends one context before the hold ends.
func (h *hold) drop(u *held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over() != nil {
		return // which has ended it
	}
	if i := slices.Index(h.contexts, u); i >= 0 {
		h.contexts = slices.Delete(h.contexts, i, i+1)
		u.cancel(h.endedBy(ErrReleased))
	}
}

// held is the chain of holds that a ctx stands under.
type held struct {
	hold   *hold
	outer  *held
	cancel context.CancelCauseFunc
}

type heldKey struct{}

// share returns a second lease on a hold of name that ctx stands under, or nil.
func (k *core) share(ctx context.Context, name string) *Lease {
	for u, _ := ctx.Value(heldKey{}).(*held); u != nil; u = u.outer {
		h := u.hold
		if h.grant.Name != name || !k.sharesStore(h.core) {
			continue
		}
		h.mu.Lock()
		alive := h.over() == nil
		if alive {
			h.sharers++
		}
		h.mu.Unlock()
		if alive {
			return &Lease{hold: h}
		}
	}
	return nil
}

// sharesStore reports whether both are on one store. A type of store that cannot be
// compared is told apart by the instance.
func (k *core) sharesStore(other *core) bool {
	if k == other {
		return true
	}
	a, b := reflect.ValueOf(k.store), reflect.ValueOf(other.store)
	return a.Comparable() && b.Comparable() && k.store == other.store
}

// over returns why the hold is over, or nil. It needs no timer to notice that the
// deadline is past. With h.mu held.
func (h *hold) over() error {
	if h.ended.Err == nil && h.core.now() >= h.deadline {
		h.finish(ErrExpired)
	}
	if h.ended.Err == nil {
		return nil
	}
	return &h.ended
}

// finish ends the hold. With h.mu held.
func (h *hold) finish(cause error) {
	h.ended = LeaseError{Key: h.key, Fence: h.grant.Fence, Err: cause}
	for _, t := range []*time.Timer{h.watch, h.renewal} {
		if t != nil {
			t.Stop()
		}
	}
	for _, u := range h.contexts {
		u.cancel(&h.ended)
	}
	h.contexts = nil
	if h.extending != nil {
		h.extending()
	}
	switch ev := h.core.Events; {
	case errors.Is(cause, ErrExpired) && ev.Expired != nil:
		ev.Expired(h.event(&h.ended))
	case errors.Is(cause, ErrLost) && ev.Lost != nil:
		ev.Lost(h.event(&h.ended))
	}
}

func (h *hold) endedBy(cause error) error {
	return &LeaseError{Key: h.key, Fence: h.grant.Fence, Err: cause}
}

// deadlineMoved is called when there is a new deadline. Only if there is somebody to
// tell when it comes, that takes a timer. With h.mu held, or before the hold is known
// to others.
func (h *hold) deadlineMoved() {
	if h.watch != nil || len(h.contexts) > 0 || h.settings.keepAlive || h.core.Events.Expired != nil {
		h.watchDeadline()
	}
}

// watchDeadline sees to it that the hold ends at its deadline although nobody
// asks. With h.mu held, or before the hold is known to others.
func (h *hold) watchDeadline() {
	if h.deadline == never {
		if h.watch != nil {
			h.watch.Stop()
		}
		return
	}
	left := h.core.until(h.deadline)
	if left <= 0 {
		_ = h.over()
		return
	}
	if h.watch != nil {
		h.watch.Reset(left)
		return
	}
	h.watch = time.AfterFunc(left, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.over() == nil {
			h.watchDeadline() // extended meanwhile
		}
	})
}

// Extend makes the lease end d from now, later or earlier than it would have. From
// 1 ms to 100 years, or [NoExpiry]. With KeepAlive, renewals go on with d. ctx
// bounds it, and so does a time limit of its own, 5 s. It returns what Err does if
// the lease is over, and an error that is [ErrLost] if the store says so; a lease is
// never made anew. After another failure of the store the lease is still held, but
// only until the earlier of the two deadlines it may have; and as the request may
// still be on its way, an Extend within the next second does not lift the deadline
// above what it asked for.
func (l *Lease) Extend(ctx context.Context, d time.Duration) error {
	if ctx == nil {
		return errNilContext
	}
	if err := checkDuration("Extend", d); err != nil {
		return err
	}
	if err := l.Err(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.hold.extend(ctx, d, storeTimeout)
}

// extend asks the store to extend, and gives it as much time as limit.
func (h *hold) extend(ctx context.Context, d, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done, err := h.takeTurn(ctx)
	if err != nil {
		return h.core.failure("extend", h.grant.Name, err)
	}
	defer done()
	h.mu.Lock()
	err = h.over()
	h.extending = cancel
	h.mu.Unlock()
	if err != nil {
		return err
	}
	sent := h.core.now()
	h.mu.Lock()
	before := h.deadline
	h.endBy(localDeadline(sent, d)) // from now on the store may do it at any moment
	h.mu.Unlock()
	g, err := h.core.store.Extend(ctx, h.grant, d)

	h.mu.Lock()
	defer h.mu.Unlock()
	h.extending = nil
	if over := h.over(); over != nil {
		return over
	}
	switch {
	case err == nil:
		h.extended(g, sent, d)
		return nil
	case errors.Is(err, driver.ErrLost):
		h.finish(ErrLost)
		return &h.ended
	case isFailure(err):
		h.doubt(d)
	default: // it was refused, so nothing was done
		h.deadline = before
		h.deadlineMoved()
	}
	return h.core.failure("extend", h.grant.Name, err)
}

// takeTurn waits until no Extend is under way. Until done is called there is none.
func (h *hold) takeTurn(ctx context.Context) (done func(), err error) {
	h.mu.Lock()
	if h.turn == nil {
		h.turn = make(chan struct{}, 1)
	}
	turn := h.turn
	h.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// endBy moves the deadline, if it is later, to m. With h.mu held.
func (h *hold) endBy(m moment) {
	if m < h.deadline {
		h.deadline = m
		h.deadlineMoved()
	}
}

// doubt notes that an extension failed: the request may still be on its way, and
// make the lease end d after it arrives, whatever others have brought until then. So
// for a while no other lifts the deadline above that. With h.mu held.
func (h *hold) doubt(d time.Duration) {
	now := h.core.now()
	if d < h.doubtful || now >= h.doubtUntil {
		h.doubtful = d
	}
	h.doubtUntil = now.after(strayAfter)
	if h.settings.keepAlive {
		h.renewAfter(min(d, h.ttl) / 3)
	}
}

// extended takes over what an extension brought. With h.mu held.
func (h *hold) extended(g driver.Grant, sent moment, ttl time.Duration) {
	h.deadline, h.ttl = localDeadline(sent, ttl), ttl
	h.grant.TTL, h.grant.At = g.TTL, g.At
	sure := ttl
	if h.core.now() < h.doubtUntil {
		sure = min(ttl, h.doubtful)
		h.endBy(localDeadline(sent, sure))
	}
	h.deadlineMoved()
	if h.settings.keepAlive {
		h.renewAfter(sure / 3)
	}
	if ev := h.core.Events; ev.Renewed != nil {
		ev.Renewed(h.event(nil))
	}
}

func (h *hold) event(err error) LeaseEvent {
	return LeaseEvent{
		Verb: h.verb, Key: h.key, Holder: h.grant.Holder, Fence: h.grant.Fence, Slots: h.grant.Slots,
		Held: h.core.since(h.acquired), Err: err,
	}
}
