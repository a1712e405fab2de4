package cachify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// acquisition is one wish for a lease, from the verb's call to its end. It is part
// of the lease that it will be.
type acquisition struct {
	core     *core
	verb     Verb
	key      string // as the user knows it
	name     string // as the store does
	limit    int
	settings leaseSettings // with expiry and slots set
	begun    moment
	parent   context.Context // the caller's

	// A request for it failed: it may reach the store late, even after the release.
	failed atomic.Bool
}

// exchange is one request and its answer: the local time before it was sent, and
// the store's clock at the answer. It ties the two clocks together.
type exchange struct {
	sent moment
	at   time.Duration
}

// acquire makes l a lease, at once or after waiting in line. It returns another one
// if l can share that.
func (l *Lease) acquire(ctx context.Context) (*Lease, error) {
	a := &l.own.acquisition
	a.parent = ctx
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := a.supported(); err != nil {
		return nil, err
	}
	if a.settings.reentrant {
		if shared := a.core.share(ctx, a.name); shared != nil {
			return shared, nil
		}
	}
	a.begun = a.core.now()
	if a.settings.wait > 0 {
		return l.wait(ctx)
	}
	err := l.attempt(ctx)
	if err == nil {
		return l, nil
	}
	if held := (*driver.HeldError)(nil); errors.As(err, &held) {
		return nil, a.refused(held)
	}
	return nil, err
}

// supported refuses at once what the store lacks.
func (a *acquisition) supported() error {
	lacks := a.core.caps.Lacks
	s := &a.settings
	switch {
	case lacks&driver.LackLimits != 0 && a.limit > 1:
		return fmt.Errorf("%w: a pool of more than one slot", ErrUnsupported)
	case lacks&driver.LackExtend != 0 && s.keepAlive && s.expiry != NoExpiry:
		return fmt.Errorf("%w: KeepAlive, since it cannot extend a lease", ErrUnsupported)
	case lacks&driver.LackExtend != 0 && s.minHold > 0:
		return fmt.Errorf("%w: MinHold, since it cannot shorten a lease", ErrUnsupported)
	}
	return nil
}

func (a *acquisition) request() driver.AcquireRequest {
	return driver.AcquireRequest{
		Name: a.name, Holder: a.core.client.NewHolder(), Limit: a.limit, Slots: a.settings.slots, TTL: a.settings.expiry,
	}
}

// attempt asks the store without waiting. A refusal is a [*driver.HeldError].
func (l *Lease) attempt(ctx context.Context) error {
	a := &l.own.acquisition
	if until, busy := a.core.occupied(a.name); busy {
		return &driver.HeldError{Name: a.name, RetryAfter: until}
	}
	req := a.request()
	l.own.acquiring.Start(ctx, &a.core.limits)
	defer l.own.acquiring.Stop()
	for i, sent := 1, a.begun; ; i, sent = i+1, a.core.now() {
		g, err := a.core.store.Acquire(&l.own.acquiring, req)
		if err == nil {
			return l.granted(g, localDeadline(sent, g.TTL))
		}
		if !isFailure(err) {
			return a.answer(err)
		}
		// What a failed request did is unknown. The same holder can ask again: if it
		// has the lease already, it gets it.
		a.failed.Store(true)
		if ctx.Err() == nil {
			err = a.core.failure("acquire", a.name, err)
		}
		if i == acquireAttempts || pause(&l.own.acquiring, jitter(retryPause<<i)) != nil {
			a.abandon(ctx, req, a.core.track())
			return cmp.Or(ctx.Err(), err)
		}
	}
}

// answer turns the store's words into the user's. A refusal stays as it is.
func (a *acquisition) answer(err error) error {
	if limit := (*driver.LimitError)(nil); errors.As(err, &limit) {
		return &PoolSizeError{Key: a.key, Size: limit.Want, Have: limit.Have}
	}
	return err
}

// granted makes the lease, unless the grant came so late that its time is over:
// then it is given back.
func (l *Lease) granted(g driver.Grant, deadline moment) error {
	a := &l.own.acquisition
	now := a.core.now()
	if now >= deadline {
		a.core.giveBack(a.parent, g)
		a.undoLater(a.parent, g.Holder)
		return &LeaseError{Key: a.key, Fence: g.Fence, Err: ErrExpired}
	}
	l.start(g, now, deadline)
	if ev := a.core.Events; ev.Acquired != nil {
		e := l.own.event(nil)
		e.Waited = time.Duration(l.own.acquired - a.begun)
		ev.Acquired(e)
	}
	return nil
}

