package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
)

// nilCtx is what nobody should pass.
var nilCtx context.Context

// byteStore hides that a store can keep objects, so that results are encoded.
type byteStore struct{ driver.Queuer }

// cacheEnv is a store in a bubble of virtual time.
type cacheEnv struct {
	*testing.T
	ctx     context.Context
	store   driver.Store
	objects bool // the store keeps values as they are
}

// onBothStores runs f in a bubble, on a store that keeps objects and on one that
// keeps bytes.
func onBothStores(t *testing.T, f func(e *cacheEnv)) {
	t.Helper()
	for _, objects := range []bool{true, false} {
		name := map[bool]string{true: "objects", false: "bytes"}[objects]
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(newCacheEnv(t, objects)) })
		})
	}
}

func newCacheEnv(t *testing.T, objects bool) *cacheEnv {
	t.Helper()
	mem, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &cacheEnv{T: t, ctx: t.Context(), store: mem, objects: objects}
	if !objects {
		e.store = byteStore{mem}
	}
	return e
}

// onObjects runs f in a bubble, on the store that keeps objects only.
func onObjects(t *testing.T, f func(e *cacheEnv)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newCacheEnv(t, true)) })
}

// instance makes an instance on the env's store. It is closed at the end.
func (e *cacheEnv) instance(cfg *cachify.Config) *cachify.Cachify {
	e.Helper()
	return e.instanceOn(e.store, cfg)
}

func (e *cacheEnv) instanceOn(store driver.Store, cfg *cachify.Config) *cachify.Cachify {
	e.Helper()
	c, err := cachify.New(store, cfg)
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(e.ctx)); err != nil {
			e.Errorf("Close: %v", err)
		}
	})
	return c
}

// empty checks that nothing is stored under the cache key key.
func (e *cacheEnv) empty(key string) {
	e.Helper()
	if _, err := e.store.Load(e.ctx, key); !errors.Is(err, driver.ErrNotFound) {
		e.Errorf("Load(%q) = %v, want ErrNotFound: something is left in the store", key, err)
	}
	if o := driver.CapabilitiesOf(e.store).Objects; o != nil {
		if v, _, err := o.LoadObject(e.ctx, key); !errors.Is(err, driver.ErrNotFound) {
			e.Errorf("LoadObject(%q) = %v, %v, want ErrNotFound: something is left in the store", key, v, err)
		}
	}
}

func mustCache[A, R any](t testing.TB, c *cachify.Cachify, template string, fn func(context.Context, A) (R, error), opts ...cachify.CacheOption) *cachify.CachedFunc[A, R] {
	t.Helper()
	f, err := cachify.Cached(c, template, fn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// runs is a function that counts its runs and returns their number.
type runs struct {
	n    atomic.Int64
	took time.Duration
}

func (r *runs) next(ctx context.Context, _ string) (int, error) {
	n := int(r.n.Add(1))
	if r.took == 0 {
		return n, nil
	}
	select {
	case <-time.After(r.took):
		return n, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (r *runs) want(t testing.TB, n int64) {
	t.Helper()
	if got := r.n.Load(); got != n {
		t.Errorf("the function ran %d times, want %d", got, n)
	}
}

func wantCall[R comparable](t testing.TB, f *cachify.CachedFunc[string, R], arg string, want R) {
	t.Helper()
	got, err := f.Call(t.Context(), arg)
	if err != nil || got != want {
		t.Errorf("Call(%q) = %v, %v, want %v", arg, got, err, want)
	}
}

func wantErr(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("error %v, want one that is %v", err, target)
		}
	}
}

// journal is a list of events, as "what key".
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// take returns the lines since the last take.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func (j *journal) want(t testing.TB, want ...string) {
	t.Helper()
	if got := j.take(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// events returns Events that write all of a cache to the journal.
func (j *journal) events() *cachify.Events {
	cache := func(what string) func(cachify.CacheEvent) {
		return func(e cachify.CacheEvent) { j.add("%s %s", what, e.Key) }
	}
	return &cachify.Events{
		Hit: cache("hit"), Miss: cache("miss"), Discarded: cache("discarded"), Reset: cache("reset"),
		Corrupt: func(e cachify.CacheEvent) {
			if e.Err == nil {
				j.add("corrupt without a reason")
			}
			j.add("corrupt %s", e.Key)
		},
		Loaded:      func(e cachify.LoadEvent) { j.add("loaded %s %v %v", e.Key, e.Took, e.Err) },
		StoreFailed: func(e cachify.StoreFailedEvent) { j.add("failed %s %s", e.Op, e.Key) },
	}
}

// inBackground calls f and returns a function that waits for its end.
func inBackground(f func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return func() { <-done }
}
