package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

func (a *app) onceCommand() *cobra.Command {
	f := &leaseFlags{}
	var fail bool
	cmd := &cobra.Command{
		Use:         "once KEY [flags] -- CMD [ARG...]",
		GroupID:     groupRun,
		Annotations: map[string]string{runsChild: "true"},
		Short:       "Run a command unless it runs already",
		Long: `Runs the command unless one runs already under KEY, on this machine or another that
uses the same store. If so it is skipped, quietly and with 0; with
--error-if-running, the exit code is 75. When a run has ended the next one runs: for
jobs that start on several machines at about the same time, --min-hold keeps those
out that start late.`,
		Example: `  cachify once daily-report --min-hold 1m -- ./report.py`,
		Args:    keyAndCommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, args, leased{
				flags: f,
				on:    func(s *session, _ time.Duration) acquirer { return s.Once(args[0], f.onceOptions()...) },
				refused: func(ctx context.Context, s *session, err error) error {
					if errors.Is(err, cachify.ErrLocked) && !fail && !f.conflictCode.given {
						return exit.Silent(exit.OK)
					}
					return f.locked(ctx, s.Once(args[0]), args[0], err)
				},
			})
		},
	}
	cmd.Flags().BoolVar(&fail, "error-if-running", false, "fail with 75 if it runs already")
	f.add(cmd, cachify.DefaultLockExpiration)
	f.addMinHold(cmd)
	return cmd
}
