//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sqlitestore

import "os"

// lockFile does nothing: two processes that create the file at the same moment write
// the same bytes.
func lockFile(*os.File) error { return nil }

// writable does not tell on this system.
func writable(string) error { return nil }

// family does nothing: a file that is open cannot be removed here.
type family struct{}

func newFamily(*os.File) (f family, err error) { return f, nil }

func (*family) isBroken(string) bool { return false }

func (*family) complete(string) {}
