package memstore_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
	"github.com/go-cachify/cachify/storetest"
)

// The store keeps every promise of the seam, on virtual time and to the nanosecond.
func TestConformance(t *testing.T) {
	harness := func(opts *memstore.Options) storetest.Harness {
		return storetest.Harness{
			New: func(context.Context) (driver.Store, func() error, error) {
				s, err := memstore.New(opts)
				if err != nil {
					return nil, nil, err
				}
				return s, s.Close, nil
			},
			Close:      func(s driver.Store) error { return s.(*memstore.Store).Close() },
			Bubble:     synctest.Test,
			Resolution: 1,
		}
	}
	t.Run("entries", func(t *testing.T) { storetest.Run(t, harness(nil)) })
	t.Run("weight", func(t *testing.T) {
		storetest.Run(t, harness(&memstore.Options{
			MaxWeight: 1 << 20, Weigh: func(key string, _ any) uint32 { return uint32(len(key)) },
		}))
	})
}
