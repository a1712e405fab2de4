package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
)

func ExampleCachify_Lock() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	lock := c.Lock("invoice-42", cachify.Wait(4*time.Second), cachify.Expiry(30*time.Second))
	err := lock.Do(ctx, func(ctx context.Context) error {
		fmt.Println("nobody else works on", lock.Key())
		return nil // ctx ends if the lock is lost meanwhile
	})
	fmt.Println(err)
	// Output:
	// nobody else works on invoice-42
	// <nil>
}

// A lease that spans functions is acquired and released by hand.
func ExampleLock_Acquire() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	lease, err := c.Lock("invoice-42", cachify.Wait(time.Second)).Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lease.Release(ctx)

	_, err = c.Lock("invoice-42").Acquire(ctx)
	fmt.Println(err)
	fmt.Println(errors.Is(err, cachify.ErrLocked))
	// Output:
	// invoice-42 is already locked!
	// true
}

// Do reports the loss of the lock although the function returned nil.
func ExampleLock_Do() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	lock := c.Lock("invoice-42")
	err := lock.Do(ctx, func(ctx context.Context) error {
		return lock.ForceRelease(ctx) // somebody else does this
	})
	fmt.Println(err, errors.Is(err, cachify.ErrLost))
	// Output: invoice-42: lease lost true
}

func ExampleLock_IsLocked() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lock := c.Lock("invoice-42")

	err := lock.Do(ctx, func(ctx context.Context) error {
		locked, err := lock.IsLocked(ctx)
		fmt.Println("inside:", locked)
		return err
	})
	locked, _ := lock.IsLocked(ctx)
	fmt.Println("after:", locked, err)
	// Output:
	// inside: true
	// after: false <nil>
}

func ExampleLock_Holder() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lock := c.Lock("invoice-42")
	lease := cachify.Must(lock.Acquire(ctx))

	holder, held, err := lock.Holder(ctx)
	fmt.Println(held, err)
	fmt.Println(holder.ID == lease.Holder(), holder.Fence == lease.Fence(), holder.TTL <= 30*time.Second)

	_ = lease.Release(ctx)
	_, held, err = lock.Holder(ctx)
	fmt.Println(held, err)
	// Output:
	// true <nil>
	// true true true
	// false <nil>
}

// For an operator who knows that the holder is gone. A holder that is not gone
// learns it at its next renewal or release.
func ExampleLock_ForceRelease() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lock := c.Lock("invoice-42", cachify.Expiry(cachify.NoExpiry))
	old := cachify.Must(lock.Acquire(ctx))

	fmt.Println("forced:", lock.ForceRelease(ctx))
	lease, err := lock.Acquire(ctx)
	fmt.Println("acquired:", err)
	fmt.Println("the old holder:", old.Release(ctx)) // does not touch the new one's lease
	fmt.Println("the new holder:", lease.Release(ctx))
	// Output:
	// forced: <nil>
	// acquired: <nil>
	// the old holder: invoice-42: lease lost
	// the new holder: <nil>
}

func ExampleLocked() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	chargeCard := func(ctx context.Context, customer int) (string, error) {
		return fmt.Sprintf("customer %d charged", customer), nil
	}
	charge, err := cachify.Locked(c, "charge-{id}", chargeCard, cachify.Wait(2*time.Second))
	if err != nil {
		fmt.Println(err) // a bad template or option
		return
	}
	receipt, err := charge.Call(ctx, 42) // under the lock "charge-42"
	fmt.Println(receipt, err)
	// Output: customer 42 charged <nil>
}

// What a lock can be asked, a wrapped function can be asked for an argument.
func ExampleLockedFunc_IsLocked() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	var charge *cachify.LockedFunc[int, string]
	charge = cachify.Must(cachify.Locked(c, "charge-{id}", func(ctx context.Context, id int) (string, error) {
		key, _ := charge.Key(42)
		this, _ := charge.IsLocked(ctx, 42)
		other, _ := charge.IsLocked(ctx, 43)
		holder, held, _ := charge.Holder(ctx, 42)
		fmt.Println(key, this, other, held, holder.Slots)
		return "charged", charge.ForceRelease(ctx, 42)
	}))
	receipt, err := charge.Call(ctx, 42)
	fmt.Println(receipt, errors.Is(err, cachify.ErrLost))
	// Output:
	// charge-42 true false true 1
	// charged true
}
