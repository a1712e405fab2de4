package sqlitestore_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
)

// database makes a database with what sql does.
func database(t *testing.T, sql string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sqlite3.Open(path)
	if err == nil {
		err = errors.Join(db.Exec(sql), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// A file that is not one of ours is refused and stays as it is.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	image, err := sqlitestore.NewImage()
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.Clone(image)
	newer[63]++ // the last byte of user_version
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"text":             {[]byte("to be or not to be\n"), sqlitestore.ErrForeign},
		"long text":        {bytes.Repeat([]byte("x"), 100_000), sqlitestore.ErrForeign},
		"zeros":            {make([]byte, 1_000_000), sqlitestore.ErrForeign},
		"zeros, then text": {append(make([]byte, 5000), "text"...), sqlitestore.ErrForeign},
		"half a header":    {image[:50], sqlitestore.ErrForeign},
		"no application":   {database(t, "CREATE TABLE t (x)"), sqlitestore.ErrForeign},
		"another one":      {database(t, "PRAGMA application_id = 7; PRAGMA user_version = 1; CREATE TABLE t (x)"), sqlitestore.ErrForeign},
		"another version":  {newer, sqlitestore.ErrVersion},
		"no tables":        {database(t, "PRAGMA application_id = 1667459174; PRAGMA user_version = 0; CREATE TABLE t (x)"), sqlitestore.ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := sqlitestore.New(t.Context(), sqlitestore.Options{Path: path})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got error %v, want %v, with the path", err, c.want)
			}
			var v *sqlitestore.VersionError
			if errors.Is(err, sqlitestore.ErrVersion) != errors.As(err, &v) {
				t.Errorf("%v: ErrVersion comes as a *VersionError", err)
			}
			if content, err := os.ReadFile(path); err != nil || !bytes.Equal(content, c.content) {
				t.Errorf("the file was changed (%v)", err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("files were left beside it: %v (%v)", entries, err)
			}
		})
	}
}

func TestBadPaths(t *testing.T) {
	for path, want := range map[string]error{
		"":          driver.ErrInvalid,
		"a\x00b":    driver.ErrInvalid,
		t.TempDir(): sqlitestore.ErrForeign,
		filepath.Join(t.TempDir(), "no", "such", "directory"): fs.ErrNotExist,
	} {
		if _, err := sqlitestore.New(t.Context(), sqlitestore.Options{Path: path}); !errors.Is(err, want) {
			t.Errorf("%q: got error %v, want %v", path, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "file")
	if _, err := sqlitestore.New(ctx, sqlitestore.Options{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the ctx", err)
	}
}

// A file whose writing was interrupted anywhere is written again.
func TestInterruptedCreation(t *testing.T) {
	image, err := sqlitestore.NewImage()
	if err != nil {
		t.Fatal(err)
	}
	again, err := sqlitestore.NewImage()
	if err != nil || !bytes.Equal(image, again) {
		t.Fatalf("not all new files are the same (%v)", err)
	}
	const page = 4096
	for _, n := range []int{0, 1, page, page + 1, 2 * page, 3*page + 7, len(image) - 1, len(image)} {
		content := bytes.Clone(image[:n])
		clear(content[:min(n, page)])
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		works(t, open(t, path))
		isSound(t, path)
	}
}

// works checks that store is one.
func works(t testing.TB, store driver.Store) {
	t.Helper()
	ctx := context.Background()
	g, err := store.Acquire(ctx, request(driver.NewClient(), "does it work"))
	if err == nil {
		err = store.Release(ctx, g)
	}
	if err != nil {
		t.Error(err)
	}
}

// Any number of stores may make the same file at the same time.
func TestCreationTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var wg sync.WaitGroup
	fences := make(chan uint64, 100)
	for range 16 {
		wg.Go(func() {
			s, err := sqlitestore.New(context.Background(), sqlitestore.Options{Path: path})
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = s.Close() }()
			me := driver.NewClient()
			g, err := s.Acquire(context.Background(), request(me, me.ID()))
			if err != nil {
				t.Error(err)
			}
			fences <- g.Fence
		})
	}
	wg.Wait()
	close(fences)
	seen := make(map[uint64]bool)
	for f := range fences {
		if seen[f] {
			t.Errorf("fence %d was given twice: there were two files", f)
		}
		seen[f] = true
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the mode of %q is %v (%v), want that only its owner can read it", suffix, info, err)
		}
	}
	isSound(t, path)
}

