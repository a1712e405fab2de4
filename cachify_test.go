package cachify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/memstore"
)

func TestConfigValidation(t *testing.T) {
	bad := map[string]struct {
		cfg  cachify.Config
		text string
	}{
		"prefix and none":     {cachify.Config{Prefix: "A-", NoPrefix: true}, "NoPrefix"},
		"negative lock":       {cachify.Config{LockExpiration: -1}, "Config.LockExpiration"},
		"short lock":          {cachify.Config{LockExpiration: time.Microsecond}, "Config.LockExpiration"},
		"long lock":           {cachify.Config{LockExpiration: driver.MaxTTL + 1}, "Config.LockExpiration"},
		"negative slot":       {cachify.Config{PoolSlotExpiration: -1}, "Config.PoolSlotExpiration"},
		"short slot":          {cachify.Config{PoolSlotExpiration: time.Microsecond}, "Config.PoolSlotExpiration"},
		"negative ttl":        {cachify.Config{CacheTTL: -1}, "Config.CacheTTL"},
		"short ttl":           {cachify.Config{CacheTTL: 999 * time.Microsecond}, "Config.CacheTTL"},
		"negative interval":   {cachify.Config{LockPollInterval: -1}, "Config.LockPollInterval"},
		"short interval":      {cachify.Config{LockPollInterval: 1}, "Config.LockPollInterval"},
		"no interval at all":  {cachify.Config{LockPollInterval: cachify.NoExpiry}, "Config.LockPollInterval"},
		"overflowing by 1 ns": {cachify.Config{CacheTTL: cachify.NoExpiry - 1}, "Config.CacheTTL"},
	}
	for name, tt := range bad {
		for how, make := range map[string]func(driver.Store, *cachify.Config) (*cachify.Cachify, error){
			"New": cachify.New, "Init": cachify.Init,
		} {
			c, err := make(nil, &tt.cfg)
			if c != nil || !errors.Is(err, cachify.ErrInvalid) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%s: %s = %v, %v, want ErrInvalid that names %s", name, how, c, err, tt.text)
			}
		}
	}
	good := []*cachify.Config{
		nil, {}, {NoPrefix: true}, {Prefix: "A-"},
		{LockExpiration: cachify.NoExpiry, PoolSlotExpiration: cachify.NoExpiry, CacheTTL: cachify.NoExpiry},
		{LockExpiration: driver.MaxTTL, PoolSlotExpiration: driver.MinTTL, CacheTTL: driver.MinTTL, LockPollInterval: driver.MinTTL},
	}
	for _, cfg := range good {
		c, err := cachify.New(nil, cfg)
		if err != nil {
			t.Errorf("New(%+v): %v", cfg, err)
			continue
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigIsCopied(t *testing.T) {
	onObjects(t, func(e *cacheEnv) {
		cfg := &cachify.Config{Prefix: "A-"}
		c := e.instance(cfg)
		cfg.Prefix = "B-"
		lock(e, c)
		held(e, "A-k", true)
		held(e, "B-k", false)
		if *cfg != (cachify.Config{Prefix: "B-"}) {
			e.Errorf("New has changed the caller's Config: %+v", cfg)
		}
	})
}

// lock acquires the lock "k".
func lock(e *cacheEnv, c *cachify.Cachify) *cachify.Lease {
	e.Helper()
	l, err := c.Lock("k").Acquire(e.ctx)
	if err != nil {
		e.Fatal(err)
	}
	return l
}

// held checks whether somebody holds a name of the store.
func held(e *cacheEnv, name string, want bool) {
	e.Helper()
	o, err := e.store.Holders(e.ctx, name)
	if err != nil || (len(o.Holders) > 0) != want {
		e.Errorf("%s is held: %v, %v, want %v", name, len(o.Holders) > 0, err, want)
	}
}

func TestDefaults(t *testing.T) {
	onObjects(t, func(e *cacheEnv) {
		c := e.instance(nil)
		l := lock(e, c)
		o, err := e.store.Holders(e.ctx, "PYC-k")
		if err != nil || len(o.Holders) != 1 || o.Holders[0].TTL != 30*time.Second {
			e.Errorf("a lock by default: %+v, %v", o, err)
		}
		_ = l.Release(e.ctx)
		p, err := c.Pool("p", 2).Acquire(e.ctx)
		if err != nil {
			e.Fatal(err)
		}
		o, err = e.store.Holders(e.ctx, "PYC-p-pool")
		if err != nil || len(o.Holders) != 1 || o.Holders[0].TTL != 600*time.Second {
			e.Errorf("a pool by default: %+v, %v", o, err)
		}
		_ = p.Release(e.ctx)
	})
}

func TestNoPrefix(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(&cachify.Config{NoPrefix: true})
		l := lock(e, c)
		held(e, "k", true)
		_ = l.Release(e.ctx)
		var j journal
		d := e.instance(&cachify.Config{NoPrefix: true, Events: &cachify.Events{Hit: j.events().Hit}})
		r := runs{}
		wantCall(e, mustCache(e, d, "{}", r.next), "a", 1)
		wantCall(e, mustCache(e, d, "{}", r.next), "a", 1)
		j.want(e, "hit a")
	})
}

