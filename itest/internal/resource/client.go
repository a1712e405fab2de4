package resource

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"sync"
	"time"
)

// Client asks a [Server] for writes. Safe for concurrent use.
type Client struct {
	socket string

	mu   sync.Mutex
	idle []*conn
}

// conn is one connection. It has one request at a time.
type conn struct {
	net.Conn
	in  *json.Decoder
	out *json.Encoder
}

// Dial returns a client of the server that listens on the socket at that path.
func Dial(socket string) *Client { return &Client{socket: socket} }

// Write asks for a write to key under fence. The error says that nobody knows whether it
// was accepted. If ctx has ended already, nothing is asked for.
func (c *Client) Write(ctx context.Context, key string, fence uint64, holder string) (accepted bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	conn, err := c.take(ctx)
	if err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	var r reply
	err = conn.out.Encode(request{key, fence, holder})
	if err == nil {
		err = conn.in.Decode(&r)
	}
	if !stop() || err != nil {
		_ = conn.Close()
		return r.Accepted, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, conn)
	return r.Accepted, nil
}

func (c *Client) take(ctx context.Context) (*conn, error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		defer c.mu.Unlock()
		conn := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return conn, nil
	}
	c.mu.Unlock()
	raw, err := (&net.Dialer{}).DialContext(ctx, "unix", c.socket)
	if err != nil {
		return nil, err
	}
	return &conn{raw, json.NewDecoder(bufio.NewReader(raw)), json.NewEncoder(raw)}, nil
}

// Close ends the connections.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle {
		_ = conn.Close()
	}
	c.idle = nil
}
