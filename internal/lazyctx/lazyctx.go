// Package lazyctx has a context with a time limit that costs nothing until somebody
// waits for it.
package lazyctx

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Limits are the time limits of many contexts. Those that nothing else ends share them,
// so that a call which waits costs no timer of its own. Safe for concurrent use.
type Limits struct {
	// Length is how long a limit is. A shared one may be a tenth shorter. Positive;
	// not changed afterwards.
	Length time.Duration

	mu     sync.Mutex
	begun  time.Time
	shared context.Context
	cancel context.CancelFunc // of shared, which ends by itself
}

// current returns the shared limit.
func (l *Limits) current() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.shared == nil || now.Sub(l.begun) > l.Length/10 {
		l.begun = now
		l.shared, l.cancel = context.WithTimeout(context.Background(), l.Length)
	}
	return l.shared
}

// Context is a parent with a time limit. It lives inside a larger struct, which
// saves the allocations of context.WithTimeout where the callee, a store in the
// same process, only ever asks Err. Start begins the limit, Stop frees what a call
// of Done made; a shared limit goes on. A Context is used for one call only.
type Context struct {
	parent   context.Context
	limits   *Limits
	detached bool

	mu      sync.Mutex
	stopped bool
	made    atomic.Pointer[made] // nil until somebody asks; set with mu held
}

// made is the context that does the work.
type made struct {
	context.Context
	values context.Context    // of a shared limit, which has none
	cancel context.CancelFunc // nil: it is shared
}

// Value asks the limit first: it tells package context what ends.
func (m *made) Value(key any) any {
	if v := m.Context.Value(key); v != nil || m.values == nil {
		return v
	}
	return m.values.Value(key)
}

// Start sets the parent and the time limit.
func (c *Context) Start(parent context.Context, limits *Limits) {
	c.parent, c.limits = parent, limits
}

// real makes the context that does the work, at the first question that needs one.
// The limit then counts from that question: it is there to end a wait.
func (c *Context) real() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.made.Load()
	if m != nil {
		return m
	}
	switch {
	case c.detached:
		m = &made{Context: c.limits.current(), values: context.WithoutCancel(c.parent)}
	case c.parent.Done() == nil:
		m = &made{Context: c.limits.current(), values: c.parent}
	default:
		ctx, cancel := context.WithTimeout(c.parent, c.limits.Length)
		m = &made{Context: ctx, cancel: cancel}
		if c.stopped {
			cancel()
		}
	}
	c.made.Store(m)
	return m
}

// Stop ends the context.
func (c *Context) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if m := c.made.Load(); m != nil && m.cancel != nil {
		m.cancel()
	}
}

// Deadline is the time limit's, or the parent's if that is earlier.
func (c *Context) Deadline() (time.Time, bool) { return c.real().Deadline() }

// Done is closed when the limit is over or the parent has ended.
func (c *Context) Done() <-chan struct{} { return c.real().Done() }

// Err is the parent's until somebody has asked for Done or Deadline.
func (c *Context) Err() error {
	switch made := c.made.Load(); {
	case made != nil:
		return made.Err()
	case c.detached:
		return nil
	}
	return c.parent.Err()
}

// Value is the parent's.
func (c *Context) Value(key any) any {
	switch made := c.made.Load(); {
	case made != nil:
		return made.Value(key)
	case c.detached:
		return context.WithoutCancel(c.parent).Value(key) // which hides the parent's cause
	}
	return c.parent.Value(key)
}

// StartDetached is Start with a parent of which only the values count: neither its
// end nor its deadline does.
func (c *Context) StartDetached(parent context.Context, limits *Limits) {
	c.parent, c.limits, c.detached = parent, limits, true
}