// Files beside it have the permissions of the file, and who may write it may send.
func TestPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o660)); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	works(t, s)
	stop, err := s.Listen(t.Context(), "job", driver.NewClient().ID(), func(driver.Wake) {})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for suffix, want := range map[string]fs.FileMode{"": 0o660, "-wal": 0o660, "-shm": 0o660, "-push": 0o770} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != want {
			t.Errorf("the mode of %q is %v (%v), want %v", suffix, info, err, want)
		}
	}
}

// A file that is removed while it is open is not used any longer: there may be a new
// one, with other holders.
func TestRemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	s := open(t, path)
	works(t, s)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), request(driver.NewClient(), "job")); !errors.Is(err, sqlitestore.ErrRemoved) {
		t.Errorf("got error %v, want ErrRemoved", err)
	}
	// Nor is it read: it would show holders, and results, that are no more.
	if o, err := s.Holders(t.Context(), "job"); !errors.Is(err, sqlitestore.ErrRemoved) {
		t.Errorf("got %+v and error %v, want ErrRemoved", o, err)
	}
	if _, err := s.Load(t.Context(), "record"); !errors.Is(err, sqlitestore.ErrRemoved) {
		t.Errorf("got error %v, want ErrRemoved", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, sqlitestore.ErrRemoved) {
		t.Errorf("got error %v, want ErrRemoved", err)
	}
}

// The same for all that takes a file away from those who come later. A lease in it is
// lost at once.
func TestSplitFamily(t *testing.T) {
	for name, split := range map[string]func(path string) error{
		"renamed":            func(path string) error { return os.Rename(path, path+".old") },
		"directory renamed":  func(path string) error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old") },
		"replaced":           replace,
		"the log removed":    func(path string) error { return os.Remove(path + "-wal") },
		"the log replaced":   func(path string) error { return replace(path + "-wal") },
		"the index removed":  func(path string) error { return os.Remove(path + "-shm") },
		"the index replaced": func(path string) error { return replace(path + "-shm") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "file")
			s := open(t, path)
			g, err := s.Acquire(t.Context(), request(driver.NewClient(), "job"))
			if err != nil {
				t.Fatal(err)
			}
			if err := split(path); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Acquire(t.Context(), request(driver.NewClient(), "other")); !errors.Is(err, sqlitestore.ErrRemoved) || errors.Is(err, driver.ErrLost) {
				t.Errorf("Acquire: got error %v, want ErrRemoved", err)
			}
			if _, err := s.Extend(t.Context(), g, time.Minute); !errors.Is(err, sqlitestore.ErrRemoved) || !errors.Is(err, driver.ErrLost) {
				t.Errorf("Extend: got error %v, want ErrLost and ErrRemoved", err)
			}
			if err := s.Release(t.Context(), g); !errors.Is(err, sqlitestore.ErrRemoved) || !errors.Is(err, driver.ErrLost) {
				t.Errorf("Release: got error %v, want ErrLost and ErrRemoved", err)
			}
		})
	}
}

// replace puts a copy of a file into its place.
func replace(path string) error {
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".copy", content, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".copy", path)
	}
	return err
}

// Two names of one file are one store.
func TestSymlink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	one := open(t, path)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	two := open(t, link)
	if _, err := one.Acquire(t.Context(), request(driver.NewClient(), "job")); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Acquire(t.Context(), request(driver.NewClient(), "job")); !errors.Is(err, driver.ErrHeld) {
		t.Errorf("got error %v, want ErrHeld", err)
	}
}

// When there is no room, requests fail with an error that says so, nothing is broken,
// and all is well when there is room again.
func TestFullDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	s := open(t, path)
	works(t, s)
	if err := s.Exec("PRAGMA max_page_count = 40"); err != nil {
		t.Fatal(err)
	}
	fill(t, s)
	if err := s.Exec("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	works(t, s)
	isSound(t, path)
}

// A limit on the size of files is a full disk as well.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	start(t, "limited", path).wait()
	isSound(t, path)
	works(t, open(t, path))
}

