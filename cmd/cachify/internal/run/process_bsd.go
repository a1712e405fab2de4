//go:build unix && !linux

package run

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent does nothing: only Linux has a signal for that.
func dieWithParent(*syscall.SysProcAttr) {}

// reap waits until the child stops or ends.
func (p *process) reap() (status syscall.WaitStatus, err error) {
	err = again(func() error {
		_, err := syscall.Wait4(p.pid, &status, syscall.WUNTRACED, nil)
		return err
	})
	if err != nil || !status.Stopped() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.doomed {
			_ = unix.Kill(-p.pid, unix.SIGKILL)
		}
		p.gone = true
	}
	return status, err
}

// ignoresStop is false: package signal does not tell.
func ignoresStop() bool { return false }

// orphaned reports whether no shell could continue the command if it stopped.
func orphaned() bool {
	parent := os.Getppid()
	if sid, err := unix.Getsid(parent); err != nil || parent == 1 {
		return true
	} else if own, err := unix.Getsid(0); err != nil || own != sid {
		return true
	}
	return false
}

// stopSelf stops the command, or its whole job, as a terminal's stop key does. It
// returns when it was continued; at once, if there is no shell to continue it.
func stopSelf(job bool) {
	if orphaned() {
		return
	}
	if job {
		_ = unix.Kill(0, unix.SIGTSTP) // which we do not stop by: somebody has asked for it
	}
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
}
