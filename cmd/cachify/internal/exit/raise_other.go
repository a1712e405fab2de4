//go:build !unix

package exit

import "syscall"

// raise does nothing: there are no signals to die of.
func raise(syscall.Signal, bool) {}
