//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlitestore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
)

// What stands where the sockets should be, or among them, and is none is left alone:
// also behind a link that somebody has put there. Pushes do without.
func TestFilesAmongTheSockets(t *testing.T) {
	for _, how := range []string{"a link", "a directory"} {
		t.Run(how, func(t *testing.T) {
			path, home := filepath.Join(t.TempDir(), "locks.db"), t.TempDir()
			if how == "a link" {
				if err := os.Symlink(home, path+"-push"); err != nil {
					t.Fatal(err)
				}
			} else {
				home = path + "-push"
				if err := os.Mkdir(home, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			precious := filepath.Join(home, "0123456789abcdef0123")
			if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := sqlitestore.New(context.Background(), sqlitestore.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			me := driver.NewClient()
			stop, err := s.Listen(t.Context(), "job", me.ID(), func(driver.Wake) {})
			if err != nil {
				t.Fatal(err)
			}
			stop()
			if _, err := os.Stat(precious); err != nil {
				t.Error(err)
			}
		})
	}
}
