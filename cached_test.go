package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
)

func TestCachedHitMissExpiry(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		var r runs
		f := mustCache(t, e.instance(&cachify.Config{Events: j.events()}), "n-{}", r.next, cachify.TTL(time.Second))
		wantCall(e, f, "a", 1)
		j.want(e, "miss n-a", "loaded n-a 0s <nil>")
		wantCall(e, f, "a", 1)
		j.want(e, "hit n-a")
		wantCall(e, f, "b", 2)
		time.Sleep(time.Second - time.Nanosecond)
		wantCall(e, f, "a", 1)
		time.Sleep(time.Nanosecond)
		wantCall(e, f, "a", 3)
		r.want(e, 3)
	})
}

func TestCachedTTLPrecedence(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		const hour = 100 * 24 * time.Hour
		tests := []struct {
			name    string
			config  time.Duration
			option  time.Duration
			byFunc  time.Duration
			lasting time.Duration // 0: for ever
		}{
			{"nothing", 0, 0, 0, 0},
			{"config", time.Second, 0, 0, time.Second},
			{"option", time.Second, 2 * time.Second, 0, 2 * time.Second},
			{"option for ever", time.Second, cachify.NoExpiry, 0, 0},
			{"function", time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second},
			{"function for ever", time.Second, 2 * time.Second, cachify.NoExpiry, 0},
		}
		for _, tt := range tests {
			c := e.instance(&cachify.Config{CacheTTL: tt.config, Prefix: tt.name})
			var r runs
			var opts []cachify.CacheOption
			if tt.option != 0 {
				opts = append(opts, cachify.TTL(tt.option))
			}
			f := mustCache(e, c, "{}", func(ctx context.Context, s string) (int, error) {
				if tt.byFunc != 0 {
					if err := cachify.SetTTL(ctx, tt.byFunc); err != nil {
						return 0, err
					}
				}
				return r.next(ctx, s)
			}, opts...)
			wantCall(e, f, "a", 1)
			want := tt.lasting
			if want == 0 {
				want = cachify.NoExpiry
			}
			if got, ok, err := f.Peek(e.ctx, "a"); err != nil || !ok || got.TTL != want {
				e.Errorf("%s: Peek = %+v, %v, %v, want a TTL of %v", tt.name, got, ok, err, want)
			}
			if tt.lasting == 0 {
				time.Sleep(hour)
				wantCall(e, f, "a", 1)
				continue
			}
			time.Sleep(tt.lasting - 1)
			wantCall(e, f, "a", 1)
			time.Sleep(1)
			wantCall(e, f, "a", 2)
		}
	})
}

type thing struct{ Name string }

func TestCachedNilAbsentAndNotFound(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		var n int
		f := mustCache(e, c, "thing-{}", func(_ context.Context, id string) (*thing, error) {
			n++
			switch id {
			case "nil":
				return nil, nil
			case "gone":
				return &thing{"partial"}, fmt.Errorf("no row: %w", cachify.ErrNotFound)
			}
			return &thing{id}, nil
		}, cachify.NotFoundTTL(time.Second), cachify.Clone(func(v *thing) *thing { w := *v; return &w }))

		if _, ok, err := f.Peek(e.ctx, "nil"); ok || err != nil {
			e.Errorf("Peek of an absent result = %v, %v", ok, err)
		}
		for range 2 {
			if v, err := f.Call(e.ctx, "nil"); v != nil || err != nil {
				e.Errorf("cached nil: %v, %v", v, err)
			}
		}
		if p, ok, err := f.Peek(e.ctx, "nil"); !ok || err != nil || p.NotFound || p.Value != nil {
			e.Errorf("Peek of a cached nil = %+v, %v, %v", p, ok, err)
		}

		_, err := f.Call(e.ctx, "gone")
		if wantErr(e, err, cachify.ErrNotFound); err == nil || !strings.HasPrefix(err.Error(), "no row") {
			e.Errorf("the first caller gets %v, want the function's own error", err)
		}
		v, err := f.Call(e.ctx, "gone")
		if wantErr(e, err, cachify.ErrNotFound); v != nil {
			e.Errorf("not found came with %v", v)
		}
		if p, ok, err := f.Peek(e.ctx, "gone"); !ok || err != nil || !p.NotFound || p.Value != nil || p.TTL != time.Second {
			e.Errorf("Peek of not found = %+v, %v, %v", p, ok, err)
		}
		if n != 2 {
			e.Errorf("%d runs, want 2", n)
		}
		time.Sleep(time.Second)
		_, _ = f.Call(e.ctx, "gone")
		if _, _ = f.Call(e.ctx, "nil"); n != 3 {
			e.Errorf("%d runs, want 3: not found lasts for a second, nil for ever", n)
		}
	})
}

