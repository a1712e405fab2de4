package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
	"github.com/go-cachify/cachify/cmd/cachify/internal/run"
)

// cachedFlags are those of "cached".
type cachedFlags struct {
	ttl      patience // patience can say forever
	stale    duration
	failures bool
}

func (a *app) cachedCommand() *cobra.Command {
	f := &cachedFlags{}
	cmd := &cobra.Command{
		Use:         "cached KEY --ttl DURATION [flags] -- CMD [ARG...]",
		GroupID:     groupRun,
		Annotations: map[string]string{runsChild: "true"},
		Short:       "Run a command, or replay what it printed last time",
		Long: `Runs the command, and remembers what it wrote to stdout and stderr, and its exit code,
for the time of --ttl. Who comes meanwhile gets that instead, in the same order.
Several that come at once run the command once, and the others wait for it.

A command that fails is not remembered, unless --cache-failures is given. One that a
signal ends, that writes more than 64 MiB, or whose output nobody reads to its end,
never is. The command's stdout and stderr are two pipes: what it writes to both within
a moment can change its order. KEY has to say all that the result depends on: the
command is not part of it.`,
		Example: `  cachify cached weather --ttl 10m --stale 2h -- curl -sf https://wttr.in/?format=3`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := keyAndCommand(cmd, args); err != nil {
				return err
			}
			switch {
			case !cmd.Flags().Changed("ttl"):
				return errors.New("--ttl is missing: for how long to remember, or \"forever\"")
			case f.ttl == 0:
				return errors.New("--ttl of 0: it must be from 1ms to 100 years, or \"forever\"")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.cached(cmd, args, f) },
	}
	fs := cmd.Flags()
	fs.Var(&f.ttl, "ttl", "for how long a result is good; \"forever\"")
	fs.Var(&f.stale, "stale", "for how much longer an old result is shown if the command fails, or while\nanother one runs it")
	fs.BoolVar(&f.failures, "cache-failures", false, "remember results with an exit code other than 0, too")
	return cmd
}

// load is one use of a cached command.
type load struct {
	app   *app
	flags *cachedFlags
	child run.Command
	ctx   context.Context // ends by a signal, but not while the child runs

	signalled <-chan struct{} // ends by a signal in any case

	mu      sync.Mutex
	running bool
	cancel  context.CancelCauseFunc
	result  run.Result
	quiet   bool // do not show what the child writes
	shown   bool // it was shown
}

func (a *app) cached(cmd *cobra.Command, args []string, f *cachedFlags) error {
	child, err := a.child(args)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	l := &load{app: a, flags: f, child: child, signalled: ctx.Done()}
	defer l.interruptible(ctx)()
	// Who stops reading ends the child, as if it wrote there itself, and not us: there
	// is something to give back.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	var warn sync.Once
	s, err := a.open(cmd, &cachify.Events{StoreFailed: func(e cachify.StoreFailedEvent) {
		warn.Do(func() { exit.Say(a.err, "%s: not everything may be remembered: %s", args[0], e.Err) })
	}})
	if err != nil {
		return err
	}
	defer s.close(ctx)
	fn, err := cachify.Cached(s.Cachify, "{}", l.run, cachify.TTL(f.keep()), cachify.LoadLock())
	if err != nil {
		return failure(ctx, err)
	}
	out, err := l.get(s, fn, args[0])
	var failed *unkept
	switch {
	case errors.As(err, &failed):
		return failed.err
	case err != nil:
		return failure(ctx, err)
	case l.shown:
		return ended(l.result)
	}
	return a.replay(out)
}

// keep is for how long a result stays in the store.
func (f *cachedFlags) keep() time.Duration {
	if time.Duration(f.ttl) == cachify.Forever {
		return cachify.NoExpiry
	}
	return time.Duration(f.ttl) + time.Duration(f.stale)
}

