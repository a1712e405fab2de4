package engines

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest"
	"github.com/go-cachify/cachify/sqlitestore"
)

// SQLite is the store in a file, on a file system of its own that can be full, where one
// may be mounted.
func SQLite() itest.Engine {
	return itest.Engine{Name: "sqlite", Start: startSQLite, Open: openSQLite, Mounts: true}
}

// The size of the file system, and of what is written at a time to fill it.
const (
	diskSize = "size=64m"
	fillStep = 64 << 10
)

func startSQLite(_ context.Context, dir string) (*itest.Instance, error) {
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		return nil, err
	}
	i := &itest.Instance{URL: filepath.Join(disk, "store")}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, diskSize); err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return i, nil // then there is no disk to fill
		}
		return nil, err
	}
	i.Close = func() error { return unix.Unmount(disk, unix.MNT_DETACH) }
	filler := filepath.Join(disk, "filler")
	i.Faults = []itest.Fault{{
		Kind:  "disk-full",
		Break: func(context.Context, *rand.Rand) error { return fill(filler) },
		Mend: func(context.Context) error {
			if err := os.Remove(filler); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		},
	}}
	return i, nil
}

// fill writes a file until there is no room.
func fill(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for step := fillStep; step > 0; {
		_, err := f.Write(make([]byte, step))
		switch {
		case errors.Is(err, unix.ENOSPC):
			step /= 2
		case err != nil:
			return err
		}
	}
	return nil
}

func openSQLite(ctx context.Context, path string) (driver.Store, error) {
	return sqlitestore.New(ctx, sqlitestore.Options{Path: path})
}