func TestInstancesAndPrefixes(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		a, b := e.instance(&cachify.Config{Prefix: "A-"}), e.instance(&cachify.Config{Prefix: "B-"})
		again := e.instance(&cachify.Config{Prefix: "A-"})
		la := lock(e, a)
		lb := lock(e, b) // another's is not in the way
		_, err := again.Lock("k").Acquire(e.ctx)
		wantErr(e, err, cachify.ErrLocked)
		_ = la.Release(e.ctx)
		_ = lb.Release(e.ctx)

		r := runs{}
		wantCall(e, mustCache(e, a, "{}", r.next), "x", 1)
		wantCall(e, mustCache(e, b, "{}", r.next), "x", 2)
		wantCall(e, mustCache(e, again, "{}", r.next), "x", 1)
		if err := b.Forget(e.ctx, "x"); err != nil {
			e.Fatal(err)
		}
		wantCall(e, mustCache(e, a, "{}", r.next), "x", 1)

		pa, err := a.Pool("p", 1).Acquire(e.ctx)
		if err != nil {
			e.Fatal(err)
		}
		if n, err := b.Pool("p", 1).Size(e.ctx); n != 0 || err != nil {
			e.Errorf("Size of the other's pool = %v, %v", n, err)
		}
		_ = pa.Release(e.ctx)
	})
}

// The verbs do not meet under one key.
func TestVerbsHaveTheirOwnKeys(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		nop := func(context.Context, string) (int, error) { return 1, nil }
		locked := cachify.Must(cachify.Locked(c, "{}", func(ctx context.Context, k string) (int, error) {
			held(e, "PYC-k-lock", true)
			once := cachify.Must(cachify.Once(c, "{}", func(ctx context.Context, k string) (int, error) {
				held(e, "PYC-k-once", true)
				pool := cachify.Must(cachify.Pooled(c, "{}", 1, func(ctx context.Context, k string) (int, error) {
					held(e, "PYC-k-pool", true)
					return mustCache(e, c, "{}", nop).Call(ctx, k)
				}))
				return pool.Call(ctx, k)
			}))
			return once.Call(ctx, k)
		}))
		if n, err := locked.Call(e.ctx, "k"); n != 1 || err != nil {
			e.Errorf("Call = %v, %v", n, err)
		}
	})
}

// packageLevel is made before Init.
var packageLevel = cachify.Must(cachify.Cached(nil, "pkg-{}", func(_ context.Context, s string) (string, error) {
	return "value of " + s, nil
}))

