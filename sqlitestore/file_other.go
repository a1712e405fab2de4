//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sqlitestore

import "os"

// lockFile does nothing: two processes that create the file at the same moment write
// the same bytes.
func lockFile(*os.File) error { return nil }

// writable does not tell on this system.
func writable(string) error { return nil }

// isRemoved is false: a file that is open cannot be removed here.
func isRemoved(*os.File) bool { return false }
