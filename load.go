package cachify

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/internal/envelope"
)

const suffixLoad = "-load"

// source is the function to run.
type source[R any] func(context.Context) (R, error)

// loaded is how a run ended.
type loaded[R any] struct {
	value  R
	err    error
	panics *PanicError
	found  time.Time // if it was found in the store after all: when that was asked
}

// get returns what is remembered under name, or runs fn.
func (c *cache[R]) get(ctx context.Context, k *core, name string, fn source[R]) (R, error) {
	load := func(ctx context.Context, f *flight) *loaded[R] { return c.load(ctx, k, f, fn) }
	for {
		begun := time.Now()
		run, outdated := k.loads.find(name)
		s, err := c.look(ctx, k, name)
		var none R
		switch {
		case s.object != nil:
			k.hit(name)
			return c.result(s.object)
		case errors.Is(err, ErrClosed):
			return none, err
		case ctx.Err() != nil:
			return none, ctx.Err()
		case err == nil && run != nil && outdated(s.version):
			run.close() // another instance may have reset the key: what it brings is not for us
		}
		l, err := c.shared(ctx, k, name, false, load)
		if err != nil {
			return none, err
		}
		if l.found.IsZero() || !l.found.Before(begun) {
			return c.outcome(l)
		} // else another instance may have reset the key in between
	}
}

func (k *core) hit(name string) {
	if k.Events.Hit != nil {
		k.Events.Hit(CacheEvent{Key: userKey(k, name)})
	}
}

// refresh runs fn whatever is remembered. It joins no run that is under way, which
// may have begun before what it has to see.
func (c *cache[R]) refresh(ctx context.Context, k *core, name string, fn source[R]) (R, error) {
	l, err := c.shared(ctx, k, name, true, func(ctx context.Context, f *flight) *loaded[R] {
		return c.reload(ctx, k, f, fn)
	})
	if err != nil {
		var none R
		return none, err
	}
	return c.outcome(l)
}

// shared does do, or waits for a run under way.
func (c *cache[R]) shared(ctx context.Context, k *core, name string, anew bool, do func(context.Context, *flight) *loaded[R]) (*loaded[R], error) {
	v, err := k.loads.do(ctx, name, anew, func(ctx context.Context, f *flight) any {
		defer k.track()()
		return guarded(ctx, f, do)
	})
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, ErrGoexit
	}
	if l, ok := v.(*loaded[R]); ok {
		return l, nil
	}
	// Another function uses the key for another type: it is no use to us.
	return guarded(ctx, &flight{all: &k.loads, name: name}, do), nil
}

// outcome is what a caller who waited for a run gets of it.
func (c *cache[R]) outcome(l *loaded[R]) (R, error) {
	if l.panics != nil {
		panic(l.panics)
	}
	return c.copied(l.value), l.err
}

// guarded turns a panic into a result.
func guarded[R any](ctx context.Context, f *flight, do func(context.Context, *flight) *loaded[R]) (l *loaded[R]) {
	defer func() {
		if p := recover(); p != nil {
			l = &loaded[R]{panics: asPanicError(p)}
		}
	}()
	return do(ctx, f)
}

// asPanicError is called where p was recovered. What was one already stays as it is.
func asPanicError(p any) *PanicError {
	if e, ok := p.(*PanicError); ok {
		return e
	}
	return &PanicError{Value: p, Stack: debug.Stack()}
}

// load is the run behind a miss. Another run may have ended since the caller's look:
// then there is nothing to do.
func (c *cache[R]) load(ctx context.Context, k *core, f *flight, fn source[R]) *loaded[R] {
	if c.loadLock {
		lease, err := lockLoad(ctx, k, f.name)
		if err != nil {
			return &loaded[R]{err: err}
		}
		if lease != nil {
			defer func() {
				f.close() // like after a clean-up: see fill
				ctx := context.WithoutCancel(ctx)
				aside(k.track(), func() { _ = lease.Release(ctx) })
			}()
		}
	}
	r, err := c.reserve(ctx, k, f.name)
	if over(ctx, err) {
		return &loaded[R]{err: err}
	}
	if r.object != nil {
		k.hit(f.name)
		return &loaded[R]{value: r.object.value, err: r.object.err(), found: r.at}
	}
	if k.Events.Miss != nil {
		k.Events.Miss(CacheEvent{Key: userKey(k, f.name)})
	}
	return c.fill(ctx, k, f, r, fn)
}

