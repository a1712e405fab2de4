package kvstore

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/storetest"
)

func TestConformance(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{
				New: func(context.Context) (driver.Store, func() error, error) {
					client, _ := c.make()
					s, err := New(client, nil)
					return s, nil, err
				},
				Second: func(_ context.Context, first driver.Store) (driver.Store, func() error, error) {
					s, err := New(first.(*Store).client, nil)
					return s, nil, err
				},
				Close:  func(s driver.Store) error { return s.(*Store).Close() },
				Bubble: synctest.Test,
			})
		})
	}
}
