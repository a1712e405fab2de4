package itest

import (
	"bufio"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"time"
)

// answering is a server that puts its name before each line that it got.
func answering(t *testing.T, name string) (addr string, got <-chan string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for s := bufio.NewScanner(conn); s.Scan(); {
					lines <- s.Text()
					if _, err := conn.Write([]byte(name + s.Text() + "\n")); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String(), lines
}

// caller is a client of that server.
type caller struct {
	t    *testing.T
	conn net.Conn
}

func call(t *testing.T, n *Network) *caller {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{t, conn}
}

func (c *caller) say(line string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(line + "\n")); err != nil {
		c.t.Fatal(err)
	}
}

// hear returns the next line, or why there was none.
func (c *caller) hear(within time.Duration) (string, error) {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		c.t.Fatal(err)
	}
	line, err := bufio.NewReader(c.conn).ReadString('\n')
	return line, err
}

func (c *caller) want(line, answer string) {
	c.t.Helper()
	c.say(line)
	if got, err := c.hear(time.Minute); got != answer+"\n" {
		c.t.Fatalf("got %q, %v, want %q", got, err, answer)
	}
}

func fault(t *testing.T, n *Network, kind string) Fault {
	t.Helper()
	all := n.Faults()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Kind == kind })
	if i < 0 {
		t.Fatalf("there is no %s", kind)
	}
	return all[i]
}

func newNetwork(t *testing.T, target, request string) *Network {
	t.Helper()
	n, err := NewNetwork(target, request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestNetworkCut(t *testing.T) {
	addr, _ := answering(t, "a")
	n := newNetwork(t, addr, "")
	c := call(t, n)
	c.want("1", "a1")
	must(t, fault(t, n, "cut").Break(t.Context(), rand.New(rand.NewPCG(1, 1))))
	if got, err := c.hear(time.Minute); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v", got, err)
	}
	call(t, n).want("2", "a2")
}

func TestNetworkDelay(t *testing.T) {
	addr, _ := answering(t, "a")
	n := newNetwork(t, addr, "")
	c, f := call(t, n), fault(t, n, "delay")
	for seed := range uint64(6) {
		atLeast := time.Duration(1+rand.New(rand.NewPCG(seed, 0)).IntN(150)) * time.Millisecond
		must(t, f.Break(t.Context(), rand.New(rand.NewPCG(seed, 0))))
		begun := time.Now()
		c.want("1", "a1")
		if took := time.Since(begun); took < atLeast-time.Millisecond {
			t.Errorf("took %v, want %v at least", took, atLeast)
		}
		must(t, f.Mend(t.Context()))
	}
}

// What one direction swallows is gone, and so is the connection when that is mended.
func TestNetworkHalfOpen(t *testing.T) {
	addr, got := answering(t, "a")
	for seed := range uint64(8) {
		n := newNetwork(t, addr, "") // with one connection: it hits one of those that there are
		c, f := call(t, n), fault(t, n, "half-open")
		c.want("1", "a1")
		<-got
		must(t, f.Break(t.Context(), rand.New(rand.NewPCG(seed, 0))))
		c.say("2")
		if answer, err := c.hear(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %q, %v", answer, err)
		}
		must(t, f.Mend(t.Context()))
		if answer, err := c.hear(time.Minute); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %q, %v", answer, err)
		}
		call(t, n).want("3", "a3")
		for line := range got {
			if line == "3" {
				break
			}
		}
	}
}

// The request arrives, the reply does not.
func TestNetworkReplyDrop(t *testing.T) {
	addr, got := answering(t, "a")
	n := newNetwork(t, addr, "write")
	c := call(t, n)
	c.want("read", "aread")
	dropped := make(chan error, 1)
	go func() { dropped <- fault(t, n, "reply-drop").Break(t.Context(), nil) }()
	for lost := false; !lost; {
		c.say("write")
		answer, err := c.hear(time.Minute)
		if lost = err != nil; !lost && answer != "awrite\n" {
			t.Fatalf("got %q", answer)
		}
	}
	must(t, <-dropped)
	_ = c.conn.Close()
	if line := <-got; line != "read" {
		t.Errorf("the server got %q", line)
	}
	if line := <-got; line != "write" {
		t.Errorf("the server got %q", line)
	}
}

func TestNetworkRedirect(t *testing.T) {
	first, _ := answering(t, "a")
	second, _ := answering(t, "b")
	n := newNetwork(t, first, "")
	c := call(t, n)
	c.want("1", "a1")
	n.Redirect(second)
	if got, err := c.hear(time.Minute); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v", got, err)
	}
	call(t, n).want("2", "b2")
}

// A reply that nobody asks for ends the wait for it.
func TestNetworkReplyDropEnds(t *testing.T) {
	addr, _ := answering(t, "a")
	n := newNetwork(t, addr, "write")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fault(t, n, "reply-drop").Break(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
