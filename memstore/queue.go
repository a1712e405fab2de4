package memstore

import (
	"time"

	"github.com/go-cachify/cachify/driver"
)

// queue is those who wait for one name, first in first out.
type queue struct {
	head, tail *waiter
	byHolder   map[string]*waiter
	clients    map[string]*patience
}

// waiter is one place in the queue.
type waiter struct {
	req        driver.AcquireRequest
	prev, next *waiter
}

// patience is what one client's places in the queue have in common.
type patience struct {
	until   time.Duration // the client is given up then
	waiting int
}

func (q *queue) empty() bool { return q.head == nil }

func (q *queue) len() int { return len(q.byHolder) }

func (q *queue) first() *waiter { return q.head }

func (q *queue) waiting(client string) int {
	if c := q.clients[client]; c != nil {
		return c.waiting
	}
	return 0
}

// join gives req the last place, unless it has one, and renews its client's
// patience.
func (q *queue) join(req driver.AcquireRequest, now, d time.Duration) {
	if q.byHolder == nil {
		q.byHolder = make(map[string]*waiter)
		q.clients = make(map[string]*patience)
	}
	client := driver.ClientOf(req.Holder)
	if q.clients[client] == nil {
		q.clients[client] = &patience{}
	}
	q.renew(client, now, d)
	if q.byHolder[req.Holder] != nil {
		return
	}
	q.clients[client].waiting++
	w := &waiter{req: req, prev: q.tail}
	q.byHolder[req.Holder] = w
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
}

// leave takes holder's place away, if it has one.
func (q *queue) leave(holder string) {
	w := q.byHolder[holder]
	if w == nil {
		return
	}
	delete(q.byHolder, holder)
	client := driver.ClientOf(holder)
	if c := q.clients[client]; c.waiting > 1 {
		c.waiting--
	} else {
		delete(q.clients, client)
	}
	if w.prev == nil {
		q.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	if q.head == nil {
		*q = queue{} // a map keeps the room of the largest queue there was
	}
}

func (q *queue) renew(client string, now, d time.Duration) {
	if c := q.clients[client]; c != nil {
		c.until = max(c.until, after(now, d))
	}
}

// forget gives up the clients whose patience has run out.
func (q *queue) forget(now time.Duration) {
	gone := false
	for _, c := range q.clients {
		gone = gone || c.until <= now
	}
	if !gone {
		return
	}
	for w := q.head; w != nil; {
		next := w.next
		if c := q.clients[driver.ClientOf(w.req.Holder)]; c != nil && c.until <= now {
			q.leave(w.req.Holder)
		}
		w = next
	}
}
