package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/sqlitestore"
)

// Two stores on one file, as two processes would have them.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()
	path := filepath.Join(dir, "cachify.db")

	open := func() (*cachify.Cachify, *sqlitestore.Store, error) {
		store, err := sqlitestore.New(ctx, sqlitestore.Options{Path: path})
		if err != nil {
			return nil, nil, err
		}
		c, err := cachify.New(store, nil)
		return c, store, err
	}
	here, store, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()
	there, other, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = other.Close() }()

	lease, err := here.Lock("nightly-report").Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = there.Lock("nightly-report").Acquire(ctx)
	fmt.Println(err)

	time.AfterFunc(10*time.Millisecond, func() { _ = lease.Release(ctx) })
	err = there.Lock("nightly-report", cachify.Wait(time.Minute)).Do(ctx, func(context.Context) error {
		fmt.Println("the report is ours")
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// nightly-report is already locked!
	// the report is ours
}

// A file of another program is refused, and stays as it is.
func ExampleVersionError() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(path, []byte("not a database"), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	_, err = sqlitestore.New(context.Background(), sqlitestore.Options{Path: path})
	var version *sqlitestore.VersionError
	switch {
	case errors.As(err, &version):
		fmt.Println("made by another version:", version.Have)
	case errors.Is(err, sqlitestore.ErrForeign):
		fmt.Println("somebody else's")
	}
	// Output: somebody else's
}
