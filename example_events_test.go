package cachify_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-cachify/cachify"
)

func ExampleEvents() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, &cachify.Config{Events: &cachify.Events{
		Acquired: func(e cachify.LeaseEvent) { fmt.Println("acquired", e.Verb, e.Key) },
		Refused:  func(e cachify.WaitEvent) { fmt.Println("refused", e.Verb, e.Key) },
		Released: func(e cachify.LeaseEvent) { fmt.Println("released", e.Verb, e.Key) },
		Miss:     func(e cachify.CacheEvent) { fmt.Println("miss", e.Key) },
		Loaded:   func(e cachify.LoadEvent) { fmt.Println("loaded", e.Key, e.Err) },
		Hit:      func(e cachify.CacheEvent) { fmt.Println("hit", e.Key) },
	}}))
	defer c.Close(ctx)

	lock := c.Lock("report")
	_ = lock.Do(ctx, func(ctx context.Context) error {
		_, err := lock.Acquire(ctx)
		return err
	})
	for range 2 {
		_, _ = cachify.Fetch(ctx, c, "flags", func(context.Context) (string, error) { return "dark-mode", nil })
	}
	// Output:
	// acquired lock report
	// refused lock report
	// released lock report
	// miss flags
	// loaded flags <nil>
	// hit flags
}

// Several who want to know are told in order.
func ExampleTee() {
	ctx := context.Background()
	skips := 0
	count := &cachify.Events{Skipped: func(cachify.WaitEvent) { skips++ }}
	tell := &cachify.Events{Skipped: func(e cachify.WaitEvent) { fmt.Println(e.Key, "skipped, in all:", skips) }}
	c := cachify.Must(cachify.New(nil, &cachify.Config{Events: cachify.Tee(count, tell)}))
	defer c.Close(ctx)

	report := c.Once("report")
	_, _ = report.Do(ctx, func(ctx context.Context) error {
		_, err := report.Do(ctx, func(context.Context) error { return nil })
		return err
	})
	// Output: report skipped, in all: 1
}

func ExampleLogEvents() {
	ctx := context.Background()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level:       slog.LevelDebug, // what goes as planned is logged at debug
		ReplaceAttr: onlyText,
	}))
	c := cachify.Must(cachify.New(nil, &cachify.Config{Events: cachify.LogEvents(logger)}))
	defer c.Close(ctx)

	lock := c.Lock("example-lock")
	_ = lock.Do(ctx, func(ctx context.Context) error {
		_, _ = lock.Acquire(ctx)
		return lock.ForceRelease(ctx)
	})
	// Output:
	// level=DEBUG msg="lease acquired"
	// level=DEBUG msg="example-lock is already locked!"
	// level=WARN msg="lease lost"
}

// onlyText leaves out what is different each time.
func onlyText(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.LevelKey || a.Key == slog.MessageKey {
		return a
	}
	return slog.Attr{}
}
