package sqlitestore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-cachify/cachify/sqlitestore"
)

func TestNetworkFileSystemIsRefused(t *testing.T) {
	dir := t.TempDir()
	defer sqlitestore.CallItNetwork(dir)()
	path := filepath.Join(dir, "file")
	_, err := sqlitestore.New(t.Context(), sqlitestore.Options{Path: path})
	if !errors.Is(err, sqlitestore.ErrNetwork) || !strings.Contains(err.Error(), "TESTFS") {
		t.Errorf("got error %v, want ErrNetwork with the name of the file system", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
	s, err := sqlitestore.New(t.Context(), sqlitestore.Options{Path: path, AllowNetwork: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	works(t, s)
}
