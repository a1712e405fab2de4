//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlitestore

import (
	"errors"
	"io/fs"
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

// identity is what tells files apart that have the same name one after the other.
type identity struct{ device, inode uint64 }

// identify returns the identity of the file at path; all zero: there is none.
func identify(path string) (identity, error) {
	var stat unix.Stat_t
	switch err := unix.Stat(path, &stat); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return identity{}, nil
	case err != nil:
		return identity{}, err
	}
	return identity{uint64(stat.Dev), uint64(stat.Ino)}, nil //nolint:unconvert // the types differ from system to system
}

// family are the files that a store works on, as they were when it opened them. If one
// of them is removed, renamed or replaced, who opens the store later works on others,
// and neither knows what the other writes.
type family struct {
	known   bool
	members [len(suffixes)]identity
}

var suffixes = [...]string{"", "-wal", "-shm"}

// newFamily notes the file that is open. The engine opens the others when it first
// needs them.
func newFamily(file *os.File) (f family, err error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return f, err
	}
	f.members[0] = identity{uint64(stat.Dev), uint64(stat.Ino)} //nolint:unconvert // as above
	return f, nil
}

// isBroken reports whether a file is not the one that it was.
func (f *family) isBroken(path string) bool {
	for i, known := range f.members {
		if i > 0 && !f.known {
			return false
		}
		now, err := identify(path + suffixes[i])
		if err == nil && now != known {
			return true
		}
	}
	return false
}

// complete notes the others, once they are open.
func (f *family) complete(path string) {
	if f.known {
		return
	}
	for i, suffix := range suffixes[1:] {
		id, err := identify(path + suffix)
		if err != nil {
			return // it cannot be seen
		}
		if id == (identity{}) {
			f.members[0] = id // it has gone already: nothing fits this family any more
		}
		f.members[1+i] = id
	}
	f.known = true
}
