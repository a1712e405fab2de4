package bench

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
)

// mapLock is the least a keyed lock can be: a map under a mutex, without expiry,
// fence, owner or waiting.
type mapLock struct {
	mu   sync.Mutex
	held map[string]struct{}
}

func (l *mapLock) acquire(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.held[key]; ok {
		return false
	}
	l.held[key] = struct{}{}
	return true
}

func (l *mapLock) release(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, key)
}

func instance(tb testing.TB) *cachify.Cachify {
	tb.Helper()
	c, err := cachify.New(nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// BenchmarkMemoryLock is acquire and release of a free lock, beside its limit.
func BenchmarkMemoryLock(b *testing.B) {
	ctx := context.Background()
	c := instance(b)
	run := map[string]func(){
		"made-each-time": func() {
			lease, err := c.Lock("invoice-42").Acquire(ctx)
			if err != nil {
				b.Fatal(err)
			}
			_ = lease.Release(ctx)
		},
	}
	lock := c.Lock("invoice-42", cachify.Expiry(time.Minute))
	run["made-once"] = func() {
		lease, err := lock.Acquire(ctx)
		if err != nil {
			b.Fatal(err)
		}
		_ = lease.Release(ctx)
	}
	bare := &mapLock{held: make(map[string]struct{})}
	run["limit-map-lock"] = func() {
		if !bare.acquire("invoice-42") {
			b.Fatal("held")
		}
		bare.release("invoice-42")
	}
	inTurn(b, "limit-map-lock", run)
}
