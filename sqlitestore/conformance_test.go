package sqlitestore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
	"github.com/go-cachify/cachify/storetest"
)

// harness is that of two stores on one file, which is how two processes see it.
func harness(path string) storetest.Harness {
	open := func(ctx context.Context) (driver.Store, func() error, error) {
		s, err := sqlitestore.New(ctx, sqlitestore.Options{Path: path})
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	return storetest.Harness{
		New: open,
		Second: func(ctx context.Context, _ driver.Store) (driver.Store, func() error, error) {
			return open(ctx)
		},
		Close:    func(s driver.Store) error { return s.(*sqlitestore.Store).Close() },
		Parallel: true,
	}
}

func TestConformance(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cachify.db")
	storetest.Run(t, harness(path))
	t.Cleanup(func() { isSound(t, path) })
}

// Where there can be no sockets, the stores look at the file.
func TestConformanceWithoutSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cachify.db")
	if err := os.WriteFile(path+"-push", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, harness(path))
	t.Cleanup(func() { isSound(t, path) })
}