func TestCachedNilKinds(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		isNil := func(name string, get func() (bool, error)) {
			e.Helper()
			for range 2 {
				if ok, err := get(); !ok || err != nil {
					e.Errorf("%s: %v, %v, want what was returned", name, ok, err)
				}
			}
		}
		isNil("nil slice", func() (bool, error) {
			v, err := cachify.Fetch(e.ctx, c, "slice", func(context.Context) ([]int, error) { return nil, nil })
			return v == nil, err
		})
		isNil("empty slice", func() (bool, error) {
			v, err := cachify.Fetch(e.ctx, c, "empty", func(context.Context) ([]int, error) { return []int{}, nil })
			return v != nil && len(v) == 0, err
		})
		isNil("nil map", func() (bool, error) {
			v, err := cachify.Fetch(e.ctx, c, "map", func(context.Context) (map[string]int, error) { return nil, nil })
			return v == nil, err
		})
		isNil("nil any", func() (bool, error) {
			v, err := cachify.Fetch(e.ctx, c, "any", func(context.Context) (any, error) { return nil, nil })
			return v == nil, err
		})
		isNil("zero", func() (bool, error) {
			v, err := cachify.Fetch(e.ctx, c, "zero", func(context.Context) (int, error) { return 0, nil })
			return v == 0, err
		})
	})
}

func TestCachedErrorsAreNotCached(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: j.events()})
		broken := errors.New("broken")
		var r runs
		f := mustCache(e, c, "{}", func(ctx context.Context, s string) (int, error) {
			n, _ := r.next(ctx, s)
			return n, broken
		})
		g := mustCache(e, c, "g{}", func(ctx context.Context, s string) (int, error) {
			n, _ := r.next(ctx, s)
			return n, cachify.ErrNotFound
		})
		for want := 1; want <= 3; want++ {
			got, err := f.Call(e.ctx, "a")
			if wantErr(e, err, broken); got != want {
				e.Errorf("value %d beside the error, want %d", got, want)
			}
		}
		for want := 4; want <= 5; want++ { // not without NotFoundTTL
			_, err := g.Call(e.ctx, "a")
			wantErr(e, err, cachify.ErrNotFound)
		}
		r.want(e, 5)
		e.empty("PYC-a-cached")
		e.empty("PYC-ga-cached")
		if lines := j.take(); lines[1] != "loaded a 0s broken" {
			e.Errorf("events %q", lines)
		}
	})
}

func TestSetTTLAndNoStore(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		for _, d := range []time.Duration{0, -1, time.Microsecond, driver.MaxTTL + 1} {
			wantErr(e, cachify.SetTTL(e.ctx, d), cachify.ErrInvalid)
		}
		wantErr(e, cachify.SetTTL(nilCtx, time.Second), cachify.ErrInvalid)
		if err := cachify.SetTTL(e.ctx, time.Second); err != nil {
			e.Errorf("SetTTL outside of a cached function: %v", err)
		}
		cachify.NoStore(e.ctx)
		cachify.NoStore(nilCtx)

		var r runs
		f := mustCache(e, c, "{}", func(ctx context.Context, s string) (int, error) {
			switch s {
			case "no":
				cachify.NoStore(ctx)
			case "wrong": // changes nothing
				wantErr(e, cachify.SetTTL(ctx, -1), cachify.ErrInvalid)
			case "gone":
				if err := cachify.SetTTL(ctx, 2*time.Second); err != nil {
					e.Error(err)
				}
				_, _ = r.next(ctx, s)
				return 0, cachify.ErrNotFound
			}
			return r.next(ctx, s)
		}, cachify.TTL(time.Second), cachify.NotFoundTTL(time.Second))
		wantCall(e, f, "no", 1)
		wantCall(e, f, "no", 2)
		e.empty("PYC-no-cached")
		wantCall(e, f, "wrong", 3)
		time.Sleep(time.Second)
		wantCall(e, f, "wrong", 4)
		_, err := f.Call(e.ctx, "gone")
		wantErr(e, err, cachify.ErrNotFound)
		if p, _, _ := f.Peek(e.ctx, "gone"); p.TTL != 2*time.Second {
			e.Errorf("SetTTL for not found: %v left, want 2s", p.TTL)
		}
	})
}

