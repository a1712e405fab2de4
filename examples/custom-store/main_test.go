package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/kvstore"
	"github.com/go-cachify/cachify/kvstore/clienttest"
	"github.com/go-cachify/cachify/storetest"
)

// The client keeps what kvstore asks of it: it compares, in one step, and keeps time.
func TestClient(t *testing.T) {
	clienttest.Run(t, clienttest.Harness{
		New: func(context.Context) (kvstore.Client, func() error, error) {
			return &mapStore{values: make(map[string]entry)}, nil, nil
		},
		Bubble: synctest.Test,
	})
}

// The suite runs the rules for what the store claims, on virtual time.
func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		New: func(context.Context) (driver.Store, func() error, error) {
			s, err := kvstore.New(&mapStore{values: make(map[string]entry)}, nil)
			return s, nil, err
		},
		Close:  func(s driver.Store) error { return s.(*kvstore.Store).Close() },
		Bubble: synctest.Test,
	})
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		if err := run(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		const want = `the first one holds the lock
the second one does not wait: report is already locked!
the first one is done
the third one waited, and has it now
acquired for 50 ms, and never released
acquired for 50 ms, and never released
loading the greeting
the greeting is hello
the greeting is hello
no pools here: `
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
		}
	})
}
