package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/memstore"
)

func ExampleNew() {
	ctx := context.Background()
	c, err := cachify.New(nil, nil) // the in-memory store, the defaults
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(ctx)
	fmt.Println(c.Ping(ctx))
	// Output: <nil>
}

// Two instances on one store: with the same prefix they exclude each other, with
// different ones they never meet. The store is closed by who made it.
func ExampleNew_sharedStore() {
	ctx := context.Background()
	store, err := memstore.New(&memstore.Options{MaxEntries: 10_000})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	web := cachify.Must(cachify.New(store, &cachify.Config{Prefix: "SHOP-"}))
	worker := cachify.Must(cachify.New(store, &cachify.Config{Prefix: "SHOP-"}))
	stranger := cachify.Must(cachify.New(store, &cachify.Config{Prefix: "BLOG-"}))

	lease, err := web.Lock("stock").Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lease.Release(ctx)
	_, err = worker.Lock("stock").Acquire(ctx)
	fmt.Println("same prefix:", err)
	other, err := stranger.Lock("stock").Acquire(ctx)
	fmt.Println("another prefix:", err, other.Release(ctx))
	// Output:
	// same prefix: stock is already locked!
	// another prefix: <nil> <nil>
}

func ExampleConfig() {
	ctx := context.Background()
	c, err := cachify.New(nil, &cachify.Config{
		Prefix:             "APP-",
		LockExpiration:     10 * time.Second,       // instead of 30 s
		PoolSlotExpiration: time.Minute,            // instead of 600 s
		CacheTTL:           5 * time.Minute,        // instead of for ever
		LockPollInterval:   500 * time.Millisecond, // instead of 100 ms
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(ctx)

	lease, err := c.Lock("report").Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lease.Release(ctx)
	fmt.Println(lease.Remaining() <= 10*time.Second)

	_, err = cachify.New(nil, &cachify.Config{LockPollInterval: -1})
	fmt.Println(errors.Is(err, cachify.ErrInvalid))
	// Output:
	// true
	// true
}

// Mistakes in options are the constructor's error; at package level there is nobody
// to return it to.
func ExampleMust() {
	greet := cachify.Must(cachify.Cached(cachify.Global(), "greeting-{name}",
		func(ctx context.Context, name string) (string, error) { return "hello " + name, nil }))
	key, err := greet.Key("ann")
	fmt.Println(key, err)

	defer func() { fmt.Println("panic:", recover() != nil) }()
	cachify.Must(cachify.Cached(nil, "greeting-{name", // not closed
		func(ctx context.Context, name string) (string, error) { return "", nil }))
	// Output:
	// greeting-ann <nil>
	// panic: true
}

// Close ends the waiting. Leases that are held stay held, and are still released.
func ExampleCachify_Close() {
	ctx := context.Background()
	store := cachify.Must(memstore.New(nil))
	defer store.Close()
	c := cachify.Must(cachify.New(store, nil))
	lease := cachify.Must(c.Lock("report").Acquire(ctx))

	fmt.Println(c.Close(ctx))
	_, err := c.Lock("report").Acquire(ctx)
	fmt.Println(errors.Is(err, cachify.ErrClosed))
	fmt.Println(lease.Release(ctx))
	// Output:
	// <nil>
	// true
	// <nil>
}

func ExampleCachify_Ping() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	fmt.Println(c.Ping(ctx))
	_ = c.Close(ctx)
	fmt.Println(errors.Is(c.Ping(ctx), cachify.ErrClosed))
	// Output:
	// <nil>
	// true
}
