//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sqlitestore

import "errors"

// hall is nothing on this system: all who listen have the watcher look.
type hall struct{}

type socket struct{}

func newHall(string) *hall { return &hall{} }

func (h *hall) open(string) (*socket, error) { return nil, errors.ErrUnsupported }

func (h *hall) send(string, string) {}

func (h *hall) close() {}

func (s *socket) receive() (names map[string]bool, all bool, err error) {
	return nil, false, errors.ErrUnsupported
}

func (s *socket) close() {}
