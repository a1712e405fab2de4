package workload

import (
	"context"
	"errors"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// acquirer is a lock or a pool.
type acquirer interface {
	Acquire(ctx context.Context) (*cachify.Lease, error)
}

// wish is one acquisition, and what is done with what it brings.
type wish struct {
	history.Event // that of the call
	minHold       time.Duration
	patience      time.Duration // after which ctx ends; 0: never
	reentrant     bool
	watched       bool // until its context ends
	extension     time.Duration
}

// lock acquires a lock and holds it for a while.
func (r *client) lock(ctx context.Context, p plan) {
	w := r.wish(p, history.Lock)
	w.Limit, w.Slots = 1, 1
	if p.chance(8) {
		w.minHold = p.between(driver.MinTTL, w.TTL)
	}
	w.reentrant = p.chance(6)
	opts := []cachify.LockOption{cachify.Expiry(w.TTL)}
	if w.Wait > 0 {
		opts = append(opts, cachify.Wait(w.Wait))
	}
	if w.KeepAlive {
		opts = append(opts, cachify.KeepAlive())
	}
	if w.minHold > 0 {
		opts = append(opts, cachify.MinHold(w.minHold))
	}
	if w.reentrant {
		opts = append(opts, cachify.Reentrant())
	}
	r.hold(ctx, p, w, r.c.Lock(w.Key, opts...))
}

// pool acquires slots of a pool and holds them for a while.
func (r *client) pool(ctx context.Context, p plan) {
	w := r.wish(p, history.Pool)
	w.Limit = limitOf(w.Key)
	w.Slots = 1
	if p.chance(3) {
		w.Limit++ // one who has not heard of the size that the others agree on
	}
	if p.chance(30) {
		w.Slots += p.IntN(w.Limit)
	}
	opts := []cachify.PoolOption{cachify.SlotExpiry(w.TTL), cachify.Slots(w.Slots)}
	if w.Wait > 0 {
		opts = append(opts, cachify.Wait(w.Wait))
	}
	if w.KeepAlive {
		opts = append(opts, cachify.KeepAlive())
	}
	r.hold(ctx, p, w, r.c.Pool(w.Key, w.Limit, opts...))
}

// limitOf is the size of the pool of that key: 2, 3 or 4.
func limitOf(key string) int { return 2 + int(key[len(key)-1]-'0')%3 }

func (r *client) wish(p plan, verb history.Verb) wish {
	w := wish{Event: history.Event{Layer: history.User, Op: history.Acquire, Verb: verb, Key: r.name(string(verb), p.key(&r.Config))}}
	w.TTL = max(p.between(r.MinExpiry, r.MaxExpiry), driver.MinTTL)
	w.KeepAlive = p.chance(30)
	w.watched = p.chance(70)
	w.extension = w.TTL
	if !w.KeepAlive && p.chance(50) {
		w.extension += p.upTo(r.MaxExpiry)
	}
	switch p.pick(35, 35, 30) {
	case 1:
		w.Wait = max(p.upTo(r.MaxWait), driver.MinTTL)
		if p.chance(20) {
			w.patience = p.upTo(r.MaxWait)
		}
	case 2:
		w.Wait = history.Forever
		w.patience = p.upTo(2 * r.MaxWait)
	}
	return w
}

// held is a lease and what to call it.
type held struct {
	lease *cachify.Lease
	wish
	id uint64 // of its Acquire
}

func (r *client) hold(ctx context.Context, p plan, w wish, from acquirer) {
	asking := ctx
	if w.patience > 0 {
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, w.patience)
		defer cancel()
	}
	id := r.rec.Call(w.Event)
	lease, err := from.Acquire(asking)
	if err != nil {
		r.rec.Return(id, ended(history.Event{Op: history.Acquire, Verb: w.Verb, Key: w.Key}, err))
		return
	}
	h := held{lease, w, id}
	r.rec.Return(id, history.Event{
		Layer: history.User, Op: history.Acquire, Verb: w.Verb, Key: w.Key, Outcome: history.OK,
		Fence: lease.Fence(), Holder: lease.Holder(), Slots: lease.Slots(), Deadline: r.deadline(lease),
	})
	unwatch := func() {}
	if w.watched {
		unwatch = r.watch(h)
	}
	defer unwatch()
	r.use(ctx, p, h, from)
}

// deadline returns until when the lease is believed to last, and never more than that.
func (r *client) deadline(l *cachify.Lease) time.Duration {
	now := r.rec.Now()
	left := l.Remaining()
	switch left {
	case cachify.NoExpiry:
		return history.Forever
	case 0:
		return 0
	}
	return now + left
}

// watch notes when the lease's context ends before it is released.
func (r *client) watch(h held) (stop func()) {
	r.busy.Add(1)
	lctx := h.lease.Context()
	unhook := context.AfterFunc(lctx, func() {
		defer r.busy.Done()
		r.noteEnd(context.Cause(lctx), history.Event{Verb: h.Verb, Key: h.Key, Lease: h.id})
	})
	return func() {
		if unhook() {
			r.busy.Done()
		}
	}
}

