package sqlitestore

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// push is what a client has to be told about a name: a hand-over, or, without a
// holder, that it is time to look.
type push struct {
	client string
	wake   driver.Wake
}

// pushes are those who listen on a store, and the ways to those who listen on
// others. A push to another process says nothing but the name: what has happened
// there is in the file, so nobody can be told what is not true.
type pushes struct {
	store *Store
	hall  *hall

	mu        sync.Mutex
	listeners map[address][]*listener
	ears      map[string]*ear // by client
	watcher   *watcher        // nil unless somebody has no socket
	closed    bool
	running   sync.WaitGroup
}

// address is what a listener listens to.
type address struct{ name, client string }

type listener struct {
	wake    func(driver.Wake)
	told    atomic.Uint64 // the largest fence that was found in the file for it
	stopped atomic.Bool
}

func (l *listener) tell(w driver.Wake) {
	if !l.stopped.Load() {
		l.wake(w)
	}
}

// ear is how a client is reached by other processes.
type ear struct {
	socket *socket // nil: it is not, the watcher looks for it
	names  map[string]int
}

func newPushes(s *Store) *pushes {
	return &pushes{
		store: s, hall: newHall(s.path),
		listeners: make(map[address][]*listener), ears: make(map[string]*ear),
	}
}

func (p *pushes) listen(name, client string, wake func(driver.Wake)) (stop func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, driver.ErrClosed
	}
	e := p.ears[client]
	if e == nil {
		e = p.newEar(client)
	}
	e.names[name]++
	l, at := &listener{wake: wake}, address{name, client}
	p.listeners[at] = append(p.listeners[at], l)
	return func() { p.unlisten(at, l) }, nil
}

// newEar opens a socket for client, or has the watcher look. With p.mu held.
func (p *pushes) newEar(client string) *ear {
	e := &ear{names: make(map[string]int)}
	p.ears[client] = e
	if socket, err := p.hall.open(client); err == nil {
		e.socket = socket
		p.running.Go(func() { p.hear(client, socket) })
		return e
	}
	if p.watcher == nil {
		p.watcher = newWatcher()
		w := p.watcher
		p.running.Go(func() { p.watch(w) })
	}
	p.watcher.ears++
	return e
}

func (p *pushes) unlisten(at address, l *listener) {
	if l.stopped.Swap(true) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.listeners[at] = without(p.listeners[at], l)
	if len(p.listeners[at]) == 0 {
		delete(p.listeners, at)
	}
	e := p.ears[at.client]
	if e.names[at.name]--; e.names[at.name] == 0 {
		delete(e.names, at.name)
	}
	if len(e.names) == 0 {
		delete(p.ears, at.client)
		p.end(e)
	}
}

// without returns a new slice: a push on its way may still read the old one.
func without(ls []*listener, l *listener) []*listener {
	var others []*listener
	for _, other := range ls {
		if other != l {
			others = append(others, other)
		}
	}
	return others
}

// end gives up an ear. With p.mu held.
func (p *pushes) end(e *ear) {
	if e.socket != nil {
		e.socket.close()
		return
	}
	if p.watcher.ears--; p.watcher.ears == 0 {
		p.watcher.stop()
		p.watcher = nil
	}
}

// close ends all listening and wakes everybody.
func (p *pushes) close() {
	p.mu.Lock()
	p.closed = true
	var all []*listener
	for _, ls := range p.listeners {
		all = append(all, ls...)
	}
	for _, e := range p.ears {
		p.end(e)
	}
	p.mu.Unlock()
	for _, l := range all {
		l.tell(driver.Wake{})
	}
	p.running.Wait()
	p.hall.close()
}

func (p *pushes) at(a address) []*listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listeners[a]
}

// send tells everybody what a transaction has done.
func (p *pushes) send(all []push) {
	for _, one := range all {
		name, w := one.wake.Grant.Name, one.wake
		if w.Grant.Holder == "" {
			w = driver.Wake{}
		}
		here := p.at(address{name, one.client})
		for _, l := range here {
			l.tell(w)
		}
		if len(here) == 0 {
			p.hall.send(one.client, name)
		}
	}
}

// hear waits for what other processes send to client, until the socket is closed.
func (p *pushes) hear(client string, socket *socket) {
	for {
		names, all, err := socket.receive()
		if err != nil {
			return
		}
		if all {
			names = p.namesOf(client)
		}
		for name := range names {
			p.look(address{name, client})
		}
	}
}

func (p *pushes) namesOf(client string) map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make(map[string]bool)
	if e := p.ears[client]; e != nil {
		for name := range e.names {
			names[name] = true
		}
	}
	return names
}

// look finds out what there is to tell, and tells it.
func (p *pushes) look(at address) {
	here := p.at(at)
	if len(here) == 0 {
		return
	}
	grants, _, err := p.store.handed(at)
	for _, l := range here {
		if !l.tellNew(grants) || err != nil {
			l.tell(driver.Wake{})
		}
	}
}

// tellNew tells of the grants, in the order of their fences, that were not there when
// it did so last, and whether there were any.
func (l *listener) tellNew(grants []driver.Grant) (news bool) {
	told := l.told.Load()
	for _, g := range grants {
		if g.Fence > told {
			news = true
			l.told.Store(g.Fence)
			l.tell(driver.Wake{Grant: g})
		}
	}
	return news
}

// handed returns the leases of a client on a name as they were granted, and when the
// first lease on the name ends.
func (s *Store) handed(at address) (grants []driver.Grant, end int64, err error) {
	err = s.read(context.Background(), func(t *turn) {
		grants, end = nil, t.load(at.name).firstEnd
		t.run("leases-of-client", func(s *sqlite3.Stmt) {
			since := s.ColumnInt64(3)
			g := t.grant(at.name, s.ColumnText(0), s.ColumnInt64(1), s.ColumnInt(2), s.ColumnInt64(4))
			g.TTL, g.At = until(since, s.ColumnInt64(4)), reading(since)
			grants = append(grants, g)
		}, at.name, at.client)
	})
	return grants, end, err
}
