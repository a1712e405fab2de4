package main

import (
	"context"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// mapStore is a map with the three operations that kvstore needs. It stands for
// whatever you have: a table, a file, a service.
type mapStore struct {
	mu     sync.Mutex
	values map[string]entry
}

type entry struct {
	value   string
	expires time.Time // zero: never
}

// live returns the value under key unless its time has run out.
func (m *mapStore) live(key string) (string, bool) {
	e, ok := m.values[key]
	if ok && !e.expires.IsZero() && !time.Now().Before(e.expires) {
		delete(m.values, key)
		return "", false
	}
	return e.value, ok
}

func (m *mapStore) Get(ctx context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.live(key)
	return []byte(value), ok, ctx.Err()
}

func (m *mapStore) SetIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.live(key); ok || ctx.Err() != nil {
		return false, ctx.Err()
	}
	e := entry{value: string(value)}
	if ttl != driver.NoExpiry {
		e.expires = time.Now().Add(ttl)
	}
	m.values[key] = e
	return true, nil
}

func (m *mapStore) CompareAndDelete(ctx context.Context, key string, old []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if value, ok := m.live(key); !ok || value != string(old) || ctx.Err() != nil {
		return false, ctx.Err()
	}
	delete(m.values, key)
	return true, nil
}
