package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
)

func ExampleCachify_Once() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	report := c.Once("daily-report", cachify.KeepAlive())
	ran, err := report.Do(ctx, func(ctx context.Context) error {
		// Another machine whose timer goes off now:
		again, err := report.Do(ctx, func(context.Context) error { return errors.New("never called") })
		fmt.Println("elsewhere:", again, err)
		return nil
	})
	fmt.Println("here:", ran, err)
	// Output:
	// elsewhere: false <nil>
	// here: true <nil>
}

// For a run that does not end where it begins.
func ExampleGuard_Acquire() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	report := c.Once("daily-report", cachify.KeepAlive())
	run, err := report.Acquire(ctx)
	fmt.Println("first:", run.Key(), err)
	_, err = report.Acquire(ctx)
	fmt.Println("second:", errors.Is(err, cachify.ErrLocked))
	fmt.Println("over:", run.Release(ctx))
	// Output:
	// first: daily-report <nil>
	// second: true
	// over: <nil>
}

func ExampleGuard_IsLocked() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	report := c.Once("daily-report", cachify.Expiry(time.Hour))
	_, err := report.Do(ctx, func(ctx context.Context) error {
		runs, _ := report.IsLocked(ctx)
		holder, _, _ := report.Holder(ctx)
		fmt.Println(report.Key(), "runs:", runs, holder.TTL > 50*time.Minute)
		return nil
	})
	runs, _ := report.IsLocked(ctx)
	fmt.Println(report.Key(), "runs:", runs, err)
	// Output:
	// daily-report runs: true true
	// daily-report runs: false <nil>
}

// For a run that is known to be dead and has a long expiry.
func ExampleGuard_ForceRelease() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	report := c.Once("daily-report", cachify.Expiry(cachify.NoExpiry))
	_, err := report.Do(ctx, func(ctx context.Context) error { return report.ForceRelease(ctx) })
	fmt.Println("the run that was not dead:", err)
	// Output: the run that was not dead: daily-report: lease lost
}

func ExampleOnce() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	var syncOrder *cachify.OnceFunc[int, string]
	syncOrder = cachify.Must(cachify.Once(c, "sync-{order}", func(ctx context.Context, order int) (string, error) {
		same, err := syncOrder.Call(ctx, order) // skipped: it runs already
		fmt.Printf("same order: %q %v\n", same, err)
		return fmt.Sprintf("order %d synced", order), nil
	}))
	result, err := syncOrder.Call(ctx, 7)
	fmt.Println(result, err)
	// Output:
	// same order: "" <nil>
	// order 7 synced <nil>
}

// Try tells a zero result from a call that was skipped.
func ExampleOnceFunc_Try() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	var count *cachify.OnceFunc[string, int]
	count = cachify.Must(cachify.Once(c, "count-{}", func(ctx context.Context, shop string) (int, error) {
		key, _ := count.Key(shop)
		runs, _ := count.IsLocked(ctx, shop)
		_, held, _ := count.Holder(ctx, shop)
		fmt.Println(key, runs, held)
		n, ran, err := count.Try(ctx, shop)
		fmt.Println(n, ran, err)
		return 0, nil
	}))
	n, ran, err := count.Try(ctx, "north")
	fmt.Println(n, ran, err)
	// Output:
	// count-north true true
	// 0 false <nil>
	// 0 true <nil>
}

func ExampleReturnOnLocked() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	var syncOrder *cachify.OnceFunc[int, string]
	syncOrder = cachify.Must(cachify.Once(c, "sync-{}", func(ctx context.Context, order int) (string, error) {
		return syncOrder.Call(ctx, order)
	}, cachify.ReturnOnLocked("already on its way")))
	fmt.Println(syncOrder.Call(ctx, 7))
	// Output: already on its way <nil>
}

func ExampleErrorOnLocked() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	report := c.Once("daily-report", cachify.ErrorOnLocked())
	_, err := report.Do(ctx, func(ctx context.Context) error {
		_, err := report.Do(ctx, func(context.Context) error { return nil })
		return err
	})
	fmt.Println(err, errors.Is(err, cachify.ErrLocked))
	// Output: daily-report is already locked! true
}
