package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// What can be wrong with a file, beside the errors of package driver. The errors of
// the system and the engine can be found in them too.
var (
	// ErrForeign: the file is no SQLite database, or belongs to another application.
	// It was not changed.
	ErrForeign = errors.New("not a file of cachify")

	// ErrVersion: the file was made by another version of this package. It was not
	// changed. Comes as a [*VersionError].
	ErrVersion = errors.New("a file of another version")

	// ErrDamaged: the file is one of ours and was damaged.
	ErrDamaged = errors.New("damaged")

	// ErrReadOnly: the file, or its directory, cannot be written.
	ErrReadOnly = errors.New("cannot be written")

	// ErrFull: the disk takes no more, because it is full, or a quota or a limit on the
	// size of files is reached. The engine does not tell these from a disk that is
	// broken, which counts as full as well. The request changed nothing, and works
	// again once there is room.
	ErrFull = errors.New("no room")

	// ErrNetwork: the file is on a network file system (see [Options.AllowNetwork]).
	ErrNetwork = errors.New("on a network file system")

	// ErrRemoved: the file, or one of those beside it that the engine needs, was
	// removed, renamed or replaced while the store was open. What others hold may be in
	// a new file of the same name by now, so this store does not go on. Who extends or
	// releases a lease gets [driver.ErrLost] with it: nothing keeps others out.
	ErrRemoved = errors.New("was removed")
)

// VersionError says that the schema of a file is not the one that this package
// knows. errors.Is(err, [ErrVersion]) holds.
type VersionError struct {
	Path string // of the file
	Have int    // the version of the file
	Want int    // the version of this package
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("sqlitestore: %s: %v: its schema has version %d, this program needs %d", e.Path, ErrVersion, e.Have, e.Want)
}

// Is reports whether target is [ErrVersion].
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

// failure says which file an error is about, and what kind of error it is.
func failure(path string, err error) error {
	kind := kindOf(err)
	if kind == nil || errors.Is(err, kind) {
		return fmt.Errorf("sqlitestore: %s: %w", path, err)
	}
	return fmt.Errorf("sqlitestore: %s: %w: %w", path, kind, err)
}

// kindOf returns the one of our errors, or of package driver's, that err is.
func kindOf(err error) error {
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	switch {
	case is(sqlite3.FULL, sqlite3.IOERR_WRITE, sqlite3.IOERR_SHMSIZE, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG):
		return ErrFull
	case is(sqlite3.TOOBIG):
		return driver.ErrInvalid
	case is(sqlite3.NOTADB, sqlite3.CORRUPT):
		return ErrDamaged
	case is(sqlite3.READONLY, sqlite3.PERM, syscall.EROFS, fs.ErrPermission):
		return ErrReadOnly
	}
	return nil
}