// noteEnd notes that what e is about is over, unless it was released.
func (r *client) noteEnd(cause error, e history.Event) {
	if errors.Is(cause, cachify.ErrLost) || errors.Is(cause, cachify.ErrExpired) {
		e.Op = history.Ended
		r.rec.Note(ended(e, cause))
	}
}

// use holds the lease, and gives it back.
func (r *client) use(ctx context.Context, p plan, h held, from acquirer) {
	forgotten := p.chance(5) && !h.KeepAlive && h.minHold == 0
	frozen := p.chance(12)
	hold := p.upTo(r.MaxHold)
	if p.chance(20) {
		hold = p.upTo(2 * h.TTL) // perhaps too long
	}
	for steps := p.IntN(4); steps > 0; steps-- {
		if sleep(ctx, hold/4) != nil {
			break
		}
		switch p.pick(40, 30, 20, 10) {
		case 0:
			r.write(ctx, h, true)
		case 1:
			r.believe(h)
		case 2:
			r.extend(ctx, p, h)
		case 3:
			if h.reentrant {
				r.again(h, from)
			}
		}
	}
	_ = sleep(ctx, hold/4)
	if frozen && h.Verb == history.Lock && !h.KeepAlive {
		// As one who is stopped after the last look: it comes back when its time is over.
		_ = sleep(ctx, p.upTo(2*h.TTL))
		r.write(ctx, h, false)
	}
	if forgotten {
		return
	}
	r.release(ctx, h)
}

// write writes to the resource, if careful only when it believes that it may.
func (r *client) write(ctx context.Context, h held, careful bool) {
	if h.Verb != history.Lock || careful && !r.believe(h) {
		return
	}
	e := history.Event{Layer: history.User, Op: history.Write, Verb: h.Verb, Key: h.Key, Fence: h.lease.Fence(), Lease: h.id}
	id := r.rec.Call(e)
	ok, err := r.res.Write(ctx, h.Key, h.lease.Fence(), h.lease.Holder())
	switch {
	case err != nil:
		e.Outcome, e.Error = history.Unknown, err.Error()
	case ok:
		e.Outcome = history.OK
	default:
		e.Outcome = history.Refused
	}
	r.rec.Return(id, e)
}

// believe looks whether the lease is held, and notes until when.
func (r *client) believe(h held) bool {
	until := r.deadline(h.lease)
	if until == 0 {
		return false
	}
	r.rec.Note(history.Event{Layer: history.User, Op: history.Believe, Verb: h.Verb, Key: h.Key, Lease: h.id, Fence: h.lease.Fence(), Deadline: until})
	return true
}

// extend sets the lease to end later than it would have. All extensions of a lease are by
// the same time, because a shorter one that arrives twice undoes a longer one; but see
// [Config].Shorten.
func (r *client) extend(ctx context.Context, p plan, h held) {
	d := h.extension
	if r.Shorten {
		d = max(p.upTo(h.TTL+r.MaxExpiry), driver.MinTTL)
	}
	if h.minHold > 0 && d < h.TTL {
		d = h.TTL
	}
	e := history.Event{Layer: history.User, Op: history.Extend, Verb: h.Verb, Key: h.Key, Lease: h.id, TTL: d}
	id := r.rec.Call(e)
	err := h.lease.Extend(ctx, d)
	e = ended(e, err)
	e.Deadline = r.deadline(h.lease)
	r.rec.Return(id, e)
}

// again acquires the lock inside itself. It shares the lease, and so is not another
// acquisition.
func (r *client) again(h held, from acquirer) {
	inner, err := from.Acquire(h.lease.Context())
	if err != nil {
		return // it is over
	}
	if inner.Fence() == h.lease.Fence() {
		_ = inner.Release(h.lease.Context())
		return
	}
	e := history.Event{Layer: history.User, Op: history.Acquire, Verb: h.Verb, Key: h.Key, Outcome: history.OK, TTL: h.TTL, Limit: 1, Slots: 1}
	id := r.rec.Call(e)
	e.Fence, e.Holder, e.Deadline = inner.Fence(), inner.Holder(), r.deadline(inner)
	r.rec.Return(id, e)
	r.release(context.Background(), held{inner, wish{Event: e}, id})
}

func (r *client) release(ctx context.Context, h held) {
	e := history.Event{Layer: history.User, Op: history.Release, Verb: h.Verb, Key: h.Key, Lease: h.id}
	id := r.rec.Call(e)
	r.rec.Return(id, ended(e, h.lease.Release(ctx)))
}

// force ends all leases on a key.
func (r *client) force(ctx context.Context, p plan) {
	verb := []history.Verb{history.Lock, history.Pool, history.Once}[p.IntN(3)]
	key := r.name(string(verb), r.Keys-1)
	e := history.Event{Layer: history.User, Op: history.Reset, Verb: verb, Key: key}
	id := r.rec.Call(e)
	var err error
	switch verb {
	case history.Lock:
		err = r.c.Lock(key).ForceRelease(ctx)
	case history.Pool:
		err = r.c.Pool(key, limitOf(key)).ForceRelease(ctx)
	default:
		err = r.c.Once(key).ForceRelease(ctx)
	}
	r.rec.Return(id, ended(e, err))
}
