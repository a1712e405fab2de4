//go:build !unix

package run

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// Endings are the signals that end the command while it runs no child.
var Endings = []os.Signal{os.Interrupt}

// Run runs a child and returns how it ended. It is killed if guard, which may be nil,
// says so. There are no process groups and no signals here: an interrupt reaches the
// child by itself, what the child has started is not ended with it, and what is
// killed together with the command depends on who kills it.
func Run(ctx context.Context, cmd Command, guard *Guard) (Result, error) {
	ignored := make(chan os.Signal, 1) // the child decides what it means
	signal.Notify(ignored, os.Interrupt)
	defer signal.Stop(ignored)
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	child := &exec.Cmd{
		Path: cmd.Path, Args: cmd.Args, Env: cmd.Env,
		Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr,
	}
	if err := child.Start(); err != nil {
		return Result{}, unusable(cmd.Args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	w := newWatch(guard)
	defer w.stop()
	for {
		select {
		case err := <-ended:
			return Result{Code: codeOf(err), Lost: w.lost}, nil
		case <-w.due():
		case <-w.ended:
			w.over()
		}
		if w.check() != nothing {
			_ = child.Process.Kill()
		}
	}
}

// codeOf is the exit code of a child.
func codeOf(err error) int {
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return e.ExitCode()
	}
	return 0
}

// InBackground is false: there are no process groups.
func InBackground(*os.File) bool { return false }
