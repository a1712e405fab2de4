package workload

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// client is one run.
type client struct {
	Config
	c      *cachify.Cachify
	rec    *history.Recorder
	res    Resource
	caches []*cache
	busy   sync.WaitGroup // what outlives its operation
}

// Run does what cfg says until the time for it is over, or ctx has ended, and returns
// when all that it began has ended too. The end of ctx is the end of all that is under
// way; leases are given back all the same. An error is a mistake in cfg: whatever the
// store does is written down, and not an error.
func Run(ctx context.Context, c *cachify.Cachify, rec *history.Recorder, res Resource, cfg Config) error {
	r := &client{Config: cfg.withDefaults(), c: c, rec: rec, res: res}
	if err := r.makeCaches(); err != nil {
		return err
	}
	var end <-chan time.Time
	if r.Duration > 0 {
		t := time.NewTimer(r.Duration)
		defer t.Stop()
		end = t.C
	}
	over, stop := context.WithCancel(ctx)
	defer stop()
	var workers sync.WaitGroup
	for w := range r.Workers {
		workers.Go(func() { r.work(ctx, over, w) })
	}
	done := make(chan struct{})
	go func() {
		workers.Wait()
		r.busy.Wait()
		close(done)
	}()
	select {
	case <-end:
		stop()
	case <-done:
	}
	<-done
	return nil
}

// work is one goroutine. Operations run under ctx, and are begun until over.
func (r *client) work(ctx, over context.Context, worker int) {
	for n := 0; r.Operations == 0 || n < r.Operations; n++ {
		p := r.plan(worker, n)
		if sleep(over, p.upTo(r.MaxPause)) != nil {
			return
		}
		switch m := r.Mix; p.pick(m.Lock, m.Pool, m.Once, m.Cached, m.Force) {
		case 0:
			r.lock(ctx, p)
		case 1:
			r.pool(ctx, p)
		case 2:
			r.once(ctx, p)
		case 3:
			r.cached(ctx, p)
		case 4:
			r.force(ctx, p)
		}
	}
}

// sleep waits for d, or for the end of ctx. It waits for no time at all too.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outcome says how an operation ended.
func outcome(err error) history.Outcome {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case err == nil:
		return history.OK
	case is(cachify.ErrInvalid), is(cachify.ErrUnsupported):
		return history.Invalid
	case is(cachify.ErrStore):
		return history.Unknown
	case is(cachify.ErrTimeout):
		return history.TimedOut
	case is(cachify.ErrLocked), is(cachify.ErrPoolFull):
		return history.Held
	case is(cachify.ErrPoolSize):
		return history.Limit
	case is(cachify.ErrLost):
		return history.Lost
	case is(cachify.ErrExpired):
		return history.Expired
	case is(cachify.ErrNotFound):
		return history.NotFound
	case is(context.Canceled), is(context.DeadlineExceeded):
		return history.Cancelled
	}
	return history.Unknown
}

// ended is an event of an operation's end.
func ended(e history.Event, err error) history.Event {
	e.Layer, e.Outcome = history.User, outcome(err)
	if err != nil {
		e.Error = err.Error()
	}
	return e
}
