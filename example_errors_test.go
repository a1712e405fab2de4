package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/memstore"
)

// Who holds it, and when asking again may help.
func ExampleLockedError() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lease := cachify.Must(c.Lock("report", cachify.Expiry(time.Minute)).Acquire(ctx))
	defer lease.Release(ctx)

	_, err := c.Lock("report").Acquire(ctx)
	var locked *cachify.LockedError
	if errors.As(err, &locked) {
		fmt.Println(locked)
		fmt.Println(locked.Key, locked.Holder == lease.Holder(), locked.RetryAfter <= time.Minute, locked.Waited)
	}
	// Output:
	// report is already locked!
	// report true true 0s
}

func ExamplePoolFullError() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lease := cachify.Must(c.Pool("api", 5, cachify.Slots(4)).Acquire(ctx))
	defer lease.Release(ctx)

	_, err := c.Pool("api", 5, cachify.Slots(2)).Acquire(ctx)
	var full *cachify.PoolFullError
	if errors.As(err, &full) {
		fmt.Println(full.Key, full.Size, full.Slots, full.RetryAfter <= 10*time.Minute)
	}
	// Output: api 5 2 true
}

// All who use a pool name the same size.
func ExamplePoolSizeError() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lease := cachify.Must(c.Pool("api", 5).Acquire(ctx))
	defer lease.Release(ctx)

	_, err := c.Pool("api", 8).Acquire(ctx)
	fmt.Println(errors.Is(err, cachify.ErrPoolSize))
	fmt.Println(err)
	// Output:
	// true
	// pool api is used with size 5 by others, with size 8 here: all must name the same size
}

// How a lease ended.
func ExampleLeaseError() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lock := c.Lock("report")

	lease := cachify.Must(lock.Acquire(ctx))
	_ = lock.ForceRelease(ctx)
	err := lease.Release(ctx)
	var ended *cachify.LeaseError
	if errors.As(err, &ended) {
		fmt.Println(ended.Key, ended.Fence == lease.Fence())
	}
	fmt.Println(errors.Is(err, cachify.ErrLost), errors.Is(err, cachify.ErrExpired), errors.Is(err, cachify.ErrReleased))
	// Output:
	// report true
	// true false false
}

// The store does not answer the release: what was done under the lock is done, and
// the lock frees itself by its expiry.
func ExampleReleaseError() {
	ctx := context.Background()
	inner := cachify.Must(memstore.New(nil))
	store := faultstore.New(inner, faultstore.Only(faultstore.Release,
		faultstore.Always(faultstore.Fault{Kind: faultstore.Fail})))
	defer store.Close()
	c := cachify.Must(cachify.New(store, nil))
	defer c.Close(ctx)

	err := c.Lock("report").Do(ctx, func(context.Context) error { return nil })
	var release *cachify.ReleaseError
	fmt.Println(errors.As(err, &release), errors.Is(err, cachify.ErrStore))
	fmt.Println(release.Key)
	// Output:
	// true true
	// report
}

// A store that fails says nothing about who holds the lock: the error is not
// ErrLocked.
func ExampleStoreError() {
	ctx := context.Background()
	down := errors.New("connection refused")
	fail := faultstore.Always(faultstore.Fault{Kind: faultstore.Fail, Err: down})
	inner := cachify.Must(memstore.New(nil))
	store := faultstore.New(inner, faultstore.First(
		faultstore.Only(faultstore.Acquire, fail),
		faultstore.Only(faultstore.LoadObject, fail),
		faultstore.Only(faultstore.SaveObject, fail),
	))
	defer store.Close()
	c := cachify.Must(cachify.New(store, nil))
	defer c.Close(ctx)

	_, err := c.Lock("report").Acquire(ctx)
	fmt.Println(err)
	fmt.Println(errors.Is(err, cachify.ErrStore), errors.Is(err, down), errors.Is(err, cachify.ErrLocked))

	// A cache does without its store.
	fmt.Println(cachify.Fetch(ctx, c, "flags", func(context.Context) (string, error) { return "dark-mode", nil }))
	// Output:
	// store failed to acquire PYC-report: connection refused
	// true true false
	// dark-mode <nil>
}

// A result that the codec cannot encode is the caller's all the same.
func ExampleCodecError() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	growth, err := cachify.Fetch(ctx, c, "growth",
		func(context.Context) (float64, error) { return math.Inf(1), nil },
		cachify.WithCodec(cachify.JSON()))
	var codec *cachify.CodecError
	fmt.Println(growth, errors.As(err, &codec))
	fmt.Println(err)
	// Output:
	// +Inf true
	// encoding the result for growth: json: unsupported value: +Inf
}

// All who wait for a result panic with what its function panicked with.
func ExamplePanicError() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	defer func() {
		if p, ok := recover().(*cachify.PanicError); ok {
			fmt.Println(p.Value, len(p.Stack) > 0)
		}
	}()
	_, _ = cachify.Fetch(ctx, c, "flags", func(context.Context) (string, error) { panic("no such table") })
	// Output: no such table true
}

func Example_goexit() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	_, err := cachify.Fetch(ctx, c, "flags", func(context.Context) (string, error) {
		runtime.Goexit() // as testing.T.FailNow does
		return "", nil
	})
	fmt.Println(errors.Is(err, cachify.ErrGoexit))
	// Output: true
}

// What is wrong with a key or an option is said at the first operation, and nothing
// is done. Wrapped functions say it when they are made.
func Example_invalid() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	_, err := c.Lock("").Acquire(ctx)
	fmt.Println(err)
	_, err = c.Lock("report", cachify.Expiry(time.Microsecond)).IsLocked(ctx)
	fmt.Println(err)
	_, err = c.Pool("api", 0).Acquire(ctx)
	fmt.Println(err)
	fmt.Println(errors.Is(err, cachify.ErrInvalid))
	// Output:
	// invalid: the lock's key is empty
	// invalid: Expiry of 1µs: the shortest is 1ms
	// invalid: a pool of 0 slots: it must be from 1 to 1000000
	// true
}
