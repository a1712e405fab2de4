package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify"
)

func ExampleCached() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	fetchPrice := func(ctx context.Context, article string) (int, error) {
		fmt.Println("asking the shop for", article)
		return 1999, nil
	}
	price, err := cachify.Cached(c, "price-{article}", fetchPrice, cachify.TTL(5*time.Minute))
	if err != nil {
		fmt.Println(err) // a bad template or option
		return
	}
	fmt.Println(price.Call(ctx, "shoe"))
	fmt.Println(price.Call(ctx, "shoe")) // remembered
	fmt.Println(price.Reset(ctx, "shoe"))
	fmt.Println(price.Call(ctx, "shoe"))
	// Output:
	// asking the shop for shoe
	// 1999 <nil>
	// 1999 <nil>
	// <nil>
	// asking the shop for shoe
	// 1999 <nil>
}

// A template takes the fields of a struct. Different values of what it names never
// share a key: one that could be confused with the text behind it is escaped. A
// template that names what is not there, or not enough, is an error.
func ExampleCached_template() {
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(context.Background())

	type page struct {
		Site string `cachify:"site"`
		Path string // {path}, {Path}
	}
	render := cachify.Must(cachify.Cached(c, "page-{site}-{path}",
		func(ctx context.Context, p page) (string, error) { return "<html>", nil }))
	fmt.Println(render.Key(page{"blog", "2026-11"}))
	fmt.Println(render.Key(page{"blog-2026", "11"}))

	for _, template := range []string{"page-{sight}", "page-{}", "page"} {
		_, err := cachify.Cached(c, template,
			func(ctx context.Context, p page) (string, error) { return "<html>", nil })
		fmt.Println(errors.Is(err, cachify.ErrInvalid))
	}
	// Output:
	// page-blog-2026-11 <nil>
	// page-blog%2D2026-11 <nil>
	// true
	// true
	// true
}

// Callers that miss at the same time share one run of the function.
func ExampleCached_concurrent() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	var runs atomic.Int64
	load := cachify.Must(cachify.Cached(c, "flags-{}", func(ctx context.Context, site string) (string, error) {
		runs.Add(1)
		return "dark-mode", nil
	}))
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() { _, _ = load.Call(ctx, "blog") })
	}
	callers.Wait()
	fmt.Println(runs.Load())
	// Output: 1
}

// nil is a result like any other, and is remembered.
func ExampleCached_nil() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	discount := cachify.Must(cachify.Cached(c, "discount-{}", func(ctx context.Context, user string) (*int, error) {
		fmt.Println("looking for a discount")
		return nil, nil
	}))
	for range 2 {
		d, err := discount.Call(ctx, "ann")
		fmt.Println(d == nil, err)
	}
	// Output:
	// looking for a discount
	// true <nil>
	// true <nil>
}

// Results that are remembered twice, here for everybody and for one process, are
// reset together.
func ExampleCachedOver() {
	ctx := context.Background()
	shared := cachify.Must(cachify.New(nil, nil))
	defer shared.Close(ctx)
	local := cachify.Must(cachify.New(nil, nil))
	defer local.Close(ctx)

	version := 0
	inner := cachify.Must(cachify.Cached(shared, "config-{}", func(ctx context.Context, app string) (int, error) {
		version++
		return version, nil
	}, cachify.TTL(time.Hour)))
	config := cachify.Must(cachify.CachedOver(local, "config-{}", inner, cachify.TTL(time.Second)))

	fmt.Println(config.Call(ctx, "shop"))
	fmt.Println(config.Reset(ctx, "shop")) // both
	fmt.Println(config.Call(ctx, "shop"))
	// Output:
	// 1 <nil>
	// <nil>
	// 2 <nil>
}

// While Refresh runs the function, others get the old result; if it fails, the old
// result stays.
func ExampleCachedFunc_Refresh() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	rates := []int{100, 101}
	rate := cachify.Must(cachify.Cached(c, "rate-{}", func(ctx context.Context, currency string) (int, error) {
		if len(rates) == 0 {
			return 0, errors.New("the bank is closed")
		}
		next := rates[0]
		rates = rates[1:]
		return next, nil
	}))
	fmt.Println(rate.Call(ctx, "EUR"))
	fmt.Println(rate.Refresh(ctx, "EUR"))
	fmt.Println(rate.Refresh(ctx, "EUR"))
	fmt.Println(rate.Call(ctx, "EUR"))
	// Output:
	// 100 <nil>
	// 101 <nil>
	// 0 the bank is closed
	// 101 <nil>
}

// Reset keeps a run that is under way from storing what it returns: that may be
// stale.
func ExampleCachedFunc_Reset() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, &cachify.Config{Events: &cachify.Events{
		Discarded: func(e cachify.CacheEvent) { fmt.Println(e.Key, "discarded") },
	}}))
	defer c.Close(ctx)

	stock := 10
	var count *cachify.CachedFunc[string, int]
	count = cachify.Must(cachify.Cached(c, "stock-{}", func(ctx context.Context, article string) (int, error) {
		n := stock
		if stock == 10 { // somebody sells one while we count
			stock = 9
			return n, count.Reset(ctx, article)
		}
		return n, nil
	}))
	fmt.Println(count.Call(ctx, "shoe"))
	fmt.Println(count.Call(ctx, "shoe"))
	// Output:
	// stock-shoe discarded
	// 10 <nil>
	// 9 <nil>
}

func ExampleCachedFunc_Peek() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	price := cachify.Must(cachify.Cached(c, "price-{}",
		func(ctx context.Context, article string) (int, error) { return 1999, nil },
		cachify.TTL(time.Hour)))

	_, found, err := price.Peek(ctx, "shoe") // does not run the function
	fmt.Println(found, err)

	_, _ = price.Call(ctx, "shoe")
	entry, found, err := price.Peek(ctx, "shoe")
	fmt.Println(entry.Value, entry.NotFound, found, err)
	fmt.Println(entry.Age < time.Minute, entry.Cost < time.Minute, entry.TTL > 50*time.Minute)
	// Output:
	// false <nil>
	// 1999 false true <nil>
	// true true true
}

// Fetch is for a function that is cached in one place.
func ExampleFetch() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	loadFlags := func(ctx context.Context) ([]string, error) {
		fmt.Println("loading")
		return []string{"dark-mode"}, nil
	}
	for range 2 {
		flags, err := cachify.Fetch(ctx, c, "flags", loadFlags, cachify.TTL(time.Minute))
		fmt.Println(flags, err)
	}
	// Output:
	// loading
	// [dark-mode] <nil>
	// [dark-mode] <nil>
}

func ExampleCachify_Forget() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	n := 0
	next := func(ctx context.Context) (int, error) { n++; return n, nil }
	fmt.Println(cachify.Fetch(ctx, c, "number", next))
	fmt.Println(c.Forget(ctx, "number"))
	fmt.Println(cachify.Fetch(ctx, c, "number", next))
	// Output:
	// 1 <nil>
	// <nil>
	// 2 <nil>
}
