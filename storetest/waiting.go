package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// This file has what rules ask a store about its queue.

// queues has to be refused, and leaves req in the queue.
func (p *probe) queues(req driver.AcquireRequest, patience time.Duration) *driver.HeldError {
	return p.queuesOn(p.Caps.Queue, req, patience)
}

func (p *probe) queuesOn(q driver.Queuer, req driver.AcquireRequest, patience time.Duration) *driver.HeldError {
	p.holdsName(req.Name)
	g, err := q.Enqueue(p.ctx, req, patience)
	if err == nil {
		p.failf("Enqueue of %d slots of %q with limit %d was granted (fence %d), want a *HeldError", req.Slots, req.Name, req.Limit, g.Fence)
	}
	return p.held(err, req.Name)
}

// enqueued has to be granted: req is first, or has it already.
func (p *probe) enqueued(req driver.AcquireRequest) driver.Grant {
	g, err := p.Caps.Queue.Enqueue(p.ctx, req, long)
	p.ok(err, "Enqueue of what should be granted")
	p.sane(g, req)
	return g
}

// leave has to succeed.
func (p *probe) leave(name, holder string) {
	p.ok(p.Caps.Queue.Leave(p.ctx, name, holder), "Leave")
}

// look asks how client stands and checks that the answer makes sense.
func (p *probe) look(name, client string, patience time.Duration) driver.Sight {
	s, err := p.Caps.Queue.Look(p.ctx, name, client, patience)
	p.ok(err, "Look")
	if s.RetryAfter < 0 || s.Waiting < 0 {
		p.failf("Look tells RetryAfter %v and %d waiting, want none below zero", s.RetryAfter, s.Waiting)
	}
	for _, g := range s.Grants {
		if g.Name != name || driver.ClientOf(g.Holder) != client {
			p.failf("Look of client %q at %q tells a grant of %q to %q", client, name, g.Name, g.Holder)
		}
	}
	return s
}

// sees returns the lease that Look tells of req, if there is one.
func (p *probe) sees(req driver.AcquireRequest) (driver.Grant, bool) {
	for _, g := range p.look(req.Name, driver.ClientOf(req.Holder), long).Grants {
		if g.Holder == req.Holder {
			p.sane(g, req)
			return g, true
		}
	}
	return driver.Grant{}, false
}

// heldBy checks that exactly those who made reqs hold name, which somebody else
// has just made free: handed over in that very step.
func (p *probe) heldBy(name string, reqs ...driver.AcquireRequest) driver.Occupancy {
	o := p.holders(name)
	if len(o.Holders) != len(reqs) {
		p.failf("%d hold %q, want %d: a slot that comes free is handed over at once", len(o.Holders), name, len(reqs))
	}
	for _, r := range reqs {
		p.find(o, r.Holder)
	}
	return o
}

// handed checks that req holds its name, alone, and returns the lease.
func (p *probe) handed(req driver.AcquireRequest) driver.Grant {
	p.heldBy(req.Name, req)
	g, ok := p.sees(req)
	if !ok {
		p.failf("Look does not tell of the lease that was handed over")
	}
	return g
}

// wait checks how many wait for name.
func (p *probe) wait(name string, want int) {
	if o := p.holders(name); o.Waiting != want {
		p.failf("Holders tells %d waiting, want %d", o.Waiting, want)
	}
}

// ear collects what is pushed to one client.
type ear struct {
	mu    sync.Mutex
	wakes []driver.Wake
	rung  chan struct{} // has room for one, so that a push is never waited for
}

func newEar() *ear { return &ear{rung: make(chan struct{}, 1)} }

func (e *ear) wake(w driver.Wake) {
	e.mu.Lock()
	e.wakes = append(e.wakes, w)
	e.mu.Unlock()
	select {
	case e.rung <- struct{}{}:
	default:
	}
}

func (e *ear) heard() []driver.Wake {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]driver.Wake(nil), e.wakes...)
}

// listen starts to collect. The listener is stopped with the rule at the latest.
func (p *probe) listen(q driver.Queuer, name, client string) (*ear, func()) {
	e := newEar()
	stop, err := q.Listen(p.ctx, name, client, e.wake)
	p.ok(err, "Listen")
	p.atEnd(stop)
	return e, stop
}

// pushed waits until the hand-over of req has been pushed, and checks the push.
func (p *probe) pushed(e *ear, req driver.AcquireRequest) driver.Grant {
	timer := time.NewTimer(patient)
	defer timer.Stop()
	for {
		for _, w := range e.heard() {
			if w.Grant.Holder == req.Holder {
				p.sane(w.Grant, req)
				return w.Grant
			}
		}
		select {
		case <-e.rung:
		case <-timer.C:
			p.failf("the hand-over was not pushed to the waiter's client within %v", patient)
		case <-p.ctx.Done():
			p.failf("the rule ran out of time: %w", context.Cause(p.ctx))
		}
	}
}

// onlyOf checks that all pushes were for client.
func (p *probe) onlyOf(e *ear, name, client string) {
	for _, w := range e.heard() {
		if w.Grant.Holder != "" && (driver.ClientOf(w.Grant.Holder) != client || w.Grant.Name != name) {
			p.failf("client %q listens to %q and was told of %q for %q", client, name, w.Grant.Name, w.Grant.Holder)
		}
	}
}
