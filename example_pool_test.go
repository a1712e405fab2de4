package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
)

func ExampleCachify_Pool() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	pool := c.Pool("payment-api", 2, cachify.Wait(time.Second))
	err := pool.Do(ctx, func(ctx context.Context) error {
		taken, err := pool.Size(ctx)
		fmt.Println(pool.Key(), taken, "of 2 taken")
		return err
	})
	fmt.Println(err)
	// Output:
	// payment-api 1 of 2 taken
	// <nil>
}

func ExamplePool_Acquire() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	pool := c.Pool("payment-api", 2)

	one := cachify.Must(pool.Acquire(ctx))
	two := cachify.Must(pool.Acquire(ctx))
	_, err := pool.Acquire(ctx)
	fmt.Println(errors.Is(err, cachify.ErrPoolFull), err)
	fmt.Println(one.Release(ctx), two.Release(ctx))
	// Output:
	// true payment-api is full: all of its 2 slots are taken
	// <nil> <nil>
}

func ExamplePool_Holders() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	small := cachify.Must(c.Pool("render", 8).Acquire(ctx))
	large := cachify.Must(c.Pool("render", 8, cachify.Slots(5)).Acquire(ctx))

	holders, err := c.Pool("render", 8).Holders(ctx) // longest first
	for _, h := range holders {
		fmt.Println(h.Slots, h.ID == small.Holder(), h.ID == large.Holder())
	}
	size, _ := c.Pool("render", 8).Size(ctx)
	fmt.Println(size, err)
	// Output:
	// 1 true false
	// 5 false true
	// 6 <nil>
}

func ExamplePool_ForceRelease() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	pool := c.Pool("render", 8)
	lease := cachify.Must(pool.Acquire(ctx))

	fmt.Println(pool.ForceRelease(ctx))
	fmt.Println(pool.Size(ctx))
	fmt.Println(lease.Release(ctx))
	// Output:
	// <nil>
	// 0 <nil>
	// render: lease lost
}

func ExampleSlots() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	film := cachify.Must(c.Pool("render", 8, cachify.Slots(6)).Acquire(ctx)) // all or nothing
	_, err := c.Pool("render", 8, cachify.Slots(3)).Acquire(ctx)
	fmt.Println(err)
	fmt.Println(film.Release(ctx))
	// Output:
	// render is full: fewer than 3 of its 8 slots are free
	// <nil>
}

func ExampleSlotExpiry() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	pool := c.Pool("payment-api", 1, cachify.SlotExpiry(50*time.Millisecond), cachify.Wait(time.Minute))
	_ = cachify.Must(pool.Acquire(ctx)) // never released: its program crashed
	lease, err := pool.Acquire(ctx)
	fmt.Println(lease.Slots(), err)
	// Output: 1 <nil>
}

func ExamplePooled() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	callAPI := func(ctx context.Context, user string) (string, error) { return "200 OK", nil }
	call := cachify.Must(cachify.Pooled(c, "api-{user}", 5, callAPI, cachify.Wait(time.Second)))
	status, err := call.Call(ctx, "ann") // at most five at a time for each user
	fmt.Println(status, err)
	// Output: 200 OK <nil>
}

// A call that finds the pool full goes elsewhere, with the same arguments.
func ExampleOnFull() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	queueForLater := func(ctx context.Context, user string) (string, error) { return "queued for " + user, nil }
	var call *cachify.PooledFunc[string, string]
	call = cachify.Must(cachify.Pooled(c, "api-{user}", 1, func(ctx context.Context, user string) (string, error) {
		return call.Call(ctx, user) // one more than the pool has slots
	}, cachify.OnFull(queueForLater)))
	fmt.Println(call.Call(ctx, "ann"))
	// Output: queued for ann <nil>
}

// Without OnFull and ErrorOnFull a call that finds the pool full returns the zero
// value and no error, as in py-cachify. Try tells.
func ExamplePooledFunc_Try() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	var call *cachify.PooledFunc[string, int]
	call = cachify.Must(cachify.Pooled(c, "api-{user}", 1, func(ctx context.Context, user string) (int, error) {
		key, _ := call.Key(user)
		taken, _ := call.Size(ctx, user)
		holders, _ := call.Holders(ctx, user)
		fmt.Println(key, taken, len(holders))
		status, ran, err := call.Try(ctx, user)
		fmt.Println(status, ran, err)
		return 200, nil
	}))
	fmt.Println(call.Try(ctx, "ann"))
	fmt.Println(call.ForceRelease(ctx, "ann")) // frees the slots, if any are taken
	// Output:
	// api-ann 1 1
	// 0 false <nil>
	// 200 true <nil>
	// <nil>
}

func ExampleErrorOnFull() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	var call *cachify.PooledFunc[string, int]
	call = cachify.Must(cachify.Pooled(c, "api-{user}", 1, func(ctx context.Context, user string) (int, error) {
		return call.Call(ctx, user)
	}, cachify.ErrorOnFull()))
	_, err := call.Call(ctx, "ann")
	fmt.Println(errors.Is(err, cachify.ErrPoolFull))
	// Output: true
}
