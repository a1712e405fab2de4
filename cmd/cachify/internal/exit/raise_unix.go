//go:build unix

package exit

import (
	"os/signal"
	"syscall"
	"time"
)

// raise ends the process by sig. It returns only if that does not work.
func raise(sig syscall.Signal, job bool) {
	signal.Reset(sig)
	pid := syscall.Getpid()
	if job {
		pid = 0
	}
	if syscall.Kill(pid, sig) == nil {
		<-time.After(time.Second) // it is on its way
	}
}
