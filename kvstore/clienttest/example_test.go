package clienttest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/go-cachify/cachify/kvstore"
	"github.com/go-cachify/cachify/kvstore/clienttest"
)

// The whole test of a client whose engine lives in the process: on virtual time. A
// client of a real engine leaves Bubble out, and says Parallel.
func ExampleRun() {
	// In a file of tests this is a function of its own.
	TestClient := func(t *testing.T) {
		clienttest.Run(t, clienttest.Harness{
			New: func(context.Context) (kvstore.Client, func() error, error) {
				return client{newEngine()}, nil, nil
			},
			Bubble: synctest.Test,
		})
	}
	_ = TestClient
}

// Each rule has a name, by which Check finds it, and says what it is good for.
func ExampleRules() {
	for _, r := range clienttest.Rules() {
		if r.Name == "delete-absent" {
			fmt.Println(r.Explains)
		}
	}
	// Output:
	// CompareAndDelete under a key that has no value, or has none any more, returns false: the caller must learn that what it had was lost.
}

// What Check finds has the rule's name and explanation, and an error if the client
// breaks it.
func ExampleResult() {
	report := func(r clienttest.Result) {
		if r.Err != nil {
			fmt.Printf("%s: broken: %s\n", r.Rule.Name, r.Rule.Explains)
			return
		}
		fmt.Printf("%s: kept\n", r.Rule.Name)
	}
	results, err := clienttest.Check(context.Background(), clienttest.Harness{
		New: func(context.Context) (kvstore.Client, func() error, error) { return client{newEngine()}, nil, nil },
	}, "race-set", "race-delete-set")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range results {
		report(r)
	}
	// Output:
	// race-set: kept
	// race-delete-set: kept
}

// lax is a client that deletes whatever is there.
type lax struct{ client }

func (c lax) CompareAndDelete(_ context.Context, key string, _ []byte) (bool, error) {
	return c.drop(key), nil
}

// Check needs no testing.T: here it looks at three rules, one of which the client
// breaks.
func ExampleCheck() {
	results, err := clienttest.Check(context.Background(), clienttest.Harness{
		New: func(context.Context) (kvstore.Client, func() error, error) {
			return lax{client{newEngine()}}, nil, nil
		},
	}, "set-refused", "delete-equal", "delete-different")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range results {
		fmt.Println(r.Rule.Name, r.Err == nil)
	}
	fmt.Println(results[2].Err)
	// Output:
	// set-refused true
	// delete-equal true
	// delete-different false
	// after CompareAndDelete of "other": Get finds nothing, want "value"
}