// reload is the run of a refresh.
func (c *cache[R]) reload(ctx context.Context, k *core, f *flight, fn source[R]) *loaded[R] {
	r, err := c.reserveAnew(ctx, k, f.name)
	if over(ctx, err) {
		return &loaded[R]{err: err}
	}
	return c.fill(ctx, k, f, r, fn)
}

// over reports whether err ends a load before its function has run: nobody waits for
// it any more, or the store is closed. Any other failure of the store does not.
func over(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, ErrClosed))
}

// lockLoad holds a lock on the load of name over all processes. A store that fails
// costs the lock, not the load: so there is a first attempt that does not wait, and
// waiting has an end, to tell a store that fails from another load that takes long.
func lockLoad(ctx context.Context, k *core, name string) (*Lease, error) {
	lease := func() *Lease {
		l := &Lease{}
		l.own.acquisition = acquisition{
			core: k, verb: VerbCached, key: userKey(k, name), name: name + suffixLoad, limit: 1, begun: k.now(), parent: ctx,
			settings: leaseSettings{
				wait: DefaultLockExpiration, expiry: DefaultLockExpiration, slots: 1,
				keepAlive: k.caps.Lacks&driver.LackExtend == 0,
			},
		}
		return l
	}
	l := lease()
	err := l.attempt(ctx)
	for errors.Is(err, driver.ErrHeld) || errors.Is(err, ErrLocked) {
		l, err = lease().acquire(ctx)
	}
	if err == nil {
		return l, nil
	}
	if !over(ctx, err) {
		err = nil
	}
	return nil, err
}

// fill runs fn and stores what it returns, if that is to be stored.
func (c *cache[R]) fill(ctx context.Context, k *core, f *flight, r reserved[R], fn source[R]) *loaded[R] {
	f.reserved(r.version)
	stored := false
	defer func() {
		if r.own && !stored { // also after a panic
			f.close() // the clean-up can take a while, and who calls in it is not to join
			k.cleanUp(ctx, k.track(), func(ctx context.Context) error { return c.unreserve(ctx, k, f.name, r) })
		}
	}()
	notes := &resultNotes{}
	o, err := c.run(context.WithValue(ctx, resultNotesKey{}, notes), k, f.name, fn)
	l := &loaded[R]{value: o.value, err: err}
	if err != nil && o.kind != envelope.NotFound {
		return l
	}
	if o.ttl = c.ttlOf(k, o.kind, notes); o.ttl == 0 || r.version == 0 {
		return l
	}
	if o.ttl != NoExpiry {
		// While the store takes its time others still join the run, but not for longer
		// than the result is good for.
		old := time.AfterFunc(o.ttl, f.close)
		defer old.Stop()
	}
	err = c.save(ctx, k, f.name, o, driver.Write{If: driver.IfVersion, Version: r.version, TTL: o.ttl})
	stored = err == nil
	switch {
	case errors.Is(err, driver.ErrConflict):
		if k.Events.Discarded != nil {
			k.Events.Discarded(CacheEvent{Key: userKey(k, f.name)})
		}
	case errors.As(err, new(*CodecError)):
		l.err = err
	}
	return l
}

// run runs fn, and tells how long it took and what it means.
func (c *cache[R]) run(ctx context.Context, k *core, name string, fn source[R]) (o *object[R], err error) {
	begun := time.Now()
	err = ErrGoexit // unless fn returns or panics
	defer func() {
		p := recover()
		if p != nil {
			err = asPanicError(p)
		}
		if k.Events.Loaded != nil {
			k.Events.Loaded(LoadEvent{Key: userKey(k, name), Took: time.Since(begun), Err: err})
		}
		if p != nil {
			panic(err)
		}
	}()
	o = &object[R]{}
	o.value, err = fn(ctx)
	if errors.Is(err, ErrNotFound) {
		o.kind = envelope.NotFound
	}
	o.created, o.cost = time.Now(), time.Since(begun)
	return o, err
}

// ttlOf is how long a result is to be remembered; 0: not at all.
func (c *cache[R]) ttlOf(k *core, kind envelope.Kind, notes *resultNotes) time.Duration {
	notes.mu.Lock()
	defer notes.mu.Unlock()
	switch {
	case notes.noStore, kind == envelope.NotFound && c.notFoundTTL == 0:
		return 0
	case notes.ttl != 0:
		return notes.ttl
	case kind == envelope.NotFound:
		return c.notFoundTTL
	case c.ttl != 0:
		return c.ttl
	}
	return k.CacheTTL
}
