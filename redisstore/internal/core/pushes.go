package core

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const (
	// subscribeTimeout bounds one SUBSCRIBE or UNSUBSCRIBE, subscribeBatch its
	// channels.
	subscribeTimeout = 5 * time.Second
	subscribeBatch   = 1000

	// The pauses between attempts to get a broken connection back.
	minReconnectPause = 10 * time.Millisecond
	maxReconnectPause = time.Second
)

// errLost is a connection that ended without saying why.
var errLost = errors.New("the connection is lost")

// pushes is the one connection on which a store hears of hand-overs, with the
// channels it is subscribed to. One goroutine owns it, from the first listener to
// close; others only say what they want.
type pushes struct {
	client Client
	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wanted chan struct{} // has room for one: there is something to do

	mu       sync.Mutex
	channels map[string]*channel
	running  bool
	closed   bool
}

// channel is those who listen to one channel.
type channel struct {
	name      string
	listeners []*listener
	on        bool         // the server has confirmed it on this connection
	restored  bool         // it was on, on a connection that broke
	asking    []chan error // listeners that wait for it to be on
}

type listener struct {
	hear    func(payload string)
	stopped atomic.Bool
}

func newPushes(client Client) *pushes {
	ctx, cancel := context.WithCancel(context.Background())
	return &pushes{
		client: client, ctx: ctx, cancel: cancel,
		wanted: make(chan struct{}, 1), channels: make(map[string]*channel),
	}
}

// listen has hear called for each message on the channel of that name, and with an
// empty one when some may have been missed. It returns when the server has
// confirmed.
func (p *pushes) listen(ctx context.Context, name string, hear func(string)) (stop func(), err error) {
	l := &listener{hear: hear}
	on, err := p.add(name, l)
	if err != nil {
		return nil, err
	}
	stop = func() { p.remove(name, l) }
	if on == nil {
		return stop, nil
	}
	select {
	case err = <-on:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// add registers l. The channel it returns gets what became of the subscription;
// nil: it is there.
func (p *pushes) add(name string, l *listener) (<-chan error, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, driver.ErrClosed
	}
	c := p.channels[name]
	if c == nil {
		c = &channel{name: name}
		p.channels[name] = c
	}
	c.listeners = append(c.listeners, l)
	if c.on {
		return nil, nil
	}
	on := make(chan error, 1)
	c.asking = append(c.asking, on)
	if !p.running {
		p.running = true
		go p.run()
	}
	p.want()
	return on, nil
}

func (p *pushes) remove(name string, l *listener) {
	if l.stopped.Swap(true) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.channels[name]
	if c == nil {
		return
	}
	for i := range c.listeners {
		if c.listeners[i] == l {
			// A new slice: a message on its way may still read the old one.
			c.listeners = append(append([]*listener(nil), c.listeners[:i]...), c.listeners[i+1:]...)
			break
		}
	}
	if len(c.listeners) == 0 {
		p.want()
	}
}

// want tells the goroutine to look what is wanted.
func (p *pushes) want() {
	select {
	case p.wanted <- struct{}{}:
	default:
	}
}

// close ends the connection and wakes everybody.
func (p *pushes) close() {
	p.mu.Lock()
	p.closed = true
	p.cancel()
	channels := p.channels
	p.channels = nil
	for _, c := range channels {
		c.answer(driver.ErrClosed)
	}
	p.mu.Unlock()
	for _, c := range channels {
		tell(c.listeners, "")
	}
}

// answer tells those who wait for the channel. With p.mu held.
func (c *channel) answer(err error) {
	for _, on := range c.asking {
		on <- err
	}
	c.asking = nil
}

func tell(listeners []*listener, payload string) {
	for _, l := range listeners {
		if !l.stopped.Load() {
			l.hear(payload)
		}
	}
}

// heard is called by the client for each message.
func (p *pushes) heard(name, payload string) {
	p.mu.Lock()
	var listeners []*listener
	if c := p.channels[name]; c != nil {
		listeners = c.listeners
	}
	p.mu.Unlock()
	tell(listeners, payload)
}

// run keeps a connection as long as somebody listens.
func (p *pushes) run() {
	pause := minReconnectPause
	for p.needed() {
		worked, err := p.session()
		p.broken(err)
		if worked {
			pause = minReconnectPause
		}
		select {
		case <-time.After(pause):
		case <-p.ctx.Done():
		}
		pause = min(2*pause, maxReconnectPause)
	}
}

// needed waits until somebody wants to listen. It returns false after close.
func (p *pushes) needed() bool {
	for p.ctx.Err() == nil {
		p.mu.Lock()
		n := len(p.channels)
		p.mu.Unlock()
		if n > 0 {
			return true
		}
		select {
		case <-p.wanted:
		case <-p.ctx.Done():
		}
	}
	return false
}

// session works on one connection until it breaks or the store is closed. worked
// tells whether the server answered at all.
func (p *pushes) session() (worked bool, err error) {
	conn := p.client.Subscriber(p.heard)
	defer conn.Close()
	for {
		on, off := p.changes()
		for part := range slices.Chunk(off, subscribeBatch) {
			if err := p.do(conn.Unsubscribe, part); err != nil {
				return worked, err
			}
		}
		for part := range slices.Chunk(on, subscribeBatch) {
			if err := p.do(conn.Subscribe, part); err != nil {
				return worked, err
			}
			worked = true
			p.confirm(part)
		}
		select {
		case <-p.wanted:
		case err := <-conn.Lost():
			return worked, err
		case <-p.ctx.Done():
			return worked, p.ctx.Err()
		}
	}
}

// do asks the server to begin or end subscriptions.
func (p *pushes) do(ask func(context.Context, []string) error, channels []string) error {
	ctx, cancel := context.WithTimeout(p.ctx, subscribeTimeout)
	defer cancel()
	return ask(ctx, channels)
}

// changes returns the channels to subscribe to, and those that nobody listens to
// any more.
func (p *pushes) changes() (on, off []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, c := range p.channels {
		switch {
		case len(c.listeners) == 0:
			delete(p.channels, name)
			if c.on {
				off = append(off, name)
			}
		case !c.on:
			on = append(on, name)
		}
	}
	return on, off
}

// confirm notes that the server has subscribed us, and tells those who listened on
// an earlier connection.
func (p *pushes) confirm(names []string) {
	var missed []*listener
	p.mu.Lock()
	for _, name := range names {
		c := p.channels[name]
		if c == nil {
			continue // closed meanwhile
		}
		if c.restored {
			missed = append(missed, c.listeners...)
		}
		c.on, c.restored = true, false
		c.answer(nil)
	}
	p.mu.Unlock()
	tell(missed, "")
}

// broken notes that the connection is gone: who waits for a subscription gets the
// error, who had one keeps its place.
func (p *pushes) broken(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.channels {
		c.restored = c.restored || c.on
		c.on = false
		if err == nil {
			err = errLost
		}
		c.answer(err)
	}
}
