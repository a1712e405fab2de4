package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
)

// Waiters are served in the order in which they came.
func ExampleWait() {
	ctx := context.Background()
	inLine := make(chan string, 100)
	c := cachify.Must(cachify.New(nil, &cachify.Config{
		LockPollInterval: time.Hour, // nothing here depends on it
		Events:           &cachify.Events{Waiting: func(e cachify.WaitEvent) { inLine <- e.Key }},
	}))
	defer c.Close(ctx)

	lease := cachify.Must(c.Lock("printer").Acquire(ctx))
	done := make(chan error)
	for _, name := range []string{"ann", "ben", "cleo"} {
		go func() {
			done <- c.Lock("printer", cachify.Wait(time.Minute)).Do(ctx, func(context.Context) error {
				fmt.Println(name)
				return nil
			})
		}()
		<-inLine // name stands in line
	}
	_ = lease.Release(ctx)
	fmt.Println(errors.Join(<-done, <-done, <-done))
	// Output:
	// ann
	// ben
	// cleo
	// <nil>
}

func ExampleWait_timeout() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lease := cachify.Must(c.Lock("printer").Acquire(ctx))
	defer lease.Release(ctx)

	_, err := c.Lock("printer").Acquire(ctx) // without Wait: at once
	fmt.Println(errors.Is(err, cachify.ErrLocked), errors.Is(err, cachify.ErrTimeout))

	_, err = c.Lock("printer", cachify.Wait(5*time.Millisecond)).Acquire(ctx)
	fmt.Println(errors.Is(err, cachify.ErrLocked), errors.Is(err, cachify.ErrTimeout))
	// Output:
	// true false
	// true true
}

// Forever waits until the lock is free or the ctx ends. What ctx says is the error
// then, not ErrLocked.
func ExampleWait_forever() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lease := cachify.Must(c.Lock("printer").Acquire(ctx))
	defer lease.Release(ctx)

	short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	_, err := c.Lock("printer", cachify.Wait(cachify.Forever)).Acquire(short)
	fmt.Println(err)
	// Output: context deadline exceeded
}

// A lock frees itself after its expiry, whether or not the work is done.
func ExampleExpiry() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	lock := c.Lock("report", cachify.Expiry(50*time.Millisecond), cachify.Wait(time.Minute))

	slow := cachify.Must(lock.Acquire(ctx))
	next := cachify.Must(lock.Acquire(ctx))
	fmt.Println("expired:", errors.Is(slow.Err(), cachify.ErrExpired))
	fmt.Println("newer:", next.Fence() > slow.Fence())
	// Output:
	// expired: true
	// newer: true
}

// NoExpiry holds until a release: if its holder crashes, for ever.
func ExampleExpiry_noExpiry() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	lease := cachify.Must(c.Lock("migration", cachify.Expiry(cachify.NoExpiry)).Acquire(ctx))
	fmt.Println(lease.Remaining() == cachify.NoExpiry)
	fmt.Println(lease.Release(ctx))
	// Output:
	// true
	// <nil>
}

// With KeepAlive the expiry bounds what a crash costs, not how long the work takes.
func ExampleKeepAlive() {
	ctx := context.Background()
	renewed := make(chan string, 1)
	c := cachify.Must(cachify.New(nil, &cachify.Config{
		Events: &cachify.Events{Renewed: func(e cachify.LeaseEvent) {
			select {
			case renewed <- e.Key:
			default:
			}
		}},
	}))
	defer c.Close(ctx)

	lock := c.Lock("import", cachify.Expiry(300*time.Millisecond), cachify.KeepAlive())
	err := lock.Do(ctx, func(ctx context.Context) error {
		fmt.Println("renewed:", <-renewed) // after a third of the expiry
		return ctx.Err()
	})
	fmt.Println(err)
	// Output:
	// renewed: import
	// <nil>
}

// For a job that takes less time than the clocks of the machines differ: the second
// machine, a little later, still finds it locked.
func ExampleMinHold() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	nightly := c.Once("nightly", cachify.MinHold(30*time.Second), cachify.Expiry(time.Hour))
	for range 2 {
		ran, err := nightly.Do(ctx, func(context.Context) error { return nil })
		fmt.Println(ran, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

// The ctx that Do passes on, and Lease.Context, know which locks they stand under.
func ExampleReentrant() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	account := c.Lock("account-7", cachify.Reentrant())
	withdraw := func(ctx context.Context) error {
		return account.Do(ctx, func(context.Context) error { fmt.Println("withdrawn"); return nil })
	}
	fmt.Println(withdraw(ctx))             // takes the lock
	fmt.Println(account.Do(ctx, withdraw)) // shares the lock that is held
	_ = account.Do(ctx, func(context.Context) error {
		fmt.Println(withdraw(context.Background())) // another ctx: not inside
		return nil
	})
	// Output:
	// withdrawn
	// <nil>
	// withdrawn
	// <nil>
	// account-7 is already locked!
}

// KeyFunc makes the key of an argument that a template cannot take apart, or does it
// with fewer allocations.
func ExampleKeyFunc() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	type query struct{ words []string }
	words := func(q query) string { return fmt.Sprintf("%q", q.words) }
	search := cachify.Must(cachify.Cached(c, "search-{}",
		func(ctx context.Context, q query) (int, error) { return len(q.words), nil },
		cachify.KeyFunc(words)))
	fmt.Println(search.Key(query{[]string{"red", "shoes"}}))
	fmt.Println(search.Call(ctx, query{[]string{"red", "shoes"}}))
	// Output:
	// search-["red" "shoes"] <nil>
	// 2 <nil>
}
