package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
)

func (a *app) poolCommand() *cobra.Command {
	f := &leaseFlags{}
	var size count
	slots := count(1)
	cmd := &cobra.Command{
		Use:         "pool KEY --max N [flags] -- CMD [ARG...]",
		GroupID:     groupRun,
		Annotations: map[string]string{runsChild: "true"},
		Short:       "Run a command while at most N run",
		Long: `Runs the command while it holds a slot of the pool KEY, of which there are N. If none
is free, fails at once with 75; with --wait, waits in line, and fails with 124 when
the time is over. All who use a pool have to name the same N.`,
		Example: `  cachify pool encoders --max 3 --wait -- ffmpeg -i in.mov out.mp4`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := keyAndCommand(cmd, args); err != nil {
				return err
			}
			switch {
			case !cmd.Flags().Changed("max"):
				return errors.New("--max is missing: how many slots there are")
			case size < 1 || size > driver.MaxLimit:
				return fmt.Errorf("--max of %d: it must be from 1 to %d", size, driver.MaxLimit)
			case slots < 1 || slots > size:
				return fmt.Errorf("--slots of %d: it must be from 1 to --max, %d", slots, size)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, args, leased{
				flags: f,
				on: func(s *session, wait time.Duration) acquirer {
					return s.Pool(args[0], int(size), f.poolOptions(wait, int(slots))...)
				},
				refused: func(ctx context.Context, s *session, err error) error {
					return f.full(ctx, s.Pool(args[0], int(size)), err)
				},
			})
		},
	}
	cmd.Flags().Var(&size, "max", "how many slots there are, for all who use the pool")
	cmd.Flags().Var(&slots, "slots", "how many of them the command takes, all or none")
	f.addWait(cmd)
	f.add(cmd, cachify.DefaultLockExpiration)
	return cmd
}

// full is the end of a command that did not get its slots.
func (f *leaseFlags) full(ctx context.Context, pool *cachify.Pool, err error) error {
	full := (*cachify.PoolFullError)(nil)
	if !errors.As(err, &full) {
		return f.failure(ctx, pool.Key(), err)
	}
	return f.conflict(heldOr(err), "%w%s", full, holders(ctx, pool))
}

// shown is how many holders of a pool are named.
const shown = 5

// holders names those who have slots, if that can be found out.
func holders(ctx context.Context, pool *cachify.Pool) string {
	hs, err := pool.Holders(ctx)
	if err != nil || len(hs) == 0 {
		return ""
	}
	names := make([]string, 0, shown)
	for _, h := range hs[:min(len(hs), shown)] {
		names = append(names, nameOf(h.ID)+" for "+short(h.Age))
	}
	if more := len(hs) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d others", more))
	}
	return ", by " + strings.Join(names, ", ")
}
