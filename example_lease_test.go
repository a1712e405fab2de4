package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
)

func ExampleLease() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	lease, err := c.Pool("payment-api", 5, cachify.Slots(2), cachify.SlotExpiry(time.Minute)).Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(lease.Key(), lease.Slots())
	fmt.Println(lease.Holder() != "", lease.Fence() > 0) // who, and as which in order
	fmt.Println(lease.Remaining() > 50*time.Second, lease.Err())
	fmt.Println(lease.Release(ctx))
	fmt.Println(lease.Remaining(), lease.Err())
	// Output:
	// payment-api 2
	// true true
	// true <nil>
	// <nil>
	// 0s payment-api: lease released
}

// What is done under a lease uses its context, which ends with it.
func ExampleLease_Context() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lease := cachify.Must(c.Lock("report", cachify.Expiry(50*time.Millisecond)).Acquire(ctx))
	defer lease.Release(ctx)

	select {
	case <-lease.Context().Done(): // a query, an upload, ... that takes too long
		fmt.Println(errors.Is(context.Cause(lease.Context()), cachify.ErrExpired))
	case <-time.After(time.Minute):
	}
	// Output: true
}

func ExampleLease_Extend() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lock := c.Lock("report", cachify.Expiry(10*time.Second))
	lease := cachify.Must(lock.Acquire(ctx))

	fmt.Println(lease.Extend(ctx, time.Hour), lease.Remaining() > 50*time.Minute)

	_ = lock.ForceRelease(ctx)
	err := lease.Extend(ctx, time.Hour) // a lease is never made anew
	fmt.Println(errors.Is(err, cachify.ErrLost), lease.Err())
	// Output:
	// <nil> true
	// true report: lease lost
}

// Releasing twice does nothing. Releasing what has expired changes nothing either:
// it may be another's by now.
func ExampleLease_Release() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	lease := cachify.Must(c.Lock("report").Acquire(ctx))
	fmt.Println(lease.Release(ctx), lease.Release(ctx))

	late := cachify.Must(c.Lock("report", cachify.Expiry(50*time.Millisecond)).Acquire(ctx))
	<-late.Context().Done()
	fmt.Println(errors.Is(late.Release(ctx), cachify.ErrExpired))
	// Output:
	// <nil> <nil>
	// true
}

// ledger is a resource that lets nobody in who is older than the last one.
type ledger struct {
	fence   uint64
	entries []string
}

func (l *ledger) Append(fence uint64, entry string) error {
	if fence < l.fence {
		return fmt.Errorf("fence %d: the ledger has seen a newer one", fence)
	}
	l.fence = fence
	l.entries = append(l.entries, entry)
	return nil
}

// A holder that was frozen while its lease ran out comes too late: the resource
// has seen a larger fence.
func ExampleLease_Fence() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lock := c.Lock("ledger", cachify.Expiry(50*time.Millisecond), cachify.Wait(time.Second))
	var book ledger

	frozen := cachify.Must(lock.Acquire(ctx)) // and now this process is swapped out
	lease := cachify.Must(lock.Acquire(ctx))  // another one waits for the expiry

	fmt.Println("in time:", book.Append(lease.Fence(), "paid") == nil)
	fmt.Println("too late:", book.Append(frozen.Fence(), "paid") != nil)
	// Output:
	// in time: true
	// too late: true
}
