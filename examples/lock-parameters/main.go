// Lock-parameters is the example of py-cachify's page on locks: one lock, held for
// at most 2 s, and acquired again inside itself by a waiter that has 4 s.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/go-cachify/cachify"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	// The library tells what it does through events. Here the one for "still
	// waiting" goes to standard output.
	c, err := cachify.New(nil, &cachify.Config{
		LockPollInterval: 500 * time.Millisecond,
		Events: &cachify.Events{
			Waiting: func(e cachify.WaitEvent) { fmt.Printf("%s is already locked!\n", e.Key) },
		},
	})
	if err != nil {
		return err
	}
	defer c.Close(ctx)

	example := c.Lock("example-lock", cachify.Wait(4*time.Second), cachify.Expiry(2*time.Second))
	outer, err := example.Acquire(ctx)
	if err != nil {
		return err
	}
	// By the time it is released the outer lease has expired: that is the point of
	// the example, so what Release says of it is not an error here.
	defer outer.Release(ctx)
	fmt.Println("This code is executing under a lock with a timeout of 4 seconds and expiration set to 2 seconds")

	inner, err := example.Acquire(ctx)
	if err != nil {
		return err
	}
	defer inner.Release(ctx)
	fmt.Println("This code is acquiring the same lock under the previous one.")
	return nil
}
