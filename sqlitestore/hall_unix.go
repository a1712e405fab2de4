//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlitestore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// hallSuffix is what the directory of the sockets adds to the file's name.
	hallSuffix = "-push"

	// maxSocketPath is the longest path of a socket on all these systems.
	maxSocketPath = 103

	// maxMessage is the longest name that is sent as it is.
	maxMessage = 1024

	// fullQueue is how many messages a socket may hold; when there were so many, some
	// may have been lost.
	fullQueue = 10

	// maxReceived is how many messages are looked at together.
	maxReceived = 1000

	// sweepSockets is how many sockets each new one looks at, to remove those of
	// processes that were killed.
	sweepSockets = 64
)

// hall is the directory beside the file with a datagram socket for each client that
// listens. Nobody has to look up who is there: the name of a socket follows from that
// of the client.
type hall struct {
	dir   string
	mode  fs.FileMode // of the directory
	owner int         // of the file; below 0: unknown

	mu     sync.Mutex
	sender int // a socket to send from; -1: none yet
	closed bool
}

func newHall(path string) *hall {
	h := &hall{dir: path + hallSuffix, mode: 0o700, owner: -1, sender: -1}
	if info, err := os.Stat(path); err == nil {
		// Who may write the file may send and listen, but not remove another's socket.
		if others := (info.Mode() & 0o022 >> 1) * 7; others != 0 {
			h.mode |= others | fs.ModeSticky
		}
		h.owner = ownerOf(info)
	}
	return h
}

func ownerOf(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

func socketName(client string) string {
	sum := sha256.Sum256([]byte(client))
	return hex.EncodeToString(sum[:10])
}

// at calls use with the address of the socket called name. The path of a directory
// may be longer than addresses can be; on Linux there is a way around it.
func (h *hall) at(name string, use func(unix.Sockaddr) error) error {
	path := filepath.Join(h.dir, name)
	if len(path) > maxSocketPath {
		if runtime.GOOS != "linux" {
			return unix.ENAMETOOLONG
		}
		dir, err := os.Open(h.dir)
		if err != nil {
			return err
		}
		defer func() { _ = dir.Close() }()
		path = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name)
	}
	return use(&unix.SockaddrUnix{Name: path})
}

func newSocket() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// open makes the socket of client.
func (h *hall) open(client string) (*socket, error) {
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	name := socketName(client)
	for range 3 { // the last one to leave removes the directory
		if err = h.makeDir(); err != nil {
			break
		}
		if err = h.at(name, func(a unix.Sockaddr) error { return unix.Bind(fd, a) }); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	s := &socket{hall: h, path: filepath.Join(h.dir, name), file: os.NewFile(uintptr(fd), name)}
	if h.mode != 0o700 {
		_ = os.Chmod(s.path, 0o666) // the directory says who may
	}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		s.close()
		return nil, err
	}
	h.sweep(name)
	return s, nil
}

func (h *hall) makeDir() error {
	err := os.Mkdir(h.dir, h.mode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return h.checkDir()
	case err != nil:
		return err
	}
	return os.Chmod(h.dir, h.mode)
}

// checkDir refuses what somebody else has put there: it might lead elsewhere.
func (h *hall) checkDir() error {
	info, err := os.Lstat(h.dir)
	if err != nil {
		return err
	}
	if owner := ownerOf(info); !info.IsDir() || owner != os.Geteuid() && owner != h.owner {
		return fmt.Errorf("%s is no directory of the file's owner, nor of this process': pushes do without it", h.dir)
	}
	return nil
}

// sweep removes sockets that nobody has open, but not own.
func (h *hall) sweep(own string) {
	dir, err := os.Open(h.dir)
	if err != nil {
		return
	}
	entries, _ := dir.ReadDir(sweepSockets)
	_ = dir.Close()
	fd, err := newSocket()
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	for _, e := range entries {
		name := e.Name()
		if e.Type() != fs.ModeSocket || name == own {
			continue // a connection is refused by what is no socket, too
		}
		if errors.Is(h.at(name, func(a unix.Sockaddr) error { return unix.Connect(fd, a) }), unix.ECONNREFUSED) {
			h.remove(name)
		}
	}
}

// remove removes the socket of a process that is gone. Names are not used twice.
func (h *hall) remove(name string) { _ = os.Remove(filepath.Join(h.dir, name)) }

// send tells client that there is something to see at name. It does not wait, and
// does not matter if it fails.
func (h *hall) send(client, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	if h.sender < 0 {
		fd, err := newSocket()
		if err != nil {
			return
		}
		h.sender = fd
	}
	if len(name) > maxMessage {
		name = "" // which says to look at all of them
	}
	to := socketName(client)
	err := h.at(to, func(a unix.Sockaddr) error { return unix.Sendto(h.sender, []byte(name), 0, a) })
	if errors.Is(err, unix.ECONNREFUSED) {
		h.remove(to)
	}
}

func (h *hall) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.sender >= 0 {
		_ = unix.Close(h.sender)
	}
}

// socket is where one client hears.
type socket struct {
	hall *hall
	path string
	file *os.File
	conn syscall.RawConn
	buf  [maxMessage]byte
}

// receive waits for messages and returns the names in them. all: there may have been
// others, about any name.
func (s *socket) receive() (names map[string]bool, all bool, err error) {
	names = make(map[string]bool)
	err = s.conn.Read(func(fd uintptr) bool {
		count := 0
		for count < maxReceived {
			n, _, err := unix.Recvfrom(int(fd), s.buf[:], 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				break
			}
			count++
			if n == 0 {
				all = true
			} else {
				names[string(s.buf[:n])] = true
			}
		}
		all = all || count >= fullQueue
		return count > 0
	})
	return names, all, err
}

// close removes the socket, and the directory after the last one.
func (s *socket) close() {
	_ = os.Remove(s.path)
	_ = s.file.Close()
	_ = os.Remove(s.hall.dir) // fails if there are others
}