func TestPeek(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		r := runs{took: 3 * time.Second}
		f := mustCache(e, e.instance(nil), "{}", r.next, cachify.TTL(time.Minute))
		wantCall(e, f, "a", 1)
		time.Sleep(10 * time.Second)
		got, ok, err := f.Peek(e.ctx, "a")
		want := cachify.Entry[int]{Value: 1, Age: 10 * time.Second, Cost: 3 * time.Second, TTL: 50 * time.Second}
		if !ok || err != nil || got != want {
			e.Errorf("Peek = %+v, %v, %v, want %+v", got, ok, err, want)
		}

		wait := inBackground(func() { _, _ = f.Call(e.ctx, "b") })
		synctest.Wait()
		if _, ok, err := f.Peek(e.ctx, "b"); ok || err != nil { // only a reservation
			e.Errorf("Peek during a load = %v, %v, want nothing", ok, err)
		}
		wait()
		r.want(e, 2)
	})
}

func TestResetAndForget(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: j.events()})
		var r runs
		f := mustCache(e, c, "n-{}", r.next)
		wantCall(e, f, "a", 1)
		wantCall(e, f, "b", 2)
		j.take()
		if err := f.Reset(e.ctx, "a"); err != nil {
			e.Fatal(err)
		}
		j.want(e, "reset n-a")
		wantCall(e, f, "a", 3)
		wantCall(e, f, "b", 2)

		n, err := cachify.Fetch(e.ctx, c, "n-a", func(context.Context) (int, error) { return 0, nil })
		if n != 3 || err != nil {
			e.Errorf("Fetch = %v, %v, want what the cached function stored", n, err)
		}
		if err := c.Forget(e.ctx, "n-a"); err != nil {
			e.Fatal(err)
		}
		wantCall(e, f, "a", 4)
	})
}

func TestStackedCaches(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var r runs
		far := e.instance(&cachify.Config{Prefix: "far-"})
		near := e.instanceOn(nil, nil)
		inner := mustCache(e, far, "n-{}", r.next)
		outer, err := cachify.CachedOver(near, "n-{}", inner, cachify.TTL(time.Second))
		if err != nil {
			e.Fatal(err)
		}
		wantCall(e, outer, "a", 1)
		wantCall(e, inner, "a", 1)
		time.Sleep(time.Second)
		wantCall(e, outer, "a", 1) // from the inner one
		r.want(e, 1)

		if err := outer.Reset(e.ctx, "a"); err != nil {
			e.Fatal(err)
		}
		wantCall(e, outer, "a", 2)
		if got, err := outer.Refresh(e.ctx, "a"); got != 3 || err != nil {
			e.Errorf("Refresh = %v, %v, want 3: it has to reach the function", got, err)
		}
		wantCall(e, inner, "a", 3)
		wantCall(e, outer, "a", 3)

		if err := inner.Reset(e.ctx, "a"); err != nil {
			e.Fatal(err)
		}
		wantCall(e, outer, "a", 3) // the outer one does not know
	})
}

func TestCloneAndIdentity(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		own := map[string]int{"a": 1}
		load := func(ctx context.Context, _ string) (map[string]int, error) {
			time.Sleep(time.Second)
			return own, nil
		}
		f := mustCache(e, c, "m-{}", load, cachify.Clone(maps.Clone[map[string]int]))
		use := func() {
			m, err := f.Call(e.ctx, "x")
			if err != nil || len(m) != 1 || m["a"] != 1 {
				e.Errorf("Call = %v, %v, want what the function returned", m, err)
			}
			m["a"], m["b"] = 2, 2
		}
		var waits []func()
		for range 10 { // the first one, and those who wait with it
			waits = append(waits, inBackground(use))
		}
		for _, w := range waits {
			w()
		}
		own["a"] = 3 // what the function keeps for itself is not what is remembered
		use()
		use()
		if p, _, _ := f.Peek(e.ctx, "x"); len(p.Value) != 1 {
			e.Errorf("Peek = %v", p.Value)
		} else {
			p.Value["b"] = 3
		}
		use()
	})
}

