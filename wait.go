package cachify

import (
	"container/list"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/internal/lazyctx"
)

// waiter is one acquisition that waits in a line.
type waiter struct {
	acq  *acquisition
	req  driver.AcquireRequest
	ctx  context.Context // of the acquisition
	line *line
	elem *list.Element // its place in the line; nil once it has left

	queued   bool                  // the store has it in its queue
	queuedAt moment                // since when, at the latest
	handed   bool                  // it was handed a slot
	result   chan outcome          // takes one
	lease    atomic.Pointer[Lease] // what it made of that
	gaveUp   atomic.Bool
	held     driver.HeldError // the refusal
}

// outcome is how waiting ended, other than by the waiter's own will.
type outcome struct {
	grant    driver.Grant
	deadline moment
	err      error
}

// wait acquires, in line if it must.
func (l *Lease) wait(ctx context.Context) (*Lease, error) {
	a := &l.own.acquisition
	ended := a.core.track()
	if a.core.closed.Load() {
		ended()
		return nil, errInstanceClosed
	}
	w := &waiter{acq: a, req: a.request(), ctx: ctx, result: make(chan outcome, 1)}
	ends := newDeadline(a.settings.wait)
	defer ends.stop()

	out, settled := w.ask(ctx, ends)
	if !settled {
		out = w.stand(ctx, ends)
	}
	w.leave()
	if out.err == nil {
		defer ended()
		if err := l.granted(out.grant, out.deadline); err != nil {
			w.gaveUp.Store(true)
			return nil, err
		}
		w.lease.Store(l)
		if settled && !a.failed.Load() {
			a.core.lines.delist(w)
		}
		return l, nil
	}
	w.gaveUp.Store(true)
	a.abandon(ctx, w.req, ended)
	a.core.released(a.name)
	return nil, a.answer(out.err)
}

// deadline is the end of a wait; nil C: none.
type deadline struct {
	C     <-chan time.Time
	timer *time.Timer
}

func newDeadline(d time.Duration) deadline {
	if d == Forever {
		return deadline{}
	}
	t := time.NewTimer(d)
	return deadline{t.C, t}
}

func (d deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// ask makes the first attempt, again and again as long as the store fails. Unless it
// returns settled, w stands in its line.
func (w *waiter) ask(ctx context.Context, ends deadline) (out outcome, settled bool) {
	for i := 1; ; i++ {
		out, answered := w.askOnce(ctx)
		if answered {
			return out, !errors.Is(out.err, driver.ErrHeld)
		}
		w.acq.failed.Store(true)
		p := time.NewTimer(jitter(min(retryPause<<min(i, 10), w.acq.core.LockPollInterval)))
		select {
		case <-p.C:
			continue
		case handed := <-w.result:
			out = handed
		case <-ctx.Done():
			out = w.giveUp(ctx.Err())
		case <-ends.C:
			out = w.giveUp(errors.Join(ErrTimeout, out.err))
		}
		p.Stop()
		return out, true
	}
}

// askOnce makes one attempt. If the store failed, nothing is answered.
func (w *waiter) askOnce(ctx context.Context) (out outcome, answered bool) {
	lines := &w.acq.core.lines
	var limited lazyctx.Context
	limited.Start(ctx, &w.acq.core.limits)
	defer limited.Stop()
	sent := w.acq.core.now()
	g, err := lines.ask(&limited, w)
	held := (*driver.HeldError)(nil)
	switch {
	case err == nil:
		return outcome{grant: g, deadline: localDeadline(sent, g.TTL)}, true
	case errors.As(err, &held):
		w.held = *held
		lines.join(w, exchange{sent, held.At}, held.RetryAfter)
		return outcome{err: err}, true
	case !isFailure(err):
		return outcome{err: err}, true
	}
	if ctx.Err() == nil {
		err = w.acq.core.failure("acquire", w.req.Name, err)
	}
	return outcome{err: err}, false
}

// stand waits in line for the outcome, and reports that it does.
func (w *waiter) stand(ctx context.Context, ends deadline) outcome {
	r := w.newReport()
	defer r.stop()
	for {
		select {
		case out := <-w.result:
			return out
		case <-r.tick:
			r.due(w)
		case <-r.looked:
			r.now(w)
		case <-ctx.Done():
			return w.giveUp(ctx.Err())
		case <-ends.C:
			return w.last()
		}
	}
}

// last leaves the line because the time to wait is over, and returns what had come
// by then.
func (w *waiter) last() outcome {
	w.leave()
	select {
	case out := <-w.result:
		return out
	default:
		e := w.event()
		return w.giveUp(w.acq.refusal(&driver.HeldError{Holder: e.Holder, RetryAfter: e.RetryAfter}, e.Waited))
	}
}

// giveUp tells that w does not wait any longer.
func (w *waiter) giveUp(err error) outcome {
	if ev := w.acq.core.Events; ev.TimedOut != nil {
		ev.TimedOut(w.event())
	}
	return outcome{err: err}
}

// event is the refusal, with what is known by now.
func (w *waiter) event() WaitEvent {
	e := w.acq.waitEvent(&w.held)
	if l := w.line; l != nil {
		l.mu.Lock()
		e.Holder, e.RetryAfter = l.holder, l.untilEnd()
		l.mu.Unlock()
	}
	return e
}

// report is the "still waiting" of one waiter: at once, and after each interval.
type report struct {
	tick   <-chan time.Time
	looked <-chan struct{}
	timer  *time.Timer
}

func (w *waiter) newReport() *report {
	r := &report{}
	if w.acq.core.Events.Waiting == nil {
		return r
	}
	r.timer = time.NewTimer(w.acq.core.LockPollInterval)
	r.tick = r.timer.C
	w.acq.core.Events.Waiting(w.event())
	return r
}

func (r *report) stop() {
	if r.timer != nil {
		r.timer.Stop()
	}
}

// due reports, unless the holder's lease ends just now: then the look that finds
// out has the word.
func (r *report) due(w *waiter) {
	if len(w.result) > 0 {
		return // the wait is over
	}
	if looked := w.line.endsNow(); looked != nil {
		r.looked = looked
		return
	}
	r.now(w)
}

func (r *report) now(w *waiter) {
	if len(w.result) > 0 {
		return // the wait is over
	}
	r.looked = nil
	r.timer.Reset(w.acq.core.LockPollInterval)
	w.acq.core.Events.Waiting(w.event())
}
