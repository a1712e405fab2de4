//go:build unix

package run

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// terminal is the one that controls the command. A nil one does nothing.
type terminal struct {
	fd  int
	own int // our process group
}

// controlling returns the controlling terminal, or nil if there is none.
func controlling() *terminal {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &terminal{fd: fd, own: unix.Getpgrp()}
}

func (t *terminal) close() {
	if t != nil {
		_ = unix.Close(t.fd)
	}
}

// group is the process group in the foreground; 0: unknown.
func (t *terminal) group() int {
	if t == nil {
		return 0
	}
	pgid, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return pgid
}

// ours reports whether we are in the foreground.
func (t *terminal) ours() bool { return t != nil && t.group() == t.own }

// give puts a process group into the foreground.
func (t *terminal) give(pgid int) {
	if t == nil {
		return
	}
	// From the background that is allowed only to who ignores this signal. The child
	// does not inherit it: it has been started.
	signal.Ignore(unix.SIGTTOU)
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, pgid) // without it the child stops, and we with it
}

// takeBack puts us into the foreground again if the group of the child is there, and
// reports that it was.
func (t *terminal) takeBack(child int) bool {
	pgid := t.group()
	if t == nil || pgid == t.own || pgid == 0 || child != 0 && pgid != child {
		return false
	}
	t.give(t.own)
	return true
}

// InBackground reports whether f is the controlling terminal and another process group
// is in its foreground.
func InBackground(f *os.File) bool {
	pgid, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && pgid != unix.Getpgrp()
}

// isTerminal reports whether f is the controlling terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil
}
