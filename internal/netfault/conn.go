package netfault

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	readSize = 32 << 10
	underWay = 256 // how many reads may be under way in one direction
)

// Conn is one connection of a client to the server.
type Conn struct {
	proxy *Proxy
	ends  [2]net.Conn // by the Direction that leads there: the server's, the client's

	mu      sync.Mutex
	rules   [2]rule
	changed chan struct{} // closed when the rules change
	drop    func()        // the next reply is dropped, and then this called; nil: it is not

	cut       chan struct{} // closed when nothing is passed on any more
	cutOnce   sync.Once
	dropped   atomic.Bool // no reply is passed on any more
	came      [2]atomic.Int64
	passed    [2]atomic.Int64
	swallowed [2]atomic.Int64
}

func newConn(p *Proxy, client, server net.Conn, rules [2]rule) *Conn {
	return &Conn{
		proxy: p, ends: [2]net.Conn{ToServer: server, ToClient: client}, rules: rules,
		changed: make(chan struct{}), cut: make(chan struct{}),
	}
}

// run returns when both directions are over.
func (c *Conn) run() {
	var both sync.WaitGroup
	for _, dir := range []Direction{ToServer, ToClient} {
		queue := make(chan part, underWay)
		both.Go(func() { c.read(dir, queue) })
		both.Go(func() { c.write(dir, queue) })
	}
	both.Wait()
	c.Cut()
}

// part is what one read brought, and when it is due at the other end.
type part struct {
	data []byte
	due  time.Time
}

// read takes what comes from one end until that ends. When the connection is cut it
// goes on: only so an end that still has something to read or to say is not told more
// than that the other one has left.
func (c *Conn) read(dir Direction, queue chan<- part) {
	defer close(queue)
	buf := make([]byte, readSize)
	for {
		n, err := c.ends[1-dir].Read(buf)
		if n > 0 {
			due := time.Now().Add(c.rule(dir).delay)
			c.came[dir].Add(int64(n))
			select {
			case queue <- part{bytes.Clone(buf[:n]), due}:
			case <-c.cut:
			}
		}
		if err != nil {
			return
		}
	}
}

// write passes on what was read, and at last that there is no more.
func (c *Conn) write(dir Direction, queue <-chan part) {
	s := &stream{dir: dir, from: make(map[*watch]int)}
	for p := range queue {
		if !c.wait(p.due) || !c.pass(s, p.data) {
			break
		}
	}
	for c.rule(dir).swallow {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if !c.rule(dir).swallow {
			break
		}
		select {
		case <-changed:
		case <-c.cut:
			return
		}
	}
	select {
	case <-c.cut:
	default:
		c.end(dir)
	}
}

// end tells an end that no more will come.
func (c *Conn) end(dir Direction) {
	if half, ok := c.ends[dir].(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// wait returns true at that time, or false when the connection is cut.
func (c *Conn) wait(until time.Time) bool {
	left := time.Until(until)
	if left <= 0 {
		select {
		case <-c.cut:
			return false
		default:
			return true
		}
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.cut:
		return false
	}
}

// pass passes data on and tells those who watch for what is in it; false: the
// connection is over.
func (c *Conn) pass(s *stream, data []byte) bool {
	for {
		c.proxy.mu.Lock()
		watches := c.proxy.watches
		c.proxy.mu.Unlock()
		n, w := s.next(watches, data)
		if !c.send(s.dir, data[:n]) {
			return false
		}
		s.saw(data[:n])
		data = data[n:]
		if w == nil {
			return true
		}
		w.do(c)
	}
}

// send passes data on, unless it is to vanish.
func (c *Conn) send(dir Direction, data []byte) bool {
	if len(data) == 0 {
		return true
	}
	select {
	case <-c.cut:
		return false
	default:
	}
	if dir == ToClient && c.dropsThis() || c.rule(dir).swallow {
		c.swallowed[dir].Add(int64(len(data)))
		return true
	}
	c.passed[dir].Add(int64(len(data))) // before the other end can say that it has them
	n, err := c.ends[dir].Write(data)
	if err != nil {
		c.passed[dir].Add(int64(n - len(data)))
		c.Cut()
	}
	return err == nil
}

func (c *Conn) rule(dir Direction) rule {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rules[dir]
}

func (c *Conn) change(f func(*[2]rule)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.rules)
	close(c.changed)
	c.changed = make(chan struct{})
}

// Delay sets how much later the bytes of a direction arrive. See [Proxy.Delay].
func (c *Conn) Delay(dir Direction, d time.Duration) {
	c.change(func(r *[2]rule) { r[dir].delay = d })
}

// Swallow says whether the bytes of a direction vanish. The connection stays, and
// neither end notices; not even that the other one has left, until Swallow is taken
// back. What has vanished stays so: few protocols can go on after that on the same
// connection, so who takes it back in the middle of one cuts the connection as well.
func (c *Conn) Swallow(dir Direction, on bool) {
	c.change(func(r *[2]rule) { r[dir].swallow = on })
}

// DropReply has what the server says next vanish, and from then on all it says; the
// client finds its connection ended. What the client has sent until then arrives.
func (c *Conn) DropReply() { c.dropReply(func() {}) }

func (c *Conn) dropReply(done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop = done
}

// dropsThis reports whether bytes for the client are dropped, and if they are the
// first, ends the connection for it.
func (c *Conn) dropsThis() bool {
	c.mu.Lock()
	drop := c.drop
	c.drop = nil
	c.mu.Unlock()
	if drop == nil {
		return c.dropped.Load()
	}
	c.dropped.Store(true)
	c.end(ToClient)
	drop()
	return true
}

// Cut cuts the connection: both ends find it ended. What was passed on before
// arrives, nothing else does. It reports whether the connection was whole.
func (c *Conn) Cut() (first bool) {
	c.cutOnce.Do(func() {
		first = true
		close(c.cut)
		_ = c.ends[ToClient].Close()
		c.end(ToServer) // rather than Close: that may destroy what the server has not read yet
	})
	return first
}

// close cuts the connection, and does not wait for the server.
func (c *Conn) close() {
	c.Cut()
	_ = c.ends[ToServer].Close()
}

// Stats returns the counts of this connection.
func (c *Conn) Stats() Stats {
	s := Stats{Made: 1}
	select {
	case <-c.cut:
	default:
		s.Open = 1
	}
	for d := range s.Passed {
		s.Read[d], s.Passed[d], s.Swallowed[d] = c.came[d].Load(), c.passed[d].Load(), c.swallowed[d].Load()
	}
	return s
}
