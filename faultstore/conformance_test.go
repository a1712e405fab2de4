package faultstore

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
	"github.com/go-cachify/cachify/storetest"
)

// Without a fault the wrapper keeps every promise of what it wraps; nor does it break
// one by lost pushes or repeated ones, which are allowed at any time.
func TestConformance(t *testing.T) {
	harness := func(script Script) storetest.Harness {
		return storetest.Harness{
			New: func(context.Context) (driver.Store, func() error, error) {
				inner, err := memstore.New(nil)
				if err != nil {
					return nil, nil, err
				}
				s := New(inner, script)
				return s, s.Close, nil
			},
			Second: func(_ context.Context, first driver.Store) (driver.Store, func() error, error) {
				s := New(first.(*Store).inner, script)
				return s, s.Close, nil
			},
			Close:  func(s driver.Store) error { return s.(*Store).Close() },
			Bubble: synctest.Test,
		}
	}
	t.Run("no script", func(t *testing.T) { storetest.Run(t, harness(nil)) })
	t.Run("repeated pushes", func(t *testing.T) {
		storetest.Run(t, harness(Only(Push, Always(Fault{Kind: Duplicate}))))
	})
}
