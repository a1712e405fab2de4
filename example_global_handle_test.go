package cachify_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-cachify/cachify"
)

// Global can be had before Init; only what is done with it needs one.
func ExampleGlobal() {
	cachify.StartOver() // only in this test: as in a program that has just begun
	ctx := context.Background()
	lock := cachify.Global().Lock("report")

	_, err := lock.Acquire(ctx)
	fmt.Println(errors.Is(err, cachify.ErrNotInitialized), err)

	c := cachify.Must(cachify.Init(nil, nil))
	defer c.Close(ctx)
	lease, err := lock.Acquire(ctx)
	fmt.Println(lease.Key(), err)
	_ = lease.Release(ctx)
	// Output:
	// true cachify is not initialized: call cachify.Init first
	// report <nil>
}
