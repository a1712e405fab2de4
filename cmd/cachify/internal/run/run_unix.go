//go:build unix

package run

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Endings are the signals that end the command while it runs no child.
var Endings = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM}

// toGroup are the signals that the child's whole process group gets, because it would
// have got them from the terminal, or because they are to end all of it; toChild are
// those that only the child itself gets.
var (
	toGroup = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGWINCH}
	toChild = []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM}
	jobs    = []os.Signal{syscall.SIGTSTP, syscall.SIGCONT}
)

// runner is one run of a child.
type runner struct {
	tty     *terminal // nil: there is none
	asked   bool      // the child is to be in the foreground whenever we are
	was     bool      // we were in the foreground, or the child is
	child   *process
	watch   *watch
	signals chan os.Signal
}

// Run runs a child and returns how it ended. It is ended earlier if guard, which may
// be nil, says so. The child has a process group of its own, and gets the signals
// that the command gets. If the command is in the foreground of a terminal on which
// it reads and writes, the child is put there instead; else when it first asks for
// the terminal.
//
// The child is not started if ctx has ended; from then on ctx means nothing, because
// the signals that end it are the child's. The error says that it could not be
// started.
func Run(ctx context.Context, cmd Command, guard *Guard) (Result, error) {
	runtime.LockOSThread() // to stop ourselves, it has to be known which thread is stopped
	defer runtime.UnlockOSThread()
	r := &runner{signals: make(chan os.Signal, 16)}
	r.tty = controlling()
	defer r.tty.close()
	r.listen(toGroup, toChild, jobs)
	defer signal.Stop(r.signals)
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	r.was = r.tty.ours()
	r.asked = r.was && isTerminal(cmd.Stdin) && isTerminal(cmd.Stdout)
	var err error
	if r.child, err = start(cmd, r.asked, r.tty); err != nil {
		return Result{}, err
	}
	r.watch = newWatch(guard)
	defer r.watch.stop()
	return r.loop(), nil
}

// listen asks for signals, but for those that are ignored: the child is to ignore
// them too, as under nohup.
func (r *runner) listen(lists ...[]os.Signal) {
	for _, list := range lists {
		for _, sig := range list {
			if !signal.Ignored(sig) && (sig != unix.SIGTSTP || !ignoresStop()) {
				signal.Notify(r.signals, sig)
			}
		}
	}
}

func (r *runner) loop() Result {
	for {
		select {
		case status := <-r.child.changes:
			if status.Stopped() {
				r.stopped(status.StopSignal())
				continue
			}
			return r.result(status)
		case sig := <-r.signals:
			r.pass(sig)
		case <-r.watch.due():
			r.check()
		case <-r.watch.ended:
			r.watch.over()
			r.check()
		}
	}
}

// check ends the child if its lease demands it.
func (r *runner) check() {
	switch r.watch.check() {
	case terminate:
		r.child.doom()
		r.child.signalGroup(unix.SIGTERM)
		r.child.signalGroup(unix.SIGCONT) // it may be stopped
	case kill:
		r.child.doom()
		r.child.signalGroup(unix.SIGKILL)
	case nothing:
	}
}

// pass hands on a signal that we got.
func (r *runner) pass(s os.Signal) {
	sig, ok := s.(syscall.Signal)
	switch {
	case !ok:
	case sig == unix.SIGCONT:
		r.goOn()
	case sig == unix.SIGUSR1, sig == unix.SIGUSR2, sig == unix.SIGALRM:
		r.child.signal(sig)
	default:
		r.child.signalGroup(sig)
	}
}

// stopped is called when the child has stopped. If it asks for a terminal that we
// have, it gets it. Otherwise we stop as well, so that a shell sees its job stop.
func (r *runner) stopped(sig syscall.Signal) {
	switch {
	case r.watch.lost != nil:
		r.child.signalGroup(unix.SIGCONT)
		return
	case (sig == unix.SIGTTIN || sig == unix.SIGTTOU) && !r.asked:
		r.asked = true
		if r.tty.ours() {
			r.goOn()
			return
		}
	}
	if sig == unix.SIGSTOP && orphaned() {
		return // no shell wants it: who has stopped the child is to continue it
	}
	alone := r.tty.takeBack(r.child.pid)
	// All of its group, also those that do not mind the terminal's stop key: while we
	// are stopped, nobody ends them when the lease does.
	r.child.signalGroup(unix.SIGSTOP)
	stopSelf(alone)
	r.goOn()
}

// goOn lets the child go on, unless its lease is lost by now.
func (r *runner) goOn() {
	r.check()
	if r.watch.lost != nil {
		return
	}
	if r.tty.ours() {
		r.was = true
		if r.asked {
			r.tty.give(r.child.pid)
		}
	}
	r.child.signalGroup(unix.SIGCONT)
}

// result makes the result of a child that is gone.
func (r *runner) result(status syscall.WaitStatus) Result {
	alone := r.tty.takeBack(r.child.pid)
	res := Result{Code: status.ExitStatus(), Lost: r.watch.lost}
	if status.Signaled() {
		res.Signal = status.Signal()
		res.Code = 128 + int(res.Signal)
		res.Typed = res.Signal == unix.SIGINT && r.was
		res.Alone = alone
	}
	return res
}

// started is what start has to tell, once.
type started struct {
	pid int
	err error
}

// start starts the child, and a goroutine that waits for it. With foreground, the
// child is in the foreground of tty from its beginning.
func start(cmd Command, foreground bool, tty *terminal) (*process, error) {
	attr := &syscall.ProcAttr{
		Env:   cmd.Env,
		Files: []uintptr{cmd.Stdin.Fd(), cmd.Stdout.Fd(), cmd.Stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	}
	if foreground {
		attr.Sys.Foreground, attr.Sys.Ctty = true, tty.fd
	}
	dieWithParent(attr.Sys)
	p := &process{changes: make(chan syscall.WaitStatus)}
	born := make(chan started)
	go func() {
		// The child's parent is this thread: when it ends, the child is killed.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		pid, err := syscall.ForkExec(cmd.Path, cmd.Args, attr)
		if errors.Is(err, syscall.ENOEXEC) { // a script without "#!": as shells and execvp do
			args := append([]string{"sh", cmd.Path}, cmd.Args[1:]...)
			pid, err = syscall.ForkExec("/bin/sh", args, attr)
		}
		p.pid = pid
		born <- started{pid, err}
		if err == nil {
			p.wait()
		}
	}()
	if b := <-born; b.err != nil {
		tty.takeBack(0)
		return nil, unusable(cmd.Args[0], b.err)
	}
	return p, nil
}
