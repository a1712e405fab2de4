//go:build unix

package run

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is a child that was started, the leader of its process group.
type process struct {
	pid     int
	changes chan syscall.WaitStatus // each time that it stops, and once when it is gone

	mu     sync.Mutex
	gone   bool // pid is not its any more
	doomed bool // its group ends with it
}

// wait reports what becomes of the child, until it is gone.
func (p *process) wait() {
	for {
		status, err := p.reap()
		p.changes <- status
		if err != nil || !status.Stopped() {
			return
		}
	}
}

// doom makes what is left of the group end with the child.
func (p *process) doom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
}

// signal sends sig to the child alone, unless it is gone.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		_ = unix.Kill(p.pid, sig) // all that can happen is that it has just ended
	}
}

// signalGroup sends sig to the group of the child, unless the child is gone.
func (p *process) signalGroup(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		_ = unix.Kill(-p.pid, sig)
	}
}

// again calls fn until it was not interrupted.
func again(fn func() error) error {
	for {
		if err := fn(); err != unix.EINTR { //nolint:errorlint // a system call returns it as it is
			return err
		}
	}
}
