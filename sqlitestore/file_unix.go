//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlitestore

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile keeps other processes that create the file waiting until f is closed.
// This lock has nothing to do with the database's own.
func lockFile(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}

func writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }

// isRemoved reports whether the file that f has open has no name any more.
func isRemoved(f *os.File) bool {
	var stat unix.Stat_t
	return unix.Fstat(int(f.Fd()), &stat) == nil && stat.Nlink == 0
}
