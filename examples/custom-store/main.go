// Command custom-store turns a plain map with get, set-if-absent and
// compare-and-delete into a store for cachify, and uses it.
//
// mapstore.go is the whole of what you have to write; main_test.go proves it right, the
// three operations and the store that is made of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/kvstore"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	store, err := kvstore.New(&mapStore{values: make(map[string]entry)}, nil)
	if err != nil {
		return err
	}
	c, err := cachify.New(store, &cachify.Config{Prefix: "EXAMPLE-"})
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, *cachify.Cachify, io.Writer) error{exclude, expire, remember, count} {
		if err := part(ctx, c, out); err != nil {
			return errors.Join(err, c.Close(ctx))
		}
	}
	return c.Close(ctx)
}

// exclude shows that one holds the lock at a time, and that one can wait for it.
func exclude(ctx context.Context, c *cachify.Cachify, out io.Writer) error {
	first, err := c.Lock("report").Acquire(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "the first one holds the lock")

	err = c.Lock("report").Do(ctx, func(context.Context) error { return nil })
	if !errors.Is(err, cachify.ErrLocked) {
		return fmt.Errorf("the lock did not exclude: %w", err)
	}
	fmt.Fprintln(out, "the second one does not wait:", err)

	waited := make(chan error)
	go func() {
		waited <- c.Lock("report", cachify.Wait(time.Second)).Do(ctx, func(context.Context) error {
			fmt.Fprintln(out, "the third one waited, and has it now")
			return nil
		})
	}()
	fmt.Fprintln(out, "the first one is done")
	return errors.Join(first.Release(ctx), <-waited)
}

// expire shows that a lock which nobody releases comes free.
func expire(ctx context.Context, c *cachify.Cachify, out io.Writer) error {
	for range 2 {
		_, err := c.Lock("short", cachify.Expiry(50*time.Millisecond), cachify.Wait(time.Second)).Acquire(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "acquired for 50 ms, and never released")
	}
	return nil
}

// remember shows a cache.
func remember(ctx context.Context, c *cachify.Cachify, out io.Writer) error {
	load := func(context.Context) (string, error) {
		fmt.Fprintln(out, "loading the greeting")
		return "hello", nil
	}
	for range 2 {
		greeting, err := cachify.Fetch(ctx, c, "greeting", load, cachify.TTL(time.Minute))
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "the greeting is", greeting)
	}
	return nil
}

// count shows that what the store cannot do is refused at once.
func count(ctx context.Context, c *cachify.Cachify, out io.Writer) error {
	_, err := c.Pool("workers", 5).Acquire(ctx)
	if !errors.Is(err, cachify.ErrUnsupported) {
		return fmt.Errorf("a pool on a store that cannot count: %w", err)
	}
	fmt.Fprintln(out, "no pools here:", err)
	return nil
}
