package sqlitestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/serdes"

	"github.com/go-cachify/cachify/driver"
)

const (
	// applicationID is how our files are told from other databases: "cchf".
	applicationID = 0x63636866

	// schemaVersion is that of sql/schema.sql.
	schemaVersion = 1

	pageSize = 4096
)

// The header of a database, in its first bytes.
const (
	headerSize        = 100
	headerMagic       = "SQLite format 3\x00"
	headerWriteFormat = 18
	headerReadFormat  = 19
	headerUserVersion = 60
	headerApplication = 68
	formatWAL         = 2
)

// prepare sees to it that there is a file of ours at path, and returns its real
// path. Nothing that may be somebody else's is changed.
func prepare(opts Options) (string, error) {
	path, err := filepath.Abs(opts.Path)
	if err != nil {
		return "", err
	}
	path = resolved(path)
	if fs := networkOf(filepath.Dir(path)); fs != "" && !opts.AllowNetwork {
		return "", fmt.Errorf("sqlitestore: %s: %w (%s): several machines would not exclude each other, "+
			"and could damage it; choose a local directory", path, ErrNetwork, fs)
	}
	isNew, err := check(path)
	switch {
	case isNew && opts.MustExist:
		return "", fmt.Errorf("sqlitestore: %s: %w", path, fs.ErrNotExist)
	case isNew:
		err = create(path)
	}
	return resolved(path), err
}

// resolved is path without symbolic links, if it is there: all that open the file
// have to agree on what is beside it.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// check looks at the file at path without opening it as a database. isNew: there is
// none yet, or one that nobody has written to the end.
func check(path string) (isNew bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, failure(path, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return false, failure(path, err)
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("sqlitestore: %s: %w: it is no regular file", path, ErrForeign)
	}
	return checkHeader(path, f)
}

func checkHeader(path string, f io.ReaderAt) (isNew bool, err error) {
	header := make([]byte, headerSize)
	n, err := f.ReadAt(header, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, failure(path, err)
	}
	if len(bytes.Trim(header, "\x00")) == 0 {
		return true, nil // create looks closer
	}
	if n < headerSize || string(header[:len(headerMagic)]) != headerMagic {
		return false, fmt.Errorf("sqlitestore: %s: %w: it is no SQLite database", path, ErrForeign)
	}
	if id := binary.BigEndian.Uint32(header[headerApplication:]); id != applicationID {
		return false, fmt.Errorf("sqlitestore: %s: %w: it is the database of another application", path, ErrForeign)
	}
	if v := int(int32(binary.BigEndian.Uint32(header[headerUserVersion:]))); v != schemaVersion {
		return false, &VersionError{Path: path, Have: v, Want: schemaVersion}
	}
	return false, nil
}

// create writes a new file, unless another process was faster. All that is written
// is known beforehand, and the first page, without which the rest is nothing, comes
// last: so a process that is killed here leaves what the next one recognises and
// writes again.
func create(path string) (err error) {
	image, err := newImage()
	if err != nil {
		return failure(path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return failure(path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := lockFile(f); err != nil {
		return failure(path, err)
	}
	if isNew, err := checkHeader(path, f); !isNew || err != nil {
		return err
	}
	begun, err := io.ReadAll(io.NewSectionReader(f, 0, int64(len(image))+1))
	if err != nil {
		return failure(path, err)
	}
	if !isBegun(begun, image) {
		return fmt.Errorf("sqlitestore: %s: %w: it is no SQLite database", path, ErrForeign)
	}
	for _, part := range []struct{ from, to int }{{pageSize, len(image)}, {0, pageSize}} {
		if _, err := f.WriteAt(image[part.from:part.to], int64(part.from)); err != nil {
			return failure(path, errors.Join(err, f.Truncate(0)))
		}
		if err := f.Sync(); err != nil {
			return failure(path, err)
		}
	}
	return nil
}

// isBegun reports whether content is what create leaves if it is interrupted: an
// empty first page, and of the others nothing or a part.
func isBegun(content, image []byte) bool {
	if len(content) > len(image) {
		return false
	}
	first := content[:min(len(content), pageSize)]
	rest := content[len(first):]
	return len(bytes.Trim(first, "\x00")) == 0 && bytes.Equal(rest, image[len(first):][:len(rest)])
}

// newImage returns the bytes of a new file.
func newImage() (image []byte, err error) {
	text, err := schema()
	if err != nil {
		return nil, err
	}
	db, err := sqlite3.Open(":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.Exec(fmt.Sprintf("PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = %d; PRAGMA user_version = %d;",
		pageSize, applicationID, schemaVersion) + text)
	if err != nil {
		return nil, err
	}
	image, err = serdes.Serialize(db, "main")
	if err != nil {
		return nil, err
	}
	image[headerWriteFormat], image[headerReadFormat] = formatWAL, formatWAL
	return image, nil
}

// access makes sure that the file can be written, and files beside it. Those that the
// engine needs are made here, for it would let everybody read them.
func access(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return failure(path, err)
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return failure(path, err)
	}
	if err := writable(filepath.Dir(path)); err != nil {
		return failure(path, fmt.Errorf("the directory of the file: %w", err))
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := makeBeside(path+suffix, info.Mode().Perm()); err != nil {
			return failure(path, err)
		}
	}
	return nil
}

// makeBeside makes an empty file, unless there is one.
func makeBeside(path string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(mode), f.Close()) // whatever the umask
}

func validatePath(path string) error {
	if path == "" {
		return fmt.Errorf("sqlitestore: %w: Options.Path is empty: it must be the name of a file", driver.ErrInvalid)
	}
	if path == ":memory:" || strings.HasPrefix(path, "file:") {
		return fmt.Errorf("sqlitestore: %w: Options.Path is SQLite's own notation: it must be the name of a file; what stays in one process has the in-memory store, nil", driver.ErrInvalid)
	}
	if strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("sqlitestore: %w: Options.Path has a zero byte in it", driver.ErrInvalid)
	}
	return nil
}
