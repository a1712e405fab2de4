package cachify_test

import (
	"context"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
)

// The four verbs on the in-memory store.
func Example() {
	ctx := context.Background()
	c, err := cachify.New(nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(ctx)

	// Lock: one holder at a time.
	err = c.Lock("invoice-42", cachify.Wait(time.Second)).Do(ctx, func(ctx context.Context) error {
		fmt.Println("the invoice is ours")
		return nil
	})
	fmt.Println("lock:", err)

	// Once: skipped while it runs elsewhere.
	ran, err := c.Once("daily-report").Do(ctx, func(ctx context.Context) error { return nil })
	fmt.Println("once:", ran, err)

	// Pool: at most five at a time.
	err = c.Pool("payment-api", 5).Do(ctx, func(ctx context.Context) error { return nil })
	fmt.Println("pool:", err)

	// Cached: computed once, then remembered.
	loadFlags := func(ctx context.Context) (string, error) { return "dark-mode", nil }
	flags, err := cachify.Fetch(ctx, c, "flags", loadFlags, cachify.TTL(time.Minute))
	fmt.Println("cached:", flags, err)
	// Output:
	// the invoice is ours
	// lock: <nil>
	// once: true <nil>
	// pool: <nil>
	// cached: dark-mode <nil>
}
