package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
)

func init() { roles["tiny"] = tiny } //nolint:gochecknoinits // the role is for this system only

// A file system without room gives ErrFull, and all is well when there is room again.
// To mount one, the process has to be root's; else TestFullDisk is all there is.
func TestFullFileSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	cmd := command(t, "tiny", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // nobody else sees the mount
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Unshareflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	if err := cmd.Start(); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSPC) {
		t.Logf("no file system of our own can be mounted here: %v", err)
		return
	} else if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// tiny mounts a file system of 600 kB, fills it up, and makes it larger.
func tiny(ctx context.Context, path string, _ []string) error {
	dir := filepath.Dir(path)
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=600k"); err != nil {
		return err
	}
	store, err := sqlitestore.New(ctx, sqlitestore.Options{Path: path})
	if err != nil {
		return err
	}
	for i := 0; err == nil && i < 1000; i++ {
		_, err = store.Save(ctx, "key-"+strconv.Itoa(i), make([]byte, 10_000), driver.Write{TTL: time.Hour})
	}
	if !errors.Is(err, sqlitestore.ErrFull) {
		return fmt.Errorf("got error %w, want ErrFull", err)
	}
	if _, err := store.Load(ctx, "key-0"); err != nil {
		return fmt.Errorf("what is there cannot be read: %w", err)
	}
	_, err = sqlitestore.New(ctx, sqlitestore.Options{Path: filepath.Join(dir, "another")})
	if !errors.Is(err, sqlitestore.ErrFull) {
		return fmt.Errorf("a new file: got error %w, want ErrFull", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=60m"); err != nil {
		return err
	}
	another, err := sqlitestore.New(ctx, sqlitestore.Options{Path: filepath.Join(dir, "another")})
	if err != nil {
		return fmt.Errorf("there is room for a new file, but: %w", err)
	}
	if _, err := store.Save(ctx, "key", nil, driver.Write{TTL: time.Hour}); err != nil {
		return fmt.Errorf("there is room again, but: %w", err)
	}
	return errors.Join(another.Close(), store.Close(), sound(path))
}
