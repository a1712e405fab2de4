package cachify

import (
	"container/list"
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const (
	// lineLinger is how long a line goes on listening when nobody stands in it, so
	// that a busy key is not subscribed to anew each time.
	lineLinger = time.Second

	// patienceLooks is how many looks a client may miss before the store takes it
	// for dead, and minPatience the least it is given: a process may be slow.
	patienceLooks = 10
	minPatience   = 5 * time.Second

	// soonest is the shortest time between two looks that nothing urges.
	soonest = time.Millisecond

	// looksPerSecond is how many looks that nothing urges an instance makes at most,
	// on all the names that it waits for: a store has others to serve.
	looksPerSecond = 5000

	// endsNowWithin is how near the end of the holder's lease has to be for a
	// waiter to keep its report back until the next look.
	endsNowWithin = 5 * time.Millisecond
)

// lines are those who wait on one instance: a line for each name.
type lines struct {
	mu     sync.Mutex
	byName map[string]*line
	closed bool
	count  atomic.Int64 // len(byName)

	waited  map[string]*waiter  // by holder, see line_stray.go; nil without queues
	bygone  map[string]struct{} // holders that were in waited before the last sweep
	sweepAt int                 // the length at which waited is swept
}

// line is those of this process who wait for one name. They share one
// subscription and one look.
//
// With a store that has queues ([driver.Queuer]), everybody in the line has a place
// in the store's queue; a push or a look brings the grants. With any other store,
// the look is an attempt for the first in line.
type line struct {
	core *core
	name string

	mu      sync.Mutex
	waiters list.List // of *waiter, in order
	holders map[string]*waiter
	queued  int      // how many of them are in the store's queue, as far as we know
	seen    exchange // the last exchange with the store
	renewed moment   // until when a hand-over may stand for a look, see handedOver
	holder  string   // who has the name, as of then
	ends    moment   // when a lease on the name ends; never: also if that is unknown

	timer   *time.Timer // the next look
	nextAt  moment      // when that is; never: none is planned
	looking bool
	unlook  context.CancelFunc // ends the look under way; nil: none
	again   bool               // look again when this one is done
	looked  chan struct{}      // closed after each look, if somebody asked

	stop      func() // ends the subscription; nil: none
	listening bool
	lingering *time.Timer
	gone      bool // no longer in lines
}

// occupied reports whether somebody waits in a line that the store knows nothing
// of, and if so the time after which asking again may help: a newcomer does not
// overtake.
func (k *core) occupied(name string) (time.Duration, bool) {
	if k.caps.Queue != nil {
		return 0, false
	}
	l := k.lines.find(name)
	if l == nil {
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiters.Len() == 0 {
		return 0, false
	}
	return l.untilEnd(), true
}

func (ls *lines) find(name string) *line {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byName[name]
}

// untilEnd is the time until a lease on the name ends. With l.mu held.
func (l *line) untilEnd() time.Duration {
	return l.core.until(l.ends)
}

// ask makes an attempt for w. Where the store has no queue, those who stand in line
// already go first. Where there is a line that listens, w joins it before it asks,
// so that a hand-over right after the refusal finds it.
func (ls *lines) ask(ctx context.Context, w *waiter) (driver.Grant, error) {
	k := w.acq.core
	if !ls.await(w) {
		return driver.Grant{}, errInstanceClosed
	}
	if k.caps.Queue != nil {
		return k.caps.Queue.Enqueue(ctx, w.req, k.patience())
	}
	if until, busy := k.occupied(w.req.Name); busy {
		return driver.Grant{}, &driver.HeldError{Name: w.req.Name, RetryAfter: until}
	}
	return k.store.Acquire(ctx, w.req)
}

// await notes that w asks, and puts it into its line if there is one that listens;
// false: all lines are closed.
func (ls *lines) await(w *waiter) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if w.acq.core.caps.Queue != nil {
		ls.enlist(w)
	}
	if l := ls.byName[w.req.Name]; l != nil && w.line == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.listening {
			l.add(w)
		}
	}
	return !ls.closed
}

// interval is the time from one look at a name to the next: the one that the user
// set, unless there are so many names that this would be too many looks.
func (k *core) interval() time.Duration {
	return max(k.LockPollInterval, time.Duration(k.lines.count.Load())*(time.Second/looksPerSecond))
}

