package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
	"github.com/go-cachify/cachify/cmd/cachify/internal/run"
)

// acquirer is a lock or a pool.
type acquirer interface {
	Acquire(ctx context.Context) (*cachify.Lease, error)
}

// leased is a command that runs its child under a lease.
type leased struct {
	flags *leaseFlags

	// on returns what to acquire, with options for a wait of so long.
	on func(s *session, wait time.Duration) acquirer

	// refused says what it means that there is no lease.
	refused func(ctx context.Context, s *session, err error) error
}

// run runs the child of args under a lease.
func (a *app) run(cmd *cobra.Command, args []string, l leased) error {
	child, err := a.child(args)
	if err != nil {
		return err
	}
	if err := l.flags.settle(cmd); err != nil {
		return err
	}
	ctx := cmd.Context()
	line := a.newWaitingLine()
	s, err := a.open(cmd, &cachify.Events{Waiting: line.event()})
	if err != nil {
		return err
	}
	defer s.close(ctx)
	lease, err := l.acquire(ctx, s)
	line.clear()
	if err != nil {
		return l.refused(ctx, s, err)
	}
	child.Env = append(child.Env,
		envFence+strconv.FormatUint(lease.Fence(), 10), envHolder+lease.Holder())
	res, err := run.Run(ctx, child, l.flags.guard(lease))
	released := lease.Release(ctx)
	if err != nil {
		return failure(ctx, err)
	}
	if l.flags.noKeepAlive && errors.Is(res.Lost, run.ErrExpiring) {
		res.Lost = fmt.Errorf("its --expiry of %s is nearly over, and not renewed", l.flags.expiry.String())
	}
	return a.outcome(args[0], res, released)
}

// acquire acquires the lease. One that came when its time was over already, because the
// machine is too busy, is given back, and then it is tried again if there is time to
// wait.
func (l *leased) acquire(ctx context.Context, s *session) (*cachify.Lease, error) {
	begun, wait := time.Now(), time.Duration(l.flags.wait)
	for left := wait; ; left = max(wait-time.Since(begun), time.Millisecond) {
		if wait == cachify.Forever {
			left = wait
		}
		lease, err := l.on(s, left).Acquire(ctx)
		if !errors.Is(err, cachify.ErrExpired) || time.Since(begun) > wait {
			return lease, err
		}
	}
}

// guard says when the child has to end. While the lease is renewed, less than two
// thirds of it left mean that renewing fails; at a fifth it has failed for long enough.
func (f *leaseFlags) guard(lease *cachify.Lease) *run.Guard {
	d := time.Duration(f.expiry)
	g := &run.Guard{
		Lease:     lease,
		Terminate: d / 5,
		Kill:      min(d/20, time.Second),
		Grace:     min(d/10, 2*time.Second),
	}
	if f.noKeepAlive {
		g.Terminate = min(g.Terminate, 2*time.Second)
	}
	return g
}

// outcome makes the end of the command out of that of its child and of its lease.
func (a *app) outcome(key string, res run.Result, released error) error {
	given := (*cachify.ReleaseError)(nil)
	lost := cmp.Or(res.Lost, released)
	switch {
	case res.Lost == nil && errors.As(released, &given):
		exit.Say(a.err, "%s", given) // the child has done its work, under the lease
	case lost != nil && res.Lost == nil:
		return exit.Errorf(exit.Lost, "%s: the lease was lost while the command ran; the command ended by itself, with %d: %w",
			key, res.Code, why(lost))
	case lost != nil:
		return exit.Errorf(exit.Lost, "%s: the command was ended: %w", key, why(lost))
	}
	return ended(res)
}

// why is what happened to a lease, without its key.
func why(lost error) error {
	if e := (*cachify.LeaseError)(nil); errors.As(lost, &e) {
		return e.Err
	}
	return lost
}

// ended is the end of a child.
func ended(res run.Result) error {
	if res.Typed {
		return &exit.Error{Code: res.Code, Raise: res.Signal, Job: res.Alone}
	}
	return exit.Silent(res.Code)
}

// conflict is the end of a command that did not get what it wanted.
func (f *leaseFlags) conflict(code int, format string, args ...any) error {
	if f.conflictCode.given {
		code = f.conflictCode.n
	}
	return &exit.Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// heldOr returns the code for err, which says that something is held.
func heldOr(err error) int {
	if errors.Is(err, cachify.ErrTimeout) {
		return exit.TimedOut
	}
	return exit.Held
}

// failure is the end of a command whose acquisition failed other than by a refusal.
func (f *leaseFlags) failure(ctx context.Context, key string, err error) error {
	if errors.Is(err, cachify.ErrExpired) {
		code := exit.Held
		if f.wait > 0 {
			code = exit.TimedOut
		}
		return f.conflict(code, "%s: the lease was over before the command could be started: a longer --expiry helps", key)
	}
	if errors.Is(err, cachify.ErrTimeout) { // the store did not answer while it waited
		return &exit.Error{Code: exit.Unavailable, Err: fmt.Errorf("%s: %w", key, err)}
	}
	return failure(ctx, err)
}
