// Package run runs a child process for the command: with the caller's files and
// terminal, with the signals that are sent to the command, and not for longer than
// the lease that it runs under.
package run

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

// Command is what to run. All fields have to be set.
type Command struct {
	Path string   // of the program, as Find returns it
	Args []string // the first one is the program's name for itself
	Env  []string

	Stdin, Stdout, Stderr *os.File
}

// Lease is what a child runs under, as *cachify.Lease.
type Lease interface {
	// Context ends when the lease does.
	Context() context.Context

	// Remaining is the time until then.
	Remaining() time.Duration

	// Err says why it has ended, or nil.
	Err() error
}

// Guard says when the process group of a child is ended because of its lease.
type Guard struct {
	Lease Lease

	// Terminate is how long before the end of the lease SIGTERM is sent, Kill how long
	// before it SIGKILL. The end does not come so near as long as renewing works.
	Terminate, Kill time.Duration

	// Grace is the time between SIGTERM and SIGKILL if the lease was taken away.
	Grace time.Duration
}

// Result is how a child ended.
type Result struct {
	// Code is the exit code, as a shell reports it: 128 and the number for a signal.
	Code int

	// Signal is the signal that ended it, or 0.
	Signal syscall.Signal

	// Lost is why it was ended by its [Guard]; nil: it was not.
	Lost error

	// Typed: it was ended by an interrupt from the terminal, in whose foreground the
	// command had been; a shell expects the command to die of it too. Alone: of its
	// job, only the child has got it.
	Typed bool
	Alone bool
}

// ErrExpiring is why a child is ended before its lease is.
var ErrExpiring = errors.New("the lease is about to expire, and could not be renewed")

// Find finds a program as a shell does. The error has the exit code of shells.
func Find(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil || errors.Is(err, exec.ErrDot):
		return path, nil
	case errors.Is(err, exec.ErrNotFound):
		return "", exit.Errorf(exit.NotFound, "%s: command not found", name)
	}
	return "", unusable(name, err)
}

// unusable is the error of a program that cannot be started.
func unusable(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Errorf(exit.NotFound, "%s: no such file, or the interpreter that it names is missing", name)
	}
	why := err
	if e := (*exec.Error)(nil); errors.As(err, &e) {
		why = e.Err
	}
	return exit.Errorf(exit.NotRunnable, "%s cannot be executed: %w", name, why)
}