func TestGlobal(t *testing.T) {
	cachify.StartOver()
	defer cachify.StartOver()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		_, err := packageLevel.Call(ctx, "a")
		wantErr(t, err, cachify.ErrNotInitialized)
		for name, c := range map[string]*cachify.Cachify{"nil": nil, "Global()": cachify.Global()} {
			_, lockErr := c.Lock("k").Acquire(ctx)
			_, onceErr := c.Once("k").Do(ctx, func(context.Context) error { return nil })
			_, poolErr := c.Pool("k", 1).Acquire(ctx)
			for _, err := range []error{lockErr, onceErr, poolErr, c.Ping(ctx), c.Close(ctx), c.Forget(ctx, "k")} {
				if !errors.Is(err, cachify.ErrNotInitialized) {
					t.Errorf("%s: error %v, want ErrNotInitialized", name, err)
				}
			}
		}
		handle := cachify.Global()
		bound, err := cachify.New(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		ownFunc := mustCache(t, bound, "{}", func(context.Context, string) (string, error) { return "bound", nil })

		first, err := cachify.Init(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantCall(t, packageLevel, "a", "value of a")
		wantCall(t, ownFunc, "a", "bound")
		l, err := first.Lock("k").Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := handle.Lock("k").IsLocked(ctx); !ok || err != nil {
			t.Errorf("the handle does not see the lock: %v, %v", ok, err)
		}
		if ok, err := bound.Lock("k").IsLocked(ctx); ok || err != nil {
			t.Errorf("another instance sees the lock: %v, %v", ok, err)
		}

		if _, err := cachify.Init(nil, &cachify.Config{LockExpiration: -1}); err == nil {
			t.Error("Init with a bad Config: no error")
		}
		if ok, _ := handle.Lock("k").IsLocked(ctx); !ok {
			t.Error("a failed Init has changed the global instance")
		}
		second, err := cachify.Init(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := handle.Lock("k").IsLocked(ctx); ok || err != nil {
			t.Errorf("after a second Init the handle is on the old instance: %v, %v", ok, err)
		}
		if _, ok, err := packageLevel.Peek(ctx, "a"); ok || err != nil {
			t.Errorf("the package's function is on the old instance: %v, %v", ok, err)
		}
		if err := l.Release(ctx); err != nil { // goes on where it is
			t.Errorf("releasing a lease of the old instance: %v", err)
		}
		for _, c := range []*cachify.Cachify{first, second, bound} {
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
		}
		wantErr(t, handle.Ping(ctx), cachify.ErrClosed)
	})
}

func TestMust(t *testing.T) {
	if got := cachify.Must(1, nil); got != 1 {
		t.Errorf("Must = %v", got)
	}
	want := errors.New("x")
	defer func() {
		if got := recover(); got != want {
			t.Errorf("Must panicked with %v", got)
		}
	}()
	cachify.Must(1, want)
}

func TestCloseAndTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		mem, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		given, err := cachify.New(mem, nil)
		if err != nil {
			t.Fatal(err)
		}
		l, err := given.Lock("k").Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		wantErr(t, given.Close(nilCtx), cachify.ErrInvalid)
		for range 2 {
			if err := given.Close(ctx); err != nil {
				t.Error(err)
			}
		}
		wantErr(t, given.Ping(ctx), cachify.ErrClosed)
		_, err = given.Lock("k").IsLocked(ctx)
		wantErr(t, err, cachify.ErrClosed)
		if err := mem.Ping(ctx); err != nil {
			t.Errorf("Close has closed a store that was given: %v", err)
		}
		if o, _ := mem.Holders(ctx, "PYC-k"); len(o.Holders) != 1 {
			t.Error("Close has released a lease")
		}
		if err := l.Release(ctx); err != nil {
			t.Errorf("Release after Close: %v", err)
		}
		if err := mem.Close(); err != nil {
			t.Error(err)
		}

		own, err := cachify.New(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		l, err = own.Lock("k").Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := own.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := l.Release(ctx); err == nil {
			t.Error("Release on the instance's own store after Close: no error, so it is still open")
		}
	})
}

func TestCloseEndsWaiting(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(nil)
		l := lock(e, e.instance(nil))
		wait := inBackground(func() {
			_, err := c.Lock("k", cachify.Wait(cachify.Forever)).Acquire(e.ctx)
			wantErr(e, err, cachify.ErrClosed)
		})
		synctest.Wait()
		if err := c.Close(e.ctx); err != nil {
			e.Error(err)
		}
		wait()
		_ = l.Release(e.ctx)
	})
}

func TestPing(t *testing.T) {
	onObjects(t, func(e *cacheEnv) {
		broken := errors.New("broken")
		s := faultstore.New(e.store, nil)
		c := e.instanceOn(s, nil)
		if err := c.Ping(e.ctx); err != nil {
			e.Errorf("Ping = %v", err)
		}
		wantErr(e, c.Ping(nilCtx), cachify.ErrInvalid)
		s.SetScript(faultstore.Only(faultstore.Ping, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail, Err: broken})))
		wantErr(e, c.Ping(e.ctx), broken, cachify.ErrStore)
		cannot := e.instanceOn(byteStore{e.store.(*memstore.Store)}, nil) // has no Ping
		if err := cannot.Ping(e.ctx); err != nil {
			e.Errorf("Ping of a store that cannot be asked = %v", err)
		}
		_ = e.store.(*memstore.Store).Close()
		s.SetScript(nil)
		wantErr(e, c.Ping(e.ctx), cachify.ErrClosed)
	})
}
