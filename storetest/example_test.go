package storetest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
	"github.com/go-cachify/cachify/storetest"
)

// The whole test of a store that lives in the process: on virtual time, with all
// the rules for what it claims. A store on a real engine leaves Bubble out, and
// says Parallel.
func ExampleRun() {
	// In a file of tests this is a function of its own.
	TestStore := func(t *testing.T) {
		storetest.Run(t, storetest.Harness{
			New: func(context.Context) (driver.Store, func() error, error) {
				s, err := memstore.New(nil)
				if err != nil {
					return nil, nil, err
				}
				return s, s.Close, nil
			},
			Close:  func(s driver.Store) error { return s.(*memstore.Store).Close() },
			Bubble: synctest.Test,
		})
	}
	_ = TestStore
}

// Check needs no testing.T: here it looks at two rules of a store that is in use.
func ExampleCheck() {
	store, err := memstore.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()

	results, err := storetest.Check(context.Background(), storetest.Harness{
		New: func(context.Context) (driver.Store, func() error, error) { return store, nil, nil },
	}, "exclusion", "stale-release")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range results {
		fmt.Println(r.Rule.Name, r.Err == nil)
	}
	// Output:
	// exclusion true
	// stale-release true
}