// patience is how long the store keeps a place in its queue for a client that does
// not look.
func (k *core) patience() time.Duration {
	interval := k.interval()
	if interval > math.MaxInt64/patienceLooks {
		return NoExpiry
	}
	return max(patienceLooks*interval, minPatience)
}

// join puts w, which was refused, into its line, and sees to it that the line will
// look.
func (ls *lines) join(w *waiter, x exchange, retryAfter time.Duration) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		w.deliver(outcome{err: errInstanceClosed})
		return
	}
	l := w.line
	if l == nil {
		if l = ls.byName[w.req.Name]; l == nil {
			l = &line{core: w.acq.core, name: w.req.Name, holders: make(map[string]*waiter), ends: never, nextAt: never}
			if ls.byName == nil {
				ls.byName = make(map[string]*line)
			}
			ls.byName[w.req.Name] = l
			ls.count.Add(1)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.line == nil {
		l.add(w)
		if l.core.caps.Queue != nil {
			l.lookAt(l.core.now()) // a hand-over may have come before we listened
		}
	}
	w.queuedAt = l.core.now()
	w.setQueued(true)
	l.note(x, retryAfter, w.held.Holder)
	l.lookSoon()
}

// setQueued notes whether w has a place in the store's queue. With l.mu held.
func (w *waiter) setQueued(is bool) {
	switch {
	case is && !w.queued:
		w.line.queued++
	case !is && w.queued:
		w.line.queued--
	}
	w.queued = is
}

// add appends w. With l.mu held.
func (l *line) add(w *waiter) {
	w.line, w.elem = l, l.waiters.PushBack(w)
	l.holders[w.req.Holder] = w
	if l.lingering != nil {
		l.lingering.Stop()
	}
}

// leave takes w out of its line. The last one leaves the subscription behind for a
// while.
func (w *waiter) leave() {
	l := w.line
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(w)
}

// remove is leave with l.mu held.
func (l *line) remove(w *waiter) {
	if w.elem == nil {
		return
	}
	l.waiters.Remove(w.elem)
	w.elem = nil
	w.setQueued(false)
	delete(l.holders, w.req.Holder)
	if l.waiters.Len() > 0 {
		return
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	l.nextAt = never
	if l.lingering == nil {
		l.lingering = time.AfterFunc(lineLinger, l.retire)
		return
	}
	l.lingering.Reset(lineLinger)
}

// retire forgets a line that stayed empty.
func (l *line) retire() {
	ls := &l.core.lines
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiters.Len() > 0 || l.gone {
		return
	}
	l.end()
	delete(ls.byName, l.name)
	ls.count.Add(-1)
}

// end stops the subscription, the look under way and all timers. With l.mu held.
func (l *line) end() {
	l.gone = true
	for _, t := range []*time.Timer{l.timer, l.lingering} {
		if t != nil {
			t.Stop()
		}
	}
	if l.unlook != nil {
		l.unlook()
	}
	if l.stop != nil {
		l.stop()
		l.stop, l.listening = nil, false
	}
}

// close sends everybody home.
func (ls *lines) close() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.closed = true
	for _, l := range ls.byName {
		l.mu.Lock()
		l.end()
		l.fail(errInstanceClosed)
		l.mu.Unlock()
	}
	ls.byName = nil
}

// fail gives everybody in line the same error. With l.mu held.
func (l *line) fail(err error) {
	for e := l.waiters.Front(); e != nil; e = e.Next() {
		e.Value.(*waiter).deliver(outcome{err: err})
	}
}

// deliver ends a wait. Only the first outcome counts: a grant that comes twice is
// the same grant, and one that comes after an error is given back. No grant is
// delivered to a waiter that has left its line.
func (w *waiter) deliver(out outcome) {
	select {
	case w.result <- out:
	default:
	}
}

// note remembers an exchange with the store. With l.mu held.
func (l *line) note(x exchange, retryAfter time.Duration, holder string) {
	if x.sent < l.seen.sent {
		return
	}
	l.seen, l.holder = x, holder
	l.ends = never
	if retryAfter < driver.MaxTTL {
		l.ends = l.core.now().after(retryAfter)
	}
}

// endsNow returns a channel that closes at the next look, if the holder's lease
// ends about now; nil otherwise.
func (l *line) endsNow() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.core.until(l.ends) > endsNowWithin {
		return nil
	}
	if l.looked == nil {
		l.looked = make(chan struct{})
	}
	return l.looked
}