func TestValuesAreKeptAsTheyAre(t *testing.T) {
	onObjects(t, func(e *cacheEnv) {
		type odd struct {
			hidden int
			f      func()
		}
		v := &odd{hidden: 1, f: func() {}}
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (*odd, error) { return v, nil })
		for range 2 {
			wantCall(e, f, "a", v)
		}
	})
}

// Who weighs records sees results and nothing else: no reservation, no "not found".
func TestOnlyResultsAreWeighed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, err := memstore.New(&memstore.Options{
			MaxWeight: 1000, Weigh: func(_ string, v any) uint32 { return uint32(len(v.(*thing).Name)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		e := &cacheEnv{T: t, ctx: t.Context(), store: mem, objects: true}
		f := mustCache(e, e.instance(nil), "{}", func(_ context.Context, s string) (*thing, error) {
			if s == "gone" {
				return nil, cachify.ErrNotFound
			}
			return &thing{s}, nil
		}, cachify.NotFoundTTL(time.Minute))
		for range 2 {
			_, err := f.Call(e.ctx, "gone")
			wantErr(t, err, cachify.ErrNotFound)
			if v, err := f.Call(e.ctx, "here"); err != nil || v.Name != "here" {
				t.Errorf("Call = %v, %v", v, err)
			}
		}
		if v, err := f.Refresh(e.ctx, "here"); err != nil || v.Name != "here" {
			t.Errorf("Refresh = %v, %v", v, err)
		}
	})
}

type userKey struct {
	Region string `cachify:"region"`
	ID     int
}

func TestCachedKeys(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		f := mustCache(e, c, "user-{region}-{id}", func(_ context.Context, k userKey) (userKey, error) { return k, nil })
		if key, err := f.Key(userKey{"eu", 4}); key != "user-eu-4" || err != nil {
			e.Errorf("Key = %q, %v", key, err)
		}
		for _, k := range []userKey{{"eu", 4}, {"eu-4", 4}, {"eu", 44}, {"eu%2D4", 4}} {
			for range 2 {
				if got, err := f.Call(e.ctx, k); got != k || err != nil {
					e.Errorf("Call(%v) = %v, %v", k, got, err)
				}
			}
		}

		type pair struct{ A, B string }
		g := mustCache(e, c, "{a}-{b}", func(_ context.Context, p pair) (pair, error) { return p, nil })
		for _, p := range []pair{{"1-2", "3"}, {"1", "2-3"}, {"1%2D2", "3"}, {"", "1-2-3"}, {"1-2-3", ""}} {
			if got, err := g.Call(e.ctx, p); got != p || err != nil {
				e.Errorf("Call(%q) = %q, %v: another argument has the same key", p, got, err)
			}
		}

		h := mustCache(e, c, "by-func-{}", func(_ context.Context, k userKey) (userKey, error) { return k, nil },
			cachify.KeyFunc(func(k userKey) string { return k.Region }))
		_, _ = h.Call(e.ctx, userKey{"eu", 1})
		if got, err := h.Call(e.ctx, userKey{"eu", 2}); got.ID != 1 || err != nil {
			e.Errorf("KeyFunc: %v, %v, want the result of the same key", got, err)
		}
		if key, _ := h.Key(userKey{"eu", 1}); key != "by-func-eu" {
			e.Errorf("Key with KeyFunc = %q", key)
		}

		empty := mustCache(e, c, "{}", func(context.Context, string) (int, error) { return 0, nil })
		_, err := empty.Call(e.ctx, "")
		wantErr(e, err, cachify.ErrInvalid)
		_, err = empty.Key("")
		wantErr(e, err, cachify.ErrInvalid)
		wantErr(e, empty.Reset(e.ctx, ""), cachify.ErrInvalid)
		_, err = empty.Refresh(e.ctx, "")
		wantErr(e, err, cachify.ErrInvalid)
		_, _, err = empty.Peek(e.ctx, "")
		wantErr(e, err, cachify.ErrInvalid)
	})
}

