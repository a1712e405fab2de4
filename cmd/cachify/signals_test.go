//go:build linux

package main_test

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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
	for _, sig := range []string{"HUP", "INT", "TSTP", "TTIN", "TTOU"} {
		h := newHost(t)
		cmd := h.command()
		cmd.Path = "/bin/sh"
		cmd.Args = []string{"sh", "-c", `trap '' ` + sig + `; exec "$0" lock k -- sh -c 'kill -` + sig + ` $$; kill -` + sig + ` $PPID; echo alive; grep SigIgn /proc/self/status'`, program}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "alive\n") || strings.Contains(string(out), "0000000000000000") {
			t.Errorf("%s: got %q, %v", sig, out, err)
		}
	}
}

// Without a shell nobody could continue a command that stops. If the child is stopped,
// it stays so until it is continued, and its lease is renewed.
func TestChildIsPaused(t *testing.T) {
	h := newHost(t)
	cmd := h.command("lock", "k", "-x", "2s", "--", "sh", "-c", `echo $$ >pid; until test -e go; do sleep 0.01; done; exit 7`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs", func() bool { return strings.HasSuffix(h.read("pid"), "\n") })
	pid, err := strconv.Atoi(strings.TrimSpace(h.read("pid")))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s := h.store()
	eventually(t, "the lease has outlived its expiry", func() bool {
		hs := look(h, s, "k").Holders
		if len(hs) != 1 {
			t.Fatal("it was lost")
		}
		return hs[0].Age > 3*time.Second
	})
	stat, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	if err != nil || !strings.HasPrefix(string(stat), "T") {
		t.Errorf("it goes on: %q, %v", stat, err)
	}
	h.write("go", "")
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if code := h.code(cmd.Wait()); code != 7 {
		t.Errorf("it ended with %d", code)
	}
}
