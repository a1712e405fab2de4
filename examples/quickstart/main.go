// Command quickstart uses each of the four verbs once, on the in-memory store.
package main

import (
	"context"
	"errors"
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
	c, err := cachify.New(nil, &cachify.Config{Prefix: "APP-"})
	if err != nil {
		return err
	}
	defer c.Close(ctx)

	// At most one at a time.
	err = c.Lock("invoice-42", cachify.Wait(2*time.Second)).Do(ctx, func(ctx context.Context) error {
		fmt.Println("lock: working on invoice 42")

		again := c.Lock("invoice-42").Do(ctx, func(context.Context) error { return nil })
		if errors.Is(again, cachify.ErrLocked) {
			fmt.Println("lock:", again)
		}
		return nil
	})
	if err != nil {
		return err
	}

	// Skipped while it runs elsewhere.
	ran, err := c.Once("daily-report", cachify.KeepAlive()).Do(ctx, func(ctx context.Context) error {
		fmt.Println("once: sending the report")
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Println("once: ran:", ran)

	// At most five at a time.
	api := c.Pool("payment-api", 5, cachify.Wait(time.Second))
	err = api.Do(ctx, func(ctx context.Context) error {
		taken, err := api.Size(ctx)
		fmt.Println("pool: slots taken:", taken)
		return err
	})
	if err != nil {
		return err
	}

	// Computed once, then remembered.
	fetchPrice := func(ctx context.Context, article string) (int, error) {
		fmt.Println("cached: asking the shop")
		return 1999, nil
	}
	price, err := cachify.Cached(c, "price-{article}", fetchPrice, cachify.TTL(5*time.Minute))
	if err != nil {
		return err
	}
	for range 2 {
		p, err := price.Call(ctx, "shoe")
		if err != nil {
			return err
		}
		fmt.Println("cached: price:", p)
	}
	return nil
}
