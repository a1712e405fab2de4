package run

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dieWithParent has the child killed when the command is, however that happens.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// reap waits until the child stops or ends.
func (p *process) reap() (syscall.WaitStatus, error) {
	for {
		info := unix.Siginfo{}
		err := again(func() error {
			return unix.Waitid(unix.P_PID, p.pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		})
		if err != nil {
			return 0, err
		}
		status, changed, err := p.take(info.Code != cldStopped)
		if changed || err != nil {
			return status, err
		}
	}
}

// cldStopped is CLD_STOPPED of the system's headers.
const cldStopped = 5

// take takes the news of a child, if they are still so. With mu held, because it frees
// the process id: no signal is to hit another process.
func (p *process) take(ended bool) (status syscall.WaitStatus, changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ended && p.doomed {
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
	var pid int
	err = again(func() error {
		pid, err = syscall.Wait4(p.pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		return err
	})
	p.gone = err != nil || pid != 0 && !status.Stopped()
	return status, pid != 0, err
}

// stopSelf stops the command, or its whole job, as a terminal's stop key does. It
// returns when it was continued; at once, if there is no shell to continue it.
func stopSelf(job bool) {
	// Package signal cannot give this signal its default meaning back once it was
	// asked for, so the system has to.
	ignored, before := sigaction{1}, sigaction{}
	swapAction(&ignored, &before)
	defer swapAction(&before, nil)
	if job {
		_ = unix.Kill(0, unix.SIGTSTP) // the others; it would stop us at once, or later once more
	}
	swapAction(&sigaction{}, nil)
	// To this very thread, so that it does not run on until another one gets it.
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTSTP)
}

// ignoresStop reports whether the command was started with SIGTSTP ignored, which
// package signal does not tell of this one. It must not have been asked for yet.
func ignoresStop() bool {
	now := sigaction{}
	swapAction(nil, &now)
	return now[0] == 1
}

// orphaned reports whether no shell could continue the command if it stopped: none of
// those that started it is in its session and in another process group.
func orphaned() bool {
	sid, err := unix.Getsid(0)
	if err != nil {
		return false
	}
	for pid := os.Getppid(); ; {
		if s, err := unix.Getsid(pid); err != nil || s != sid {
			return true
		}
		if group, err := unix.Getpgid(pid); err != nil || group != unix.Getpgrp() {
			return err != nil
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return true
		}
		// The name of the program, in parentheses, may be anything.
		_, after, _ := bytes.Cut(stat[max(bytes.LastIndexByte(stat, ')'), 0):], []byte(" "))
		if _, err := fmt.Sscanf(string(after), "%1s %d", new(string), &pid); err != nil {
			return true
		}
	}
}

// sigaction has room for the system's struct, which differs from machine to machine.
// All zero it means the default; with a one in its first word, to ignore.
type sigaction [16]uint64

// swapAction sets what SIGTSTP does, and returns in before, unless it is nil, what it
// did. An error is impossible: the arguments are right.
func swapAction(action, before *sigaction) {
	const sizeOfMask = 8
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTSTP),
		uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(before)), sizeOfMask, 0, 0)
}
