// Package lazyctx has a context with a time limit that costs nothing until somebody
// waits for it.
package lazyctx

import (
	"context"
	"sync"
	"time"
)

// Context is a parent with a time limit. It lives inside a larger struct, which
// saves the allocations of context.WithTimeout where the callee, a store in the
// same process, only ever asks Err. Start begins the limit, Stop frees what a call
// of Done made. A Context is used for one call only.
type Context struct {
	parent   context.Context
	limit    time.Duration
	detached bool

	stopped bool
	mu      sync.Mutex
	made    *made // nil until somebody asks
}

// made is the context that does the work.
type made struct {
	context.Context
	cancel context.CancelFunc
}

// Start sets the parent and the time limit.
func (c *Context) Start(parent context.Context, limit time.Duration) {
	c.parent, c.limit = parent, limit
}

// real makes the context that does the work, at the first question that needs one.
// The limit then counts from that question: it is there to end a wait.
func (c *Context) real() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		parent := c.parent
		if c.detached {
			parent = context.WithoutCancel(parent)
		}
		ctx, cancel := context.WithTimeout(parent, c.limit)
		c.made = &made{ctx, cancel}
		if c.stopped {
			cancel()
		}
	}
	return c.made
}

// Stop ends the context.
func (c *Context) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.made != nil {
		c.made.cancel()
	}
}

// Deadline is the time limit's, or the parent's if that is earlier.
func (c *Context) Deadline() (time.Time, bool) { return c.real().Deadline() }

// Done is closed when the limit is over or the parent has ended.
func (c *Context) Done() <-chan struct{} { return c.real().Done() }

// Err is the parent's until somebody has asked for Done or Deadline.
func (c *Context) Err() error {
	c.mu.Lock()
	made := c.made
	c.mu.Unlock()
	switch {
	case made != nil:
		return made.Err()
	case c.detached:
		return nil
	}
	return c.parent.Err()
}

// Value is the parent's.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	made := c.made
	c.mu.Unlock()
	switch {
	case made != nil:
		return made.Value(key)
	case c.detached:
		return context.WithoutCancel(c.parent).Value(key) // which hides the parent's cause
	}
	return c.parent.Value(key)
}

// StartDetached is Start with a parent of which only the values count: neither its
// end nor its deadline does.
func (c *Context) StartDetached(parent context.Context, limit time.Duration) {
	c.parent, c.limit, c.detached = parent, limit, true
}
