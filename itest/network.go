package itest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-cachify/cachify/internal/netfault"
)

// Network stands between the clients and a server, and has the faults of networks. Make
// it with [NewNetwork] in an Engine's Start, give its address to the clients, and add its
// Faults to the instance's. Safe for concurrent use.
type Network struct {
	proxy *netfault.Proxy
	text  string

	mu   sync.Mutex // one of those that cut at a time
	heal func()
}

// NewNetwork starts a network that leads to the server at target, as "127.0.0.1:6379",
// or "/path/to.sock" for a socket. request is a text that is in each request whose reply
// may be dropped, of 1 to 256 bytes; empty: none is.
func NewNetwork(target, request string) (*Network, error) {
	p, err := netfault.New(netfault.TCP("127.0.0.1:0"), address(target))
	if err != nil {
		return nil, err
	}
	return &Network{proxy: p, text: request, heal: func() {}}, nil
}

func address(target string) netfault.Addr {
	if target != "" && target[0] == '/' {
		return netfault.Unix(target)
	}
	return netfault.TCP(target)
}

// Addr is where clients connect: "127.0.0.1:" and a port.
func (n *Network) Addr() string { return n.proxy.Addr().String() }

// Redirect has all connections from now on lead to another server, and cuts those that
// there are.
func (n *Network) Redirect(target string) {
	n.proxy.Redirect(address(target))
	n.proxy.Cut()
}

// Close ends the network with all connections.
func (n *Network) Close() error { return n.proxy.Close() }

// Faults returns what can happen in the network: "cut", connections end; "delay", all
// takes longer; "half-open", what is sent in one direction vanishes, and nobody is told;
// "reply-drop", a request arrives and its reply does not. None of them makes an engine
// forget anything.
func (n *Network) Faults() []Fault {
	all := []Fault{
		{Kind: "cut", Break: n.cut, Longest: time.Millisecond},
		{Kind: "delay", Break: n.delay, Mend: n.noDelay},
		{Kind: "half-open", Break: n.halfOpen, Mend: n.mend},
	}
	if n.text != "" {
		all = append(all, Fault{Kind: "reply-drop", Break: n.dropReply, Longest: time.Millisecond})
	}
	return all
}

// cut cuts one connection, or all.
func (n *Network) cut(_ context.Context, r *rand.Rand) error {
	conns := n.proxy.Conns()
	if r.IntN(3) == 0 || len(conns) == 0 {
		n.proxy.Cut()
		return nil
	}
	conns[r.IntN(len(conns))].Cut()
	return nil
}

func (n *Network) delay(_ context.Context, r *rand.Rand) error {
	d := time.Duration(1+r.IntN(150)) * time.Millisecond
	switch r.IntN(3) {
	case 0:
		n.proxy.Delay(netfault.ToServer, d)
	case 1:
		n.proxy.Delay(netfault.ToClient, d)
	default:
		n.proxy.Delay(netfault.ToServer, d/2)
		n.proxy.Delay(netfault.ToClient, d/2)
	}
	return nil
}

func (n *Network) noDelay(context.Context) error {
	n.proxy.Delay(netfault.ToServer, 0)
	n.proxy.Delay(netfault.ToClient, 0)
	return nil
}

// halfOpen swallows what goes in one direction: of one connection, or of all, new ones
// too.
func (n *Network) halfOpen(_ context.Context, r *rand.Rand) error {
	dir := netfault.Direction(r.IntN(2))
	conns := n.proxy.Conns()
	n.mu.Lock()
	defer n.mu.Unlock()
	if one := r.IntN(2) == 0; one && len(conns) > 0 {
		c := conns[r.IntN(len(conns))]
		c.Swallow(dir, true)
		n.heal = func() {
			c.Swallow(dir, false)
			c.Cut() // it has a hole
		}
		return nil
	}
	n.proxy.Swallow(dir, true)
	n.heal = func() {
		n.proxy.Swallow(dir, false)
		n.proxy.Cut()
	}
	return nil
}

func (n *Network) mend(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heal()
	n.heal = func() {}
	return nil
}

// dropTime is how long a request is waited for whose reply is to be dropped.
const dropTime = time.Second

func (n *Network) dropReply(ctx context.Context, _ *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, dropTime)
	defer cancel()
	select {
	case <-n.proxy.DropReply(n.text):
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return ctx.Err()
		}
	}
	return nil
}