// granted delivers a grant of an exchange with the store, or of a push. One for
// nobody in line is that of a lease we know of, or of one who has left and sees to
// it himself. With l.mu held.
func (l *line) granted(g driver.Grant, x exchange) {
	w := l.holders[g.Holder]
	if w == nil {
		return
	}
	l.holder = g.Holder
	w.setQueued(false)
	w.handed = true
	w.deliver(outcome{grant: g, deadline: localDeadline(l.core.local(x, g.At), g.TTL)})
}

// local is the moment, or one before it, of what the store did on its own some time
// after x, when its clock read at. By that clock we know how long after x it was;
// should it have jumped, the time that has really passed is a bound.
func (k *core) local(x exchange, at time.Duration) moment {
	return x.sent.after(min(at-x.at, k.since(x.sent)))
}

// woken is called by the store's pushes.
func (l *line) woken(wake driver.Wake) {
	if !l.heard(wake) {
		l.dismiss(wake.Grant.Holder)
	}
}

// heard reports whether the push was for somebody in line, or for the line itself.
func (l *line) heard(wake driver.Wake) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wake.Grant.Holder == "" {
		l.lookAt(l.core.now())
		return true
	}
	w := l.holders[wake.Grant.Holder]
	if w == nil {
		return false
	}
	l.granted(wake.Grant, l.seen)
	l.handedOver(w, wake.Grant)
	return true
}

// handedOver puts the next look off after w was handed a lock by a push, which tells
// as much as a look: who has the name now, and until when. Where everybody works for
// less than the interval, there are no idle looks then.
//
// Not so with a pool, where the push for another waiter may have been lost at the
// same time. And a look also renews the patience of those who wait: half of that
// has to be left. With l.mu held.
func (l *line) handedOver(w *waiter, g driver.Grant) {
	if w.req.Limit != 1 || l.looking || l.nextAt == never || l.timer == nil {
		return
	}
	at := l.core.local(l.seen, g.At)
	l.ends = never
	if g.TTL < driver.MaxTTL {
		l.ends = at.after(g.TTL)
	}
	next := min(at.after(l.core.interval()), l.ends)
	if next > l.nextAt && next <= l.renewed && l.timer.Stop() {
		l.nextAt = next
		l.timer.Reset(max(l.core.until(next), soonest))
	}
}

// released tells the line of a name that a lease of this process has ended, which
// a store without queues does not tell.
func (k *core) released(name string) {
	if k.caps.Queue != nil {
		return
	}
	if l := k.lines.find(name); l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lookAt(l.core.now())
	}
}

// lookSoon plans the next look: after the interval, or when a lease ends. With
// l.mu held.
func (l *line) lookSoon() {
	now := l.core.now()
	l.lookAt(max(min(now.after(l.core.interval()), l.ends), now.after(soonest)))
}

// lookAt plans a look, unless there will be one before. With l.mu held.
func (l *line) lookAt(at moment) {
	if l.gone || l.waiters.Len() == 0 {
		return
	}
	if l.looking {
		l.again = l.again || at <= l.core.now()
		return
	}
	if at >= l.nextAt {
		return
	}
	l.nextAt = at
	switch in := l.core.until(at); {
	case in <= 0:
		if l.timer != nil {
			l.timer.Stop()
		}
		go l.look()
	case l.timer == nil:
		l.timer = time.AfterFunc(in, l.look)
	default:
		l.timer.Reset(in)
	}
}

// look asks the store how things stand, for everybody in line.
func (l *line) look() {
	defer l.core.track()()
	l.mu.Lock()
	if l.gone || l.looking || l.waiters.Len() == 0 {
		l.mu.Unlock()
		return
	}
	l.looking, l.nextAt = true, never
	first := l.waiters.Front().Value.(*waiter)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(first.ctx), storeTimeout)
	l.unlook = cancel
	l.mu.Unlock()

	var err error
	if l.core.caps.Queue != nil {
		err = l.lookAtQueue(ctx)
	} else {
		err = l.tryFirst(ctx, first)
	}
	cancel()

	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, driver.ErrClosed) {
		l.fail(ErrClosed)
	} else if err = l.core.failure("look at", l.name, err); err != nil {
		l.ends = never // unknown
	}
	if l.looked != nil {
		close(l.looked)
		l.looked = nil
	}
	again := l.again
	l.looking, l.unlook, l.again = false, nil, false
	if again {
		l.lookAt(l.core.now())
	}
	l.lookSoon()
}
