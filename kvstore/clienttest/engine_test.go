package clienttest_test

import (
	"context"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// engine is a sound key-value engine in the process. Any number of clients work on it.
type engine struct {
	mu     sync.Mutex
	values map[string]value
}

type value struct {
	bytes string
	until time.Time // zero: for ever
}

func newEngine() *engine { return &engine{values: make(map[string]value)} }

// find is for those who have the lock.
func (e *engine) find(key string) (value, bool) {
	v, ok := e.values[key]
	if !ok || !v.until.IsZero() && !time.Now().Before(v.until) {
		return value{}, false
	}
	return v, true
}

func timed(b []byte, ttl time.Duration) value {
	v := value{bytes: string(b)}
	if ttl != driver.NoExpiry {
		v.until = time.Now().Add(ttl)
	}
	return v
}

// client is the least client of an engine, and sound.
type client struct{ *engine }

func (c client) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.find(key)
	return []byte(v.bytes), ok, nil
}

func (c client) SetIfAbsent(ctx context.Context, key string, b []byte, ttl time.Duration) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.find(key); ok {
		return false, nil
	}
	c.values[key] = timed(b, ttl)
	return true, nil
}

func (c client) CompareAndDelete(ctx context.Context, key string, old []byte) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.find(key); !ok || v.bytes != string(old) {
		return false, nil
	}
	delete(c.values, key)
	return true, nil
}

// swapper is a client that can swap too, and sound.
type swapper struct{ client }

func (c swapper) CompareAndSwap(ctx context.Context, key string, old, b []byte, ttl time.Duration) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.find(key); !ok || v.bytes != string(old) {
		return false, nil
	}
	c.values[key] = timed(b, ttl)
	return true, nil
}

// put sets whatever was there.
func (e *engine) put(key string, b []byte, ttl time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.values[key] = timed(b, ttl)
}

// drop removes whatever is there and reports whether there was anything.
func (e *engine) drop(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.find(key)
	delete(e.values, key)
	return ok
}
