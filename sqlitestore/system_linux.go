package sqlitestore

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// newSystem returns what reads the clocks.
func newSystem() func() systemTime {
	name := era()
	return func() systemTime { return readSystem(name) }
}

// era names the time since the system was started, as this process counts it: the
// boot, and the time namespace. It is empty if the system does not tell.
func era() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, _ := os.Readlink("/proc/self/ns/time") // before Linux 5.6 there are none
	return strings.TrimSpace(string(boot)) + "/" + namespace
}

// readSystem reads the clocks. That of the running time is the one that Go's timers
// and time.Since go by, and with them the deadlines of holders.
func readSystem(era string) systemTime {
	t := systemTime{wall: wall()}
	var running, up unix.Timespec
	if era == "" || unix.ClockGettime(unix.CLOCK_MONOTONIC, &running) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return t
	}
	t.era, t.running, t.up = era, running.Nano()/1000, up.Nano()/1000
	return t
}

// networks are the file systems whose files other machines may have open, by what
// statfs says of them.
var networks = map[int64]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB2",
	0x01021997: "9P",
	0x65735546: "FUSE", // sshfs and the like; it does not say which
	0x00c36400: "Ceph",
	0x5346414f: "AFS",
	0x6b414653: "AFS",
	0x73757245: "Coda",
	0x0bd00bd0: "Lustre",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
	0x786f4256: "a folder shared with a virtual machine",
	0x47504653: "GPFS",
	0x0000564c: "NCP",
}

// networkOf names the network file system that dir is on; empty: none that is known.
func networkOf(dir string) string {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return ""
	}
	return networks[int64(uint32(fs.Type))]
}
