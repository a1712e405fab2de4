package cachify_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
)

func TestErrorsAreWhatTheySay(t *testing.T) {
	sentinels := map[string]error{
		"ErrLocked": cachify.ErrLocked, "ErrPoolFull": cachify.ErrPoolFull, "ErrTimeout": cachify.ErrTimeout,
		"ErrPoolSize": cachify.ErrPoolSize, "ErrLost": cachify.ErrLost, "ErrExpired": cachify.ErrExpired,
		"ErrReleased": cachify.ErrReleased, "ErrNotInitialized": cachify.ErrNotInitialized,
		"ErrInvalid": cachify.ErrInvalid, "ErrClosed": cachify.ErrClosed, "ErrUnsupported": cachify.ErrUnsupported,
		"ErrStore": cachify.ErrStore, "ErrNotFound": cachify.ErrNotFound, "ErrGoexit": cachify.ErrGoexit,
		"EOF": io.EOF, "driver.ErrHeld": driver.ErrHeld, "driver.ErrNotFound": driver.ErrNotFound,
	}
	tests := []struct {
		err  error
		text string
		is   string // the sentinels, and no others
	}{
		{&cachify.LockedError{Key: "k"}, "k is already locked!", "ErrLocked"},
		{&cachify.LockedError{Key: "k", Waited: 1500400 * time.Microsecond}, "k is already locked! (waited 1.5s)", "ErrLocked ErrTimeout"},
		{&cachify.PoolFullError{Key: "p", Size: 2, Slots: 1}, "p is full: all of its 2 slots are taken", "ErrPoolFull"},
		{&cachify.PoolFullError{Key: "p", Size: 5, Slots: 3, Waited: 1}, "p is full: fewer than 3 of its 5 slots are free (waited 1ns)", "ErrPoolFull ErrTimeout"},
		{&cachify.PoolFullError{Key: "p", Size: 1, Slots: 1}, "p is full: its only slot is taken", "ErrPoolFull"},
		{&cachify.PoolSizeError{Key: "p", Size: 2, Have: 3}, "pool p is used with size 3 by others, with size 2 here: all must name the same size", "ErrPoolSize"},
		{&cachify.LeaseError{Key: "k", Err: cachify.ErrLost}, "k: lease lost", "ErrLost"},
		{&cachify.LeaseError{Key: "k", Err: errors.Join(cachify.ErrExpired, cachify.ErrLost)}, "k: lease expired\nlease lost", "ErrExpired ErrLost"},
		{&cachify.ReleaseError{Key: "k", Err: io.EOF}, "releasing k, which will expire by itself: EOF", "EOF"},
		{&cachify.StoreError{Op: "load", Key: "k", Err: io.EOF}, "store failed to load k: EOF", "EOF ErrStore"},
		{&cachify.StoreError{Op: "ping", Err: io.EOF}, "store failed to ping: EOF", "EOF ErrStore"},
		{&cachify.CodecError{Key: "k", Err: io.EOF}, "encoding the result for k: EOF", "EOF"},
		{&cachify.PanicError{Value: io.EOF, Stack: []byte("where")}, "panic: EOF\n\nwhere", "EOF"},
		{&cachify.PanicError{Value: "x", Stack: []byte("where")}, "panic: x\n\nwhere", ""},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.text {
			t.Errorf("%T says %q, want %q", tt.err, got, tt.text)
		}
		for name, target := range sentinels {
			want := strings.Contains(" "+tt.is+" ", " "+name+" ")
			if got := errors.Is(tt.err, target); got != want {
				t.Errorf("%#v is %s: %v, want %v", tt.err, name, got, want)
			}
		}
	}
}

// What cachify and a driver have in common is one error, so that an error of a store
// needs no translation.
func TestErrorsOfTheDriver(t *testing.T) {
	for _, pair := range [][2]error{
		{cachify.ErrLost, driver.ErrLost}, {cachify.ErrInvalid, driver.ErrInvalid},
		{cachify.ErrClosed, driver.ErrClosed}, {cachify.ErrUnsupported, driver.ErrUnsupported},
	} {
		if !errors.Is(pair[1], pair[0]) {
			t.Errorf("%v is not %v", pair[1], pair[0])
		}
	}
	if errors.Is(driver.ErrNotFound, cachify.ErrNotFound) {
		t.Error("a store's missing record is a function's not found")
	}
}
