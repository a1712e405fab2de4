package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/kvstore"
)

// files is a [kvstore.Client] for processes that share a directory. One process at a
// time has the directory's lock.
type files struct{ dir string }

var _ kvstore.CompareAndSwapper = files{}

// entry is what is in a file.
type entry struct {
	Value   []byte        `json:"value"`
	Expires time.Duration `json:"expires"` // on the clock of the machine, which nobody can set
}

func now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// path is where a key's value is: whatever the key is, that is a name for a file.
func (f files) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(f.dir, hex.EncodeToString(sum[:]))
}

// alone runs do while no other process does anything in the directory.
func (f files) alone(ctx context.Context, do func() error) (err error) {
	lock, err := os.OpenFile(filepath.Join(f.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

func (f files) load(key string) (value []byte, ok bool, err error) {
	text, err := os.ReadFile(f.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var e entry
	if err := json.Unmarshal(text, &e); err != nil || now() >= e.Expires {
		return nil, false, err
	}
	return e.Value, true, nil
}

// store replaces the file as a whole: a process that is killed leaves no half of it.
func (f files) store(key string, value []byte, ttl time.Duration) error {
	e := entry{Value: value, Expires: driver.NoExpiry}
	if ttl < driver.NoExpiry-now() {
		e.Expires = now() + ttl
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	whole := filepath.Join(f.dir, "new")
	if err := os.WriteFile(whole, text, 0o600); err != nil {
		return err
	}
	return os.Rename(whole, f.path(key))
}

// Get implements [kvstore.Client].
func (f files) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	err = f.alone(ctx, func() (err error) {
		value, ok, err = f.load(key)
		return err
	})
	return value, ok, err
}

// SetIfAbsent implements [kvstore.Client].
func (f files) SetIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (done bool, err error) {
	err = f.alone(ctx, func() error {
		_, ok, err := f.load(key)
		if ok || err != nil {
			return err
		}
		done = true
		return f.store(key, value, ttl)
	})
	return done && err == nil, err
}

// CompareAndDelete implements [kvstore.Client].
func (f files) CompareAndDelete(ctx context.Context, key string, old []byte) (done bool, err error) {
	err = f.ifEqual(ctx, key, old, func() error {
		done = true
		return os.Remove(f.path(key))
	})
	return done && err == nil, err
}

// CompareAndSwap implements [kvstore.CompareAndSwapper].
func (f files) CompareAndSwap(ctx context.Context, key string, old, new []byte, ttl time.Duration) (done bool, err error) {
	err = f.ifEqual(ctx, key, old, func() error {
		done = true
		return f.store(key, new, ttl)
	})
	return done && err == nil, err
}

func (f files) ifEqual(ctx context.Context, key string, old []byte, do func() error) error {
	return f.alone(ctx, func() error {
		value, ok, err := f.load(key)
		if err != nil || !ok || !bytes.Equal(value, old) {
			return err
		}
		return do()
	})
}
