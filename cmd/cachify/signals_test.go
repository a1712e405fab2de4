//go:build linux

package main_test

import (
	"syscall"
	"testing"
)

// Each signal that the command gets, the child gets once.
func TestSignalsReachTheChild(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{
		"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "TERM": syscall.SIGTERM,
		"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "WINCH": syscall.SIGWINCH, "ALRM": syscall.SIGALRM,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			p := h.start("lock", "k", "--", "sh", "-c", "trap 'echo got it' "+name+
				"; echo ready; until test -e go; do :; done; echo ended; exit 5") // a trap waits for a read, but not for this
			p.expect("ready")
			p.signal(sig)
			p.expect("got it")
			h.write("go", "")
			p.expect("ended")
			h.want(p.end(), 5, "")
		})
	}
}

// The child dies of the signal, and all of its group that would have in a terminal.
func TestChildDiesOfTheSignal(t *testing.T) {
	h := newHost(t)
	for sig, code := range map[syscall.Signal]int{
		syscall.SIGHUP: 129, syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGUSR1: 138,
	} {
		p := h.hold("lock", "k")
		p.signal(sig)
		h.want(p.end(), code, "")
		h.want(h.run("lock", "k", "--", "true"), 0, "") // it was released
	}
	p := h.start("lock", "k", "--", "sh", "-c", "sleep 1000 & echo $!; wait")
	pid := p.line()
	p.signal(syscall.SIGTERM)
	h.want(p.end(), 143, "")
	eventually(t, "the child's child is gone", func() bool { return gone(pid) })
}

// While it waits, a signal ends the command, and its place in the line is free.
func TestSignalWhileWaiting(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{
		syscall.SIGHUP: 129, syscall.SIGINT: 130, syscall.SIGQUIT: 131, syscall.SIGTERM: 143,
	} {
		h := newHost(t)
		holder := h.hold("lock", "k")
		p := h.start("lock", "k", "-w", "--", "true")
		h.waiting("k", 1)
		p.signal(sig)
		h.want(p.end(), code, "")
		h.waiting("k", 0)
		h.want(holder.finish(), 0, "")
	}
}

// As under nohup: what is ignored stays so, for the child too.
func TestIgnoredSignals(t *testing.T) {
	h := newHost(t)
	cmd := h.command()
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `trap '' HUP; exec "$0" lock k -- sh -c 'kill -HUP $$; kill -HUP $PPID; echo alive'`, program}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "alive\n" {
		t.Errorf("got %q, %v", out, err)
	}
}
