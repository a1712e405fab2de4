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

// stopSelf stops the command, or its whole job, as a terminal's stop key does. It
// returns when it was continued; at once, if there is no shell to continue it.
func stopSelf(job bool) {
	parent := os.Getppid()
	if sid, err := unix.Getsid(parent); err != nil || parent == 1 {
		return
	} else if own, err := unix.Getsid(0); err != nil || own != sid {
		return
	}
	if job {
		_ = unix.Kill(0, unix.SIGTSTP) // which we do not stop by: somebody has asked for it
	}
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
}