func TestCachedConstructorErrors(t *testing.T) {
	one := func(context.Context, userKey) (int, error) { return 1, nil }
	cached := func(template string, opts ...cachify.CacheOption) error {
		_, err := cachify.Cached(nil, template, one, opts...)
		return err
	}
	tests := []struct {
		name string
		err  error
		text []string // all of these are in it
	}{
		{"unknown name", cached("user-{nme}"), []string{`"user-{nme}"`, "nme", "region", "ID"}},
		{"unclosed", cached("user-{id"), []string{`"user-{id"`}},
		{"empty", cached(""), []string{"empty"}},
		{"ttl 0", cached("{id}", cachify.TTL(0)), []string{"TTL of 0s"}},
		{"ttl negative", cached("{id}", cachify.TTL(-1)), []string{"TTL"}},
		{"ttl too short", cached("{id}", cachify.TTL(time.Microsecond)), []string{"1ms"}},
		{"ttl too long", cached("{id}", cachify.TTL(driver.MaxTTL+1)), []string{"longest"}},
		{"not found ttl", cached("{id}", cachify.NotFoundTTL(0)), []string{"NotFoundTTL"}},
		{"nil codec", cached("{id}", cachify.WithCodec(nil)), []string{"WithCodec"}},
		{"nil clone", cached("{id}", cachify.Clone[int](nil)), []string{"Clone"}},
		{"other clone", cached("{id}", cachify.Clone(strings.Clone)), []string{"func(string) string", "func(int) int"}},
		{"nil key func", cached("{id}", cachify.KeyFunc[userKey](nil)), []string{"KeyFunc"}},
		{"other key func", cached("{}", cachify.KeyFunc(func(int) string { return "" })), []string{"func(int) string", "userKey"}},
	}
	_, err := cachify.Cached[userKey, int](nil, "{id}", nil)
	tests = append(tests, struct {
		name string
		err  error
		text []string
	}{"nil function", err, []string{"nil"}})
	_, err = cachify.CachedOver[userKey, int](nil, "{id}", nil)
	tests = append(tests, struct {
		name string
		err  error
		text []string
	}{"nil inner", err, []string{"nil"}})
	_, err = cachify.Cached(nil, "{}", func(context.Context, chan int) (int, error) { return 1, nil })
	tests = append(tests, struct {
		name string
		err  error
		text []string
	}{"type without text", err, []string{"chan int"}})
	for _, tt := range tests {
		if !errors.Is(tt.err, cachify.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", tt.name, tt.err)
			continue
		}
		for _, text := range tt.text {
			if !strings.Contains(tt.err.Error(), text) {
				t.Errorf("%s: %q does not say %q", tt.name, tt.err, text)
			}
		}
	}
	if err := cached("{id}", nil, cachify.TTL(time.Second)); err != nil {
		t.Errorf("a nil option: %v", err)
	}
}

func TestCachedBadCalls(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		var r runs
		f := mustCache(e, c, "{}", r.next)
		outer, err := cachify.CachedOver(c, "outer-{}", f)
		if err != nil {
			e.Fatal(err)
		}
		one := func(context.Context) (int, error) { return 1, nil }
		errs := map[string]error{}
		_, errs["Call"] = f.Call(nilCtx, "a")
		_, errs["Refresh"] = f.Refresh(nilCtx, "a")
		_, _, errs["Peek"] = f.Peek(nilCtx, "a")
		errs["Reset"] = f.Reset(nilCtx, "a")
		errs["Reset of stacked"] = outer.Reset(nilCtx, "a")
		errs["Forget"] = c.Forget(nilCtx, "a")
		errs["Forget of nothing"] = c.Forget(e.ctx, "")
		_, errs["Fetch"] = cachify.Fetch(nilCtx, c, "a", one)
		_, errs["Fetch of nothing"] = cachify.Fetch(e.ctx, c, "", one)
		_, errs["Fetch nil"] = cachify.Fetch[int](e.ctx, c, "a", nil)
		_, errs["Fetch with a bad option"] = cachify.Fetch(e.ctx, c, "a", one, cachify.TTL(0))
		for name, err := range errs {
			if !errors.Is(err, cachify.ErrInvalid) {
				e.Errorf("%s: error %v, want ErrInvalid", name, err)
			}
		}

		ended, cancel := context.WithCancel(e.ctx)
		cancel()
		wantCall(e, f, "there", 1)
		for _, key := range []string{"there", "absent"} {
			_, err := f.Call(ended, key)
			wantErr(e, err, context.Canceled)
		}
		r.want(e, 1)
		e.empty("PYC-absent-cached")
	})
}

