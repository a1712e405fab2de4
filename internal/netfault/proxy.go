package netfault

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// Direction is one of the two in which bytes go.
type Direction int

// The directions of a connection.
const (
	ToServer Direction = iota // requests
	ToClient                  // replies, and what the server sends unasked
)

// Addr is where the proxy listens, or where its server does.
type Addr struct {
	Net  string // "tcp" or "unix"
	Name string // "127.0.0.1:6379", "127.0.0.1:0", or the path of a socket
}

// Network returns Net.
func (a Addr) Network() string { return a.Net }

// String returns Name.
func (a Addr) String() string { return a.Name }

// TCP returns the address of a host and a port; port 0, to listen on, is a free one.
func TCP(hostport string) Addr { return Addr{"tcp", hostport} }

// Unix returns the address of a socket.
func Unix(path string) Addr { return Addr{"unix", path} }

// Proxy passes on connections to one server. Make it with [New]. All methods are
// safe for concurrent use, and what they set holds until they are called again.
type Proxy struct {
	listener net.Listener
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	target  Addr
	conns   []*Conn // those not yet over
	rules   [2]rule // of new connections
	refuse  bool
	watches []*watch
	made    int
	over    Stats // sums of the connections that are over
}

// rule is what happens to the bytes of one direction.
type rule struct {
	delay   time.Duration
	swallow bool
}

// Stats count what a proxy or a connection has done.
type Stats struct {
	Made      int      // connections so far
	Open      int      // those that are neither cut nor over
	Read      [2]int64 // bytes that came in, by [Direction]
	Passed    [2]int64 // bytes that went through, by [Direction]
	Swallowed [2]int64 // bytes that vanished, by [Direction]
}

// New starts a proxy. The server need not be there yet: a connection that cannot
// be passed on is closed.
func New(listen, target Addr) (*Proxy, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), listen.Net, listen.Name)
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: l}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where clients connect.
func (p *Proxy) Addr() net.Addr { return p.listener.Addr() }

// Close ends the proxy with all its connections, and returns when nothing of it
// runs any more. It must not be called by what [Proxy.Watch] calls.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.listener.Close()
	for _, c := range p.Conns() {
		c.close()
	}
	p.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			if p.ctx.Err() != nil {
				return
			}
			continue
		}
		p.running.Go(func() { p.pass(client) })
	}
}

// pass is the life of one connection.
func (p *Proxy) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.mu.Lock()
	refuse, target := p.refuse, p.target
	p.mu.Unlock()
	if refuse {
		return
	}
	server, err := (&net.Dialer{}).DialContext(p.ctx, target.Net, target.Name)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	c := p.add(client, server)
	if c == nil {
		return
	}
	c.run()
	p.remove(c)
}

func (p *Proxy) add(client, server net.Conn) *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse || p.ctx.Err() != nil {
		return nil
	}
	c := newConn(p, client, server, p.rules)
	p.made++
	p.conns = append(p.conns, c)
	return c
}

func (p *Proxy) remove(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(other *Conn) bool { return other == c })
	p.over.add(c.Stats())
}

func (s *Stats) add(other Stats) {
	for d := range s.Passed {
		s.Read[d] += other.Read[d]
		s.Passed[d] += other.Passed[d]
		s.Swallowed[d] += other.Swallowed[d]
	}
	s.Open += other.Open
}

// Stats returns the counts of all connections together.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.over
	s.Open = 0
	for _, c := range p.conns {
		s.add(c.Stats())
	}
	s.Made = p.made
	return s
}

// Conns returns the connections that are not over, in the order in which the
// server has taken them.
func (p *Proxy) Conns() []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.conns)
}

// Cut cuts all connections, and returns how many there were.
func (p *Proxy) Cut() int {
	n := 0
	for _, c := range p.Conns() {
		if c.Cut() {
			n++
		}
	}
	return n
}

// Refuse says whether new connections are closed as soon as they are made.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Redirect passes on new connections to another server. Those that there are stay with
// theirs: who moves a service does Redirect, and Cut.
func (p *Proxy) Redirect(target Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Delay sets how much later the bytes of a direction arrive, on all connections,
// those to come too. Their order stays, and bytes that are under way keep their
// time.
func (p *Proxy) Delay(dir Direction, d time.Duration) {
	p.change(func(r *[2]rule) { r[dir].delay = d })
}

// Swallow says whether the bytes of a direction vanish, on all connections, those to
// come too. See [Conn.Swallow]: a network that heals does Swallow(dir, false), and Cut.
func (p *Proxy) Swallow(dir Direction, on bool) {
	p.change(func(r *[2]rule) { r[dir].swallow = on })
}

func (p *Proxy) change(f func(*[2]rule)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.rules)
	for _, c := range p.conns {
		c.change(f)
	}
}
