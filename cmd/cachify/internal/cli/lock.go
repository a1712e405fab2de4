package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
)

func (a *app) lockCommand() *cobra.Command {
	f := &leaseFlags{}
	cmd := &cobra.Command{
		Use:         "lock KEY [flags] -- CMD [ARG...]",
		GroupID:     groupRun,
		Annotations: map[string]string{runsChild: "true"},
		Short:       "Run a command while nobody else holds the key",
		Long: `Runs the command while it holds the lock on KEY: at most one holder at a time, over
all who use the same store and prefix. If the lock is held, fails at once with 75;
with --wait, waits in line, and fails with 124 when the time is over.

It is the lock that c.Lock(KEY) of the library and lock(key=KEY) of py-cachify take.`,
		Example: `  cachify lock nightly-backup --wait 10m -- ./backup.sh /srv`,
		Args:    keyAndCommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, args, leased{
				flags: f,
				on:    func(s *session, wait time.Duration) acquirer { return s.Lock(args[0], f.lockOptions(wait)...) },
				refused: func(ctx context.Context, s *session, err error) error {
					return f.locked(ctx, s.Lock(args[0]), args[0], err)
				},
			})
		},
	}
	f.addWait(cmd)
	f.add(cmd, cachify.DefaultLockExpiration)
	f.addMinHold(cmd)
	return cmd
}

// exclusive is a lock or a guard.
type exclusive interface {
	Holder(ctx context.Context) (cachify.Holder, bool, error)
}

// locked is the end of a command that did not get a lock.
func (f *leaseFlags) locked(ctx context.Context, on exclusive, key string, err error) error {
	held := (*cachify.LockedError)(nil)
	if !errors.As(err, &held) {
		return f.failure(ctx, key, err)
	}
	by := nameOf(held.Holder) + "; " + leaseEnd(held.RetryAfter)
	if h, ok, err := on.Holder(ctx); err == nil && ok { // which knows more
		by = describe(h)
	}
	return f.conflict(heldOr(err), "%s is held by %s%s", key, by, waited(held.Waited))
}
