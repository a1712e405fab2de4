package memstore

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const (
	shardCount = 64
	never      = driver.NoExpiry

	// A shard sweeps out names that are over when it has grown to twice what was
	// left after the last sweep, so sweeping costs a constant for each new name.
	firstSweep = 256

	// maxSpare bounds the places that a shard keeps for reuse.
	maxSpare = 64
)

// shard holds the names of one part of the hash space under one mutex.
type shard struct {
	mu        sync.Mutex
	names     map[string]*place
	listeners map[string][]*listener // by name
	sweepAt   int
	spare     []*place
	closed    bool
}

func (sh *shard) init() {
	sh.names = make(map[string]*place)
	sh.listeners = make(map[string][]*listener)
	sh.sweepAt = firstSweep
}

func (s *Store) shard(name string) *shard {
	return &s.shards[maphash.String(s.seed, name)%shardCount]
}

// turn is one operation on one name: its place, settled as of now, under the
// shard's lock. end unlocks and then sends the pushes.
type turn struct {
	store  *Store
	shard  *shard
	name   string
	place  *place // nil: nobody holds or waits for the name
	now    time.Duration
	pushes []push
}

// begin locks the shard of name and brings the name up to date. If there is no
// place for it, create decides whether one is made.
func (t *turn) begin(s *Store, name string, create bool) error {
	if err := t.open(s, name); err != nil {
		return err
	}
	if t.place != nil {
		t.settle()
	} else if create {
		t.place = t.shard.add(name, t.now)
	}
	return nil
}

// beginLook is begin for a client that shows with it that it lives: its patience
// is renewed before anybody is given up.
func (t *turn) beginLook(s *Store, name, client string, patience time.Duration) error {
	if err := t.open(s, name); err != nil {
		return err
	}
	if t.place != nil {
		t.place.queue.forget(t.now)
		t.place.queue.renew(client, t.now, patience)
		t.settle()
	}
	return nil
}

func (t *turn) open(s *Store, name string) error {
	sh := s.shard(name)
	sh.mu.Lock()
	if sh.closed {
		sh.mu.Unlock()
		return driver.ErrClosed
	}
	t.store, t.shard, t.name, t.now, t.place = s, sh, name, s.clock.now(), sh.names[name]
	return nil
}

// settle forgets what is over and hands over what is free.
func (t *turn) settle() {
	t.place.leases.expire(t.now)
	t.place.queue.forget(t.now)
	t.handOver()
	if t.place.idle() {
		t.place.limit = 0 // nobody is left to disagree with
	}
}

// find returns the lease of holder, or nil.
func (t *turn) find(holder string) *lease {
	if t.place == nil {
		return nil
	}
	return t.place.leases.find(holder)
}

// handOver makes those at the head of the queue holders, as long as there is room
// for the first of them.
func (t *turn) handOver() {
	p := t.place
	for {
		w := p.queue.first()
		if w == nil || p.leases.slots+w.req.Slots > p.limit {
			return
		}
		p.queue.leave(w.req.Holder)
		l := p.admit(t.store, w.req, t.now)
		t.wake(driver.ClientOf(w.req.Holder), driver.Wake{Grant: l.grant(t.name, t.now)})
	}
}

// end puts an idle place away, unlocks, and sends the pushes.
func (t *turn) end() {
	if t.place != nil && t.place.idle() {
		t.shard.drop(t.name, t.place)
	}
	t.shard.mu.Unlock()
	for _, p := range t.pushes {
		p.to(p.wake)
	}
}

func (sh *shard) add(name string, now time.Duration) *place {
	if len(sh.names) >= sh.sweepAt {
		sh.sweep(now)
	}
	var p *place
	if n := len(sh.spare); n > 0 {
		p, sh.spare = sh.spare[n-1], sh.spare[:n-1]
	} else {
		p = &place{}
	}
	sh.names[name] = p
	return p
}

func (sh *shard) drop(name string, p *place) {
	delete(sh.names, name)
	if len(sh.spare) < maxSpare {
		p.reset()
		sh.spare = append(sh.spare, p)
	}
}

// sweep removes names whose leases have all expired and that nobody waits for.
func (sh *shard) sweep(now time.Duration) {
	for name, p := range sh.names {
		if !p.busy(now) {
			sh.drop(name, p)
		}
	}
	sh.sweepAt = max(firstSweep, 2*len(sh.names))
}

func (sh *shard) close() {
	sh.mu.Lock()
	sh.closed = true
	var all []*listener
	for _, ls := range sh.listeners {
		all = append(all, ls...)
	}
	sh.init()
	sh.spare = nil
	sh.mu.Unlock()
	for _, l := range all {
		l.wake(driver.Wake{})
	}
}

// listener is one Listen.
type listener struct {
	client string
	wake   func(driver.Wake)
}

// push is a wake-up to be sent once the lock is open.
type push struct {
	to   func(driver.Wake)
	wake driver.Wake
}

func (t *turn) wake(client string, w driver.Wake) {
	for _, l := range t.shard.listeners[t.name] {
		if l.client == client {
			t.pushes = append(t.pushes, push{l.wake, w})
		}
	}
}

func (t *turn) wakeAll() {
	for _, l := range t.shard.listeners[t.name] {
		t.pushes = append(t.pushes, push{l.wake, driver.Wake{}})
	}
}

// Listen registers wake for the hand-overs to client on name.
func (s *Store) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (stop func(), err error) {
	if err := s.readyFor(ctx, name); err != nil {
		return nil, err
	}
	l := &listener{client: client, wake: wake}
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return nil, driver.ErrClosed
	}
	sh.listeners[name] = append(sh.listeners[name], l)
	return func() { sh.unlisten(name, l) }, nil
}

func (sh *shard) unlisten(name string, l *listener) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ls := sh.listeners[name]
	for i := range ls {
		if ls[i] == l {
			// A new slice: a push in the making may still read the old one.
			ls = append(append([]*listener(nil), ls[:i]...), ls[i+1:]...)
			break
		}
	}
	if len(ls) == 0 {
		delete(sh.listeners, name)
		return
	}
	sh.listeners[name] = ls
}