// get returns a result that is good, or may be shown although it is not.
func (l *load) get(s *session, fn *cachify.CachedFunc[string, output], key string) (output, error) {
	if l.flags.stale == 0 {
		return fn.Call(l.ctx, key)
	}
	old, isOld, err := l.peek(fn, key)
	if err != nil || !isOld {
		return fn.Call(l.ctx, key)
	}
	// Who holds this lock runs the command; others need not wait for it.
	lease, err := s.Lock(key+"-cached-refresh", cachify.KeepAlive()).Acquire(l.ctx)
	if err != nil {
		if errors.Is(err, cachify.ErrLocked) {
			return old, nil
		}
		return output{}, err
	}
	defer func() { _ = lease.Release(l.ctx) }()
	if _, isOld, err = l.peek(fn, key); err != nil || !isOld { // another one has just run it
		return fn.Call(l.ctx, key)
	}
	l.quiet = true // until it is known which result to show
	out, err := fn.Refresh(l.ctx, key)
	var failed *unkept
	if errors.As(err, &failed) && !l.result.Typed {
		exit.Say(l.app.err, "%s: %s; this is an older result", key, failed.why)
		return old, nil
	}
	return out, err
}

// peek looks for a result that is older than it should be.
func (l *load) peek(fn *cachify.CachedFunc[string, output], key string) (out output, isOld bool, err error) {
	e, ok, err := fn.Peek(l.ctx, key)
	return e.Value, ok && e.Age > time.Duration(l.flags.ttl), err
}

// unkept is the error of a run whose result is not to be remembered.
type unkept struct {
	err error  // the end of the command
	why string // it is not remembered
}

func (e *unkept) Error() string { return "the result is not remembered" }

// run runs the child, shows what it writes, and returns that.
func (l *load) run(ctx context.Context, _ string) (output, error) {
	if !l.begin() {
		return output{}, context.Canceled
	}
	defer l.end()
	stdout, stderr := io.Writer(l.app.out), io.Writer(l.app.err)
	if l.quiet {
		stdout, stderr = io.Discard, io.Discard
	}
	rec, err := newRecorder(stdout, stderr)
	if err != nil {
		return output{}, &unkept{err: exit.Errorf(exit.Software, "%w", err), why: err.Error()}
	}
	l.child.Stdout, l.child.Stderr = rec.stdout.in, rec.stderr.in
	res, err := run.Run(ctx, l.child, nil)
	out, incomplete := rec.finish(l.signalled)
	if err != nil {
		return output{}, &unkept{err: err, why: err.Error()}
	}
	l.shown, l.result = !l.quiet, res
	out.Code = res.Code
	switch {
	case res.Code != 0 && (!l.flags.failures || res.Signal != 0):
		return output{}, &unkept{err: ended(res), why: fmt.Sprintf("the command failed with %d", res.Code)}
	case errors.Is(incomplete, errTooLong), errors.Is(incomplete, errCut):
		if !l.quiet && errors.Is(incomplete, errTooLong) {
			exit.Say(l.app.err, "%s", incomplete)
		}
		return output{}, &unkept{err: ended(res), why: incomplete.Error()}
	case incomplete != nil:
		return output{}, &unkept{err: undelivered(incomplete), why: incomplete.Error()}
	}
	return out, nil
}

// interruptible makes l.ctx, which ends with ctx unless the child runs by then: it
// gets the signal itself, and decides.
func (l *load) interruptible(ctx context.Context) func() {
	l.ctx, l.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.running {
			l.cancel(context.Cause(ctx))
		}
	})
	return func() {
		stop()
		l.cancel(nil)
	}
}

// begin reports whether the child may be started.
func (l *load) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = l.ctx.Err() == nil
	return l.running
}

func (l *load) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = false
}

func (a *app) replay(out output) error {
	if err := out.write(a.out, a.err); err != nil {
		return undelivered(err)
	}
	return exit.Silent(out.Code)
}

// undelivered is the end of a command whose output could not be handed on. In a
// pipeline it is that of any program whose reader is gone, and says nothing.
func undelivered(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return exit.Silent(exit.BySignal(syscall.SIGPIPE))
	}
	return written(err)
}
