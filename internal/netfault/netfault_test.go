package netfault_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-cachify/cachify/internal/netfault"
)

const limit = 20 * time.Second // for what has to happen at all

// answerer is a server that answers each line with "re: " and the line.
type answerer struct {
	listener net.Listener
	heard    chan string // each line, also an unfinished one
	left     chan error  // how each connection ended
	running  sync.WaitGroup
}

func startAnswerer(t testing.TB, network, address string) *answerer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := &answerer{listener: l, heard: make(chan string, 1000), left: make(chan error, 1000)}
	s.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.running.Wait()
	})
	return s
}

func (s *answerer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			s.heard <- strings.TrimSuffix(line, "\n")
		}
		if err != nil {
			s.left <- err
			return
		}
		_, _ = fmt.Fprintf(conn, "re: %s", line)
	}
}

func startProxy(t testing.TB, listen netfault.Addr, target net.Addr) *netfault.Proxy {
	t.Helper()
	p, err := netfault.New(listen, netfault.Addr{Net: target.Network(), Name: target.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

// client is one connection to the proxy.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, p *netfault.Proxy) *client {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), p.Addr().Network(), p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) say(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) hears(want string) {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if got := strings.TrimSuffix(line, "\n"); err != nil || got != want {
		c.t.Fatalf("heard %q, %v, want %q", got, err, want)
	}
}

// ended checks that the connection is, and that nothing came before.
func (c *client) ended() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		c.t.Fatal("the connection does not end")
	}
	if len(rest) > 0 {
		c.t.Errorf("heard %q before the end", rest)
	}
}

// receives checks what comes next from a channel.
func receives[T comparable](t testing.TB, ch <-chan T, want T) {
	t.Helper()
	select {
	case got := <-ch:
		if got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	case <-time.After(limit):
		t.Fatalf("got nothing, want %v", want)
	}
}

func closes(t testing.TB, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(limit):
		t.Fatal("it is not done")
	}
}

// pair is a server and a proxy for it.
func pair(t testing.TB) (*answerer, *netfault.Proxy) {
	t.Helper()
	s := startAnswerer(t, "tcp", "127.0.0.1:0")
	return s, startProxy(t, netfault.TCP("127.0.0.1:0"), s.listener.Addr())
}

func TestPassesOn(t *testing.T) {
	dir := t.TempDir()
	for what, addr := range map[string][2]netfault.Addr{
		"tcp to tcp":   {netfault.TCP("127.0.0.1:0"), netfault.TCP("127.0.0.1:0")},
		"tcp to unix":  {netfault.TCP("127.0.0.1:0"), netfault.Unix(filepath.Join(dir, "a"))},
		"unix to unix": {netfault.Unix(filepath.Join(dir, "b")), netfault.Unix(filepath.Join(dir, "c"))},
	} {
		t.Run(what, func(t *testing.T) {
			s := startAnswerer(t, addr[1].Net, addr[1].Name)
			p := startProxy(t, addr[0], s.listener.Addr())
			a, b := dial(t, p), dial(t, p)
			for _, c := range []*client{a, b, a} {
				c.say("hello\n")
				c.hears("re: hello")
			}
			got := p.Stats()
			want := netfault.Stats{Made: 2, Open: 2, Read: [2]int64{18, 30}, Passed: [2]int64{18, 30}}
			if got != want {
				t.Errorf("counted %+v, want %+v", got, want)
			}
			_ = a.Close()
			receives(t, s.left, io.EOF)
		})
	}
}

func TestLargeMessages(t *testing.T) {
	s, p := pair(t)
	long := strings.Repeat("0123456789", 100_000)
	go func() {
		for range s.heard {
		}
	}()
	defer close(s.heard)
	c := dial(t, p)
	for range 3 {
		c.say(long + "\n")
		c.hears("re: " + long)
	}
}

func TestCut(t *testing.T) {
	s, p := pair(t)
	a := dial(t, p)
	a.say("hello\n")
	a.hears("re: hello")
	b := dial(t, p)
	b.say("hello\n")
	b.hears("re: hello")
	first := p.Conns()[0]
	if !first.Cut() || first.Cut() {
		t.Error("the first Cut, and no other, tells that the connection was whole")
	}
	a.ended()
	receives(t, s.left, io.EOF)
	b.say("still there\n")
	b.hears("re: still there")
	if n := p.Cut(); n != 1 {
		t.Errorf("cut %d connections, want the other one", n)
	}
	b.ended()
	receives(t, s.left, io.EOF)
	c := dial(t, p)
	c.say("hello\n")
	c.hears("re: hello")
	if got := p.Stats(); got.Made != 3 || got.Open != 1 {
		t.Errorf("counted %+v", got)
	}
}

