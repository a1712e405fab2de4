package driver

import (
	"crypto/rand"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Client is one user of a store: an instance in one process. It makes the holder
// strings of its acquisitions. Safe for concurrent use.
//
// A holder string is "host:pid:random/sequence". The part before the last slash
// identifies the client, so that a person who looks into the store sees who
// holds a name, and a store knows which waiters it has to tell together.
type Client struct {
	id  string
	seq atomic.Uint64
}

// NewClient returns a client with an id that no other client has.
func NewClient() *Client {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	host = strings.NewReplacer(":", "_", "/", "_").Replace(host)
	return &Client{id: host + ":" + strconv.Itoa(os.Getpid()) + ":" + rand.Text()[:10]}
}

// ID returns the part that all holders of this client have in common.
func (c *Client) ID() string { return c.id }

// NewHolder returns a holder string that was never used before.
func (c *Client) NewHolder() string {
	buf := make([]byte, 0, 96)
	buf = append(buf, c.id...)
	buf = append(buf, '/')
	buf = strconv.AppendUint(buf, c.seq.Add(1), 10)
	return string(buf)
}

// ClientOf returns the id of the client that made holder: all that is before the
// last slash. A string without a slash is its own client.
func ClientOf(holder string) string {
	if i := strings.LastIndexByte(holder, '/'); i >= 0 {
		return holder[:i]
	}
	return holder
}