func TestCachedClosed(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		one := func(context.Context) (int, error) { return 1, nil }
		check := func(c *cachify.Cachify) {
			e.Helper()
			var r runs
			f := mustCache(e, c, "{}", r.next)
			_, callErr := f.Call(e.ctx, "a")
			_, refreshErr := f.Refresh(e.ctx, "a")
			_, _, peekErr := f.Peek(e.ctx, "a")
			_, fetchErr := cachify.Fetch(e.ctx, c, "a", one)
			for _, err := range []error{callErr, refreshErr, peekErr, fetchErr, f.Reset(e.ctx, "a"), c.Forget(e.ctx, "a")} {
				wantErr(e, err, cachify.ErrClosed)
			}
			r.want(e, 0)
		}
		closed := e.instance(nil)
		if err := closed.Close(e.ctx); err != nil {
			e.Fatal(err)
		}
		check(closed)

		onClosedStore := e.instance(nil)
		switch s := e.store.(type) {
		case *memstore.Store:
			_ = s.Close()
		case byteStore:
			_ = s.Queuer.(*memstore.Store).Close()
		}
		check(onClosedStore)
	})
}

func TestHitAllocations(t *testing.T) {
	c, err := cachify.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	defer func() { _ = c.Close(ctx) }()
	v := &thing{"x"}
	load := func(context.Context, userKey) (*thing, error) { return v, nil }
	arg := userKey{"eu", 42}
	for name, f := range map[string]*cachify.CachedFunc[userKey, *thing]{
		"template": mustCache(t, c, "user-{region}-{id}", load),
		"KeyFunc":  mustCache(t, c, "by-{}", load, cachify.KeyFunc(func(k userKey) string { return k.Region })),
	} {
		if n := testing.AllocsPerRun(100, func() {
			if got, err := f.Call(ctx, arg); got != v || err != nil {
				t.Errorf("Call = %v, %v", got, err)
			}
		}); n > maxHitAllocs {
			t.Errorf("%s: a hit allocates %v times, want %v", name, n, maxHitAllocs)
		}
	}
}

func TestCachedRefusesAKeyForAll(t *testing.T) {
	same := func(context.Context, userKey) (int, error) { return 0, nil }
	for _, template := range []string{"users", "user-%d", "user-{}"} {
		_, err := cachify.Cached(nil, template, same)
		wantErr(t, err, cachify.ErrInvalid)
		if err != nil && !strings.Contains(err.Error(), template) {
			t.Errorf("%v does not name the template", err)
		}
	}
	if _, err := cachify.Cached(nil, "users", func(context.Context, struct{}) (int, error) { return 0, nil }); err != nil {
		t.Errorf("nothing to depend on: %v", err)
	}
	_, err := cachify.Cached(nil, "users", same, cachify.KeyFunc(func(userKey) string { return "x" }))
	wantErr(t, err, cachify.ErrInvalid)
	if _, err := cachify.Locked(nil, "users", same); err != nil {
		t.Errorf("a lock for all: %v", err)
	}
}

func TestForgetTakesWhatKeyReturns(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var r runs
		c := e.instance(nil)
		f := mustCache(e, c, "n-{}", r.next)
		wantCall(e, f, "a", 1)
		key, err := f.Key("a")
		if err := errors.Join(err, c.Forget(e.ctx, key)); err != nil {
			e.Error(err)
		}
		wantCall(e, f, "a", 2)
	})
}

func TestACachedFunctionThatCallsItself(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		var itself, first, second *cachify.CachedFunc[string, int]
		itself = mustCache(e, c, "self-{}", func(ctx context.Context, key string) (int, error) { return itself.Call(ctx, key) })
		_, err := itself.Call(e.ctx, "a")
		wantErr(e, err, cachify.ErrInvalid)

		first = mustCache(e, c, "first-{}", func(ctx context.Context, key string) (int, error) { return second.Call(ctx, key) })
		second = mustCache(e, c, "second-{}", func(ctx context.Context, key string) (int, error) { return first.Call(ctx, key) })
		_, err = first.Call(e.ctx, "a")
		wantErr(e, err, cachify.ErrInvalid)

		// With another key it is a recursion like any other.
		var sum *cachify.CachedFunc[int, int]
		sum = mustCache(e, c, "sum-{}", func(ctx context.Context, n int) (int, error) {
			if n == 0 {
				return 0, nil
			}
			rest, err := sum.Call(ctx, n-1)
			return n + rest, err
		})
		if n, err := sum.Call(e.ctx, 10); n != 55 || err != nil {
			e.Errorf("sum = %d, %v", n, err)
		}
	})
}
