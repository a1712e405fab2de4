package itest

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent has the system kill the process when this one has died.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// ownSystem puts the process that directs a run into a process group of its own, so
// that it can be ended as a whole and hears of no Ctrl-C by itself, and, if it may be, in
// a name space of its own for mounts, which end with it.
func ownSystem(cmd *exec.Cmd, mounts bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if !mounts {
		return
	}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
}

// privateMounts keeps to this process and its children what they mount.
func privateMounts() error { return unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }
