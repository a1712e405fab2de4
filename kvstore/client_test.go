package kvstore

import (
	"context"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// mapClient is the least client: it can not swap.
type mapClient struct {
	mu     sync.Mutex
	values map[string]mapValue

	// before, if set, is called before each operation, without the lock.
	before func(op, key string)
}

type mapValue struct {
	bytes string
	until time.Time // zero: for ever
}

func newMapClient() *mapClient { return &mapClient{values: make(map[string]mapValue)} }

func (c *mapClient) begin(ctx context.Context, op, key string) error {
	if c.before != nil {
		c.before(op, key)
	}
	return ctx.Err()
}

// get is for those who have the lock.
func (c *mapClient) get(key string) (string, bool) {
	v, ok := c.values[key]
	if !ok || !v.until.IsZero() && !time.Now().Before(v.until) {
		return "", false
	}
	return v.bytes, true
}

// set is for those who have the lock.
func (c *mapClient) set(key string, value []byte, ttl time.Duration) {
	v := mapValue{bytes: string(value)}
	if ttl != driver.NoExpiry {
		v.until = time.Now().Add(ttl)
	}
	c.values[key] = v
}

func (c *mapClient) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if err := c.begin(ctx, "get", key); err != nil {
		return nil, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.get(key)
	if !ok {
		return nil, false, nil
	}
	return []byte(v), true, nil
}

func (c *mapClient) SetIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if err := c.begin(ctx, "set", key); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.get(key); ok {
		return false, nil
	}
	c.set(key, value, ttl)
	return true, nil
}

func (c *mapClient) CompareAndDelete(ctx context.Context, key string, old []byte) (bool, error) {
	if err := c.begin(ctx, "delete", key); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.get(key); !ok || v != string(old) {
		return false, nil
	}
	delete(c.values, key)
	return true, nil
}

// swapClient can swap too.
type swapClient struct{ *mapClient }

func (c swapClient) CompareAndSwap(ctx context.Context, key string, old, new []byte, ttl time.Duration) (bool, error) {
	if err := c.begin(ctx, "swap", key); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.get(key); !ok || v != string(old) {
		return false, nil
	}
	c.set(key, new, ttl)
	return true, nil
}

// clients are those that each test is for.
var clients = []struct {
	name string
	make func() (Client, *mapClient)
}{
	{"plain", func() (Client, *mapClient) { c := newMapClient(); return c, c }},
	{"swapping", func() (Client, *mapClient) { c := newMapClient(); return swapClient{c}, c }},
}
