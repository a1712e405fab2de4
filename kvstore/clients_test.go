package kvstore_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/go-cachify/cachify/kvstore"
	"github.com/go-cachify/cachify/kvstore/clienttest"
)

// The clients that the store is tested on are sound themselves.
func TestClients(t *testing.T) {
	for name, newClient := range kvstore.TestClients {
		t.Run(name, func(t *testing.T) {
			clienttest.Run(t, clienttest.Harness{
				New:    func(context.Context) (kvstore.Client, func() error, error) { return newClient(), nil, nil },
				Bubble: synctest.Test,
			})
		})
	}
}