func TestRefuse(t *testing.T) {
	_, p := pair(t)
	a := dial(t, p)
	a.say("hello\n")
	a.hears("re: hello")
	p.Refuse(true)
	dial(t, p).ended()
	a.say("hello\n")
	a.hears("re: hello")
	p.Refuse(false)
	b := dial(t, p)
	b.say("hello\n")
	b.hears("re: hello")
}

func TestDelay(t *testing.T) {
	const d = 50 * time.Millisecond
	_, p := pair(t)
	c := dial(t, p)
	c.say("a\n")
	c.hears("re: a")
	for _, dir := range []netfault.Direction{netfault.ToServer, netfault.ToClient} {
		p.Delay(dir, d)
		start := time.Now()
		c.say("a\n")
		c.hears("re: a")
		if took := time.Since(start); took < d {
			t.Errorf("direction %d: took %v, want %v at least", dir, took, d)
		}
		p.Delay(dir, 0)
	}

	// What is sent later is not earlier.
	p.Conns()[0].Delay(netfault.ToServer, d)
	c.say("slow\n")
	all := int64(3*len("a\n") + len("slow\n"))
	until(t, func() bool { return p.Conns()[0].Stats().Read[netfault.ToServer] == all })
	p.Conns()[0].Delay(netfault.ToServer, 0)
	c.say("fast\n")
	c.hears("re: slow")
	c.hears("re: fast")
}

func TestSwallowToServer(t *testing.T) {
	s, p := pair(t)
	c := dial(t, p)
	c.say("a\n")
	c.hears("re: a")
	receives(t, s.heard, "a")
	p.Swallow(netfault.ToServer, true)
	c.say("gone\n")
	other := dial(t, p)
	other.say("lost too\n")
	_ = other.Close()
	until(t, func() bool { return p.Stats().Swallowed[netfault.ToServer] == int64(len("gone\nlost too\n")) })
	select {
	case line := <-s.heard:
		t.Errorf("the server heard %q", line)
	case err := <-s.left:
		t.Errorf("the server noticed that a client has left: %v", err)
	default:
	}
	p.Swallow(netfault.ToServer, false)
	receives(t, s.left, io.EOF)
	c.say("b\n")
	c.hears("re: b")
}

func TestSwallowToClient(t *testing.T) {
	s, p := pair(t)
	a := dial(t, p)
	a.say("a\n")
	a.hears("re: a")
	b := dial(t, p)
	b.say("b\n")
	b.hears("re: b")
	silent := p.Conns()[0]
	silent.Swallow(netfault.ToClient, true)
	a.say("asked\n")
	b.say("b\n")
	b.hears("re: b")
	until(t, func() bool { return silent.Stats().Swallowed[netfault.ToClient] == int64(len("re: asked\n")) })
	silent.Swallow(netfault.ToClient, false)
	a.say("again\n")
	a.hears("re: again")
	for range 4 {
		<-s.heard
	}
	receives(t, s.heard, "again")
}

func TestDropReply(t *testing.T) {
	s, p := pair(t)
	c := dial(t, p)
	c.say("one\n")
	c.hears("re: one")
	done := p.DropReply("take 7")
	c.say("take 8\n")
	c.hears("re: take 8")
	c.say("please take 7, now\n")
	c.say("and this\n") // which is on its way, and arrives
	c.ended()
	closes(t, done)
	for _, line := range []string{"one", "take 8", "please take 7, now", "and this"} {
		receives(t, s.heard, line)
	}
	_ = c.Close()
	receives(t, s.left, io.EOF)

	again := dial(t, p)
	again.say("please take 7, now\n")
	again.hears("re: please take 7, now")
}