// refused tells of a refusal, as an event and as the verb's error.
func (a *acquisition) refused(held *driver.HeldError) error {
	e, ev := a.waitEvent(held), a.core.Events
	e.Waited = 0
	switch {
	case a.verb == VerbPool && ev.Full != nil:
		ev.Full(e)
	case a.verb == VerbLock && ev.Refused != nil: // a guard will say that it was skipped
		ev.Refused(e)
	}
	return a.refusal(held, 0)
}

func (a *acquisition) waitEvent(held *driver.HeldError) WaitEvent {
	return WaitEvent{
		Verb: a.verb, Key: a.key, Holder: held.Holder, RetryAfter: held.RetryAfter, Waited: a.core.since(a.begun),
	}
}

func (a *acquisition) refusal(held *driver.HeldError, waited time.Duration) error {
	if a.verb == VerbPool {
		return &PoolFullError{
			Key: a.key, Size: a.limit, Slots: a.settings.slots, RetryAfter: held.RetryAfter, Waited: waited,
		}
	}
	return &LockedError{Key: a.key, Holder: held.Holder, RetryAfter: held.RetryAfter, Waited: waited}
}

// abandon undoes a request whose outcome is unknown or not wanted any more: a
// place in the queue, or what was granted. It waits for that a moment, so that who
// comes next finds things in order, and leaves the rest to the background. If a
// request failed it may still be under way, so that is done again later. At the end
// of the first clean-up it calls done.
func (a *acquisition) abandon(ctx context.Context, req driver.AcquireRequest, done func()) {
	a.core.cleanUp(ctx, done, a.undoing(req.Holder))
	a.undoLater(ctx, req.Holder)
}

// undoing returns what takes all from holder that it may have got.
func (a *acquisition) undoing(holder string) func(context.Context) error {
	return func(ctx context.Context) error {
		var err error
		if q := a.core.caps.Queue; q != nil {
			err = q.Leave(ctx, a.name, holder)
		} else {
			err = a.core.store.Release(ctx, driver.Grant{Name: a.name, Holder: holder})
		}
		return ignoreLost(err)
	}
}

// undoLater undoes what a request of holder does that failed and reaches the store
// late, unless the instance is closed by then. It is called when holder has nothing
// to lose any more.
func (a *acquisition) undoLater(ctx context.Context, holder string) {
	if !a.failed.Load() {
		return
	}
	time.AfterFunc(strayAfter, func() {
		defer a.core.track()()
		if !a.core.closed.Load() {
			a.core.tidy(ctx, a.undoing(holder))
		}
	})
}

// giveBack releases a grant that nobody wants.
func (k *core) giveBack(ctx context.Context, g driver.Grant) {
	k.cleanUp(ctx, k.track(), func(ctx context.Context) error { return ignoreLost(k.store.Release(ctx, g)) })
	k.released(g.Name)
}

func ignoreLost(err error) error {
	if errors.Is(err, driver.ErrLost) {
		return nil
	}
	return err
}

const (
	// cleanUpPatience is how long a caller waits for a clean-up that it started.
	cleanUpPatience = 50 * time.Millisecond

	// strayAfter is when a request that failed is taken to have reached the store if
	// it ever does.
	strayAfter = time.Second
)

// cleanUp tidies up aside.
func (k *core) cleanUp(ctx context.Context, done func(), do func(context.Context) error) {
	aside(done, func() { k.tidy(ctx, do) })
}

// aside runs do in the background, calls done at its end, and waits for that a moment.
func aside(done, do func()) {
	finished := make(chan struct{})
	go func() {
		defer done()
		defer close(finished)
		do()
	}()
	t := time.NewTimer(cleanUpPatience)
	defer t.Stop()
	select {
	case <-finished:
	case <-t.C:
	}
}

// tidy runs do, which ctx's end does not stop, until the store answers or its time
// is over.
func (k *core) tidy(ctx context.Context, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	_ = k.failure("clean up", "", retry(ctx, cleanupAttempts, do))
}