// Who may not write the file, or beside it, is told so, and changes nothing.
func TestReadOnly(t *testing.T) {
	for name, modes := range map[string]struct {
		file, dir fs.FileMode
		makeFile  bool
	}{
		"file":             {0o444, 0o777, true},
		"unreadable file":  {0o000, 0o777, true},
		"directory":        {0o666, 0o555, true},
		"no file, no room": {0, 0o555, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "sqlitestore") //nolint:usetesting // others cannot get into that of the test
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "file")
			t.Cleanup(func() {
				if err := errors.Join(os.Chmod(dir, 0o700), os.RemoveAll(dir)); err != nil {
					t.Error(err)
				}
			})
			if modes.makeFile {
				s := open(t, path)
				works(t, s)
				if err := errors.Join(s.Close(), os.Chmod(path, modes.file)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, modes.dir); err != nil {
				t.Fatal(err)
			}
			p := start(t, "nobody", path)
			if said := p.line(); said != "read-only" {
				t.Errorf("got %q, want ErrReadOnly", said)
			}
			p.wait()
		})
	}
}

// fill writes until there is no room.
func fill(t testing.TB, s *sqlitestore.Store) {
	t.Helper()
	var err error
	for i := 0; err == nil; i++ {
		if i > 1000 {
			t.Fatal("there is room for everything")
		}
		_, err = s.Save(context.Background(), strings.Repeat("k", i+1), make([]byte, 4000), driver.Write{TTL: time.Hour})
	}
	if !errors.Is(err, sqlitestore.ErrFull) {
		t.Errorf("got error %v, want ErrFull", err)
	}
}

// What is over is removed by what others do, with nobody coming back to it.
func TestSweeping(t *testing.T) {
	c := &sqlitestore.Clock{Era: "boot/ns", Running: time.Hour, Up: time.Hour, Wall: noon}
	s := clocked(t, filepath.Join(t.TempDir(), "file"), c)
	me := driver.NewClient()
	ctx := t.Context()
	short := func(name string) driver.AcquireRequest {
		req := request(me, name)
		req.TTL = time.Second
		return req
	}
	for range 300 {
		name := me.NewHolder()
		if _, err := s.Acquire(ctx, short(name)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Enqueue(ctx, short(name), time.Second); !errors.Is(err, driver.ErrHeld) {
			t.Fatal(err)
		}
		if _, err := s.Save(ctx, name, []byte("x"), driver.Write{TTL: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	c.Running, c.Up = c.Running+time.Minute, c.Up+time.Minute
	for range 310 {
		g, err := s.Acquire(ctx, short("job"))
		if err == nil {
			err = s.Release(ctx, g)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"leases", "places", "patience", "records"} {
		if n, err := s.Count(table); err != nil || n != 0 {
			t.Errorf("%d %s are left (%v)", n, table, err)
		}
	}
}

// The file gives back what it does not need, and the log does not grow for ever.
func TestFilesStaySmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	s := open(t, path)
	ctx := t.Context()
	value := make([]byte, 100_000)
	save := func(key string) {
		t.Helper()
		if _, err := s.Save(ctx, key, value, driver.Write{TTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	for i := range 200 {
		keys = append(keys, strings.Repeat("k", i+1))
		save(keys[i])
	}
	for _, key := range keys {
		if err := s.Delete(ctx, key, 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 500 {
		save("key")
	}
	for name, most := range map[string]int64{path: 10 << 20, path + "-wal": 10 << 20} {
		if info, err := os.Stat(name); err != nil || info.Size() > most {
			t.Errorf("%s has %d bytes (%v), want at most %d", filepath.Base(name), info.Size(), err, most)
		}
	}
	isSound(t, path)
}

// SQLite's own notation would make files of odd names, each with locks of its own.
func TestPathsThatAreNoFiles(t *testing.T) {
	for _, path := range []string{":memory:", "file:x?mode=memory"} {
		if _, err := sqlitestore.New(t.Context(), sqlitestore.Options{Path: path}); !errors.Is(err, driver.ErrInvalid) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// Who only looks makes no file.
func TestMustExist(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	opts := sqlitestore.Options{Path: path, MustExist: true}
	if _, err := sqlitestore.New(t.Context(), opts); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is no such file", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("now there is something: %v", err)
	}
	s, err := sqlitestore.New(t.Context(), sqlitestore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	only, err := sqlitestore.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer only.Close()
	works(t, only)
}