func TestCutInside(t *testing.T) {
	s, p := pair(t)
	c := dial(t, p)
	done := p.CutInside(netfault.ToServer, "middle")
	c.say("beginning middle end\n")
	c.ended()
	closes(t, done)
	receives(t, s.heard, "beginning middl")
	receives(t, s.left, io.EOF)

	c = dial(t, p)
	done = p.CutInside(netfault.ToClient, "re: b")
	c.say("a\n")
	c.hears("re: a")
	c.say("b\n")
	rest, _ := io.ReadAll(c.r)
	if string(rest) != "re: " {
		t.Errorf("heard %q before the cut, want all but the last byte of the text", rest)
	}
	closes(t, done)
}

// A text is found wherever reads divide it, and each time.
func TestWatch(t *testing.T) {
	_, p := pair(t)
	c := dial(t, p)
	var mu sync.Mutex
	var told []string
	note := func(what string) func(*netfault.Conn) {
		return func(*netfault.Conn) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, what)
		}
	}
	stop := p.Watch(netfault.ToServer, "abab", note("abab"))
	p.Watch(netfault.ToServer, "b", note("b"))
	p.Watch(netfault.ToServer, "ba", note("ba"))
	p.Watch(netfault.ToServer, strings.Repeat("z", 256), note("z"))
	for _, part := range []string{"a", "ba", "bab", "ab\n"} {
		sum := p.Stats().Passed[netfault.ToServer] + int64(len(part))
		c.say(part)
		until(t, func() bool { return p.Stats().Passed[netfault.ToServer] >= sum })
	}
	c.hears("re: abababab")
	c.say(strings.Repeat("z", 700) + "\n")
	c.hears("re: " + strings.Repeat("z", 700))
	stop()
	c.say("abab\n")
	c.hears("re: abab")
	mu.Lock()
	defer mu.Unlock()
	count := make(map[string]int)
	for _, what := range told {
		count[what]++
	}
	for what, want := range map[string]int{"abab": 2, "b": 6, "ba": 4, "z": 2} {
		if count[what] != want {
			t.Errorf("told of %q %d times, want %d: %v", what, count[what], want, told)
		}
	}
}

func TestWatchRefuses(t *testing.T) {
	_, p := pair(t)
	for _, text := range []string{"", strings.Repeat("x", 257)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a text of %d bytes was taken", len(text))
				}
			}()
			p.Watch(netfault.ToServer, text, func(*netfault.Conn) {})
		}()
	}
}

func TestServerNotThere(t *testing.T) {
	s := startAnswerer(t, "tcp", "127.0.0.1:0")
	_ = s.listener.Close()
	p := startProxy(t, netfault.TCP("127.0.0.1:0"), s.listener.Addr())
	dial(t, p).ended()
	if got := p.Stats(); got != (netfault.Stats{}) {
		t.Errorf("counted %+v, want nothing", got)
	}
}

func TestServerLeaves(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	p := startProxy(t, netfault.TCP("127.0.0.1:0"), l.Addr())
	c := dial(t, p)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "bye\n")
	_ = conn.Close()
	c.hears("bye")
	c.ended()
	_ = c.Close()
	until(t, func() bool { return p.Stats().Open == 0 })
}

// Whatever is stuck, Close ends it.
func TestClose(t *testing.T) {
	for what, stick := range map[string]func(*netfault.Proxy){
		"nothing":      func(*netfault.Proxy) {},
		"to server":    func(p *netfault.Proxy) { p.Swallow(netfault.ToServer, true) },
		"to client":    func(p *netfault.Proxy) { p.Swallow(netfault.ToClient, true) },
		"late":         func(p *netfault.Proxy) { p.Delay(netfault.ToServer, time.Hour) },
		"late reply":   func(p *netfault.Proxy) { p.Delay(netfault.ToClient, time.Hour) },
		"reply missed": func(p *netfault.Proxy) { p.DropReply("stuck") },
		"cut":          func(p *netfault.Proxy) { p.Cut() },
	} {
		t.Run(what, func(t *testing.T) {
			_, p := pair(t)
			a, b := dial(t, p), dial(t, p)
			for _, c := range []*client{a, b} {
				c.say("a\n")
				c.hears("re: a")
			}
			stick(p)
			_, _ = io.WriteString(a, "stuck\n")
			_ = a.Close()
			for range 2 {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			}
			_, _ = io.ReadAll(b.r) // it ends
			if _, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.Addr().String()); err == nil {
				t.Error("it listens after Close")
			}
		})
	}
}

// until asks until f is true.
func until(t testing.TB, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}
