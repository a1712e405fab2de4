package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

// holding is one of the things that can be held under a key.
type holding struct {
	flag    string // which asks for it
	what    string
	holders func(context.Context) ([]cachify.Holder, error)
	release func(context.Context) error
}

// holdings are all of them.
func holdings(s *session, key string) []holding {
	guard := s.Once(key)
	list := []holding{
		{"lock", "the lock", nil, nil},
		{"once", "the guard", nil, nil},
		{"pool", "the pool", nil, nil},
	}
	lock := s.Lock(key)
	list[0].holders, list[0].release = single(lock.Holder), lock.ForceRelease
	list[1].holders, list[1].release = single(guard.Holder), guard.ForceRelease
	pool := s.Pool(key, 1)
	list[2].holders, list[2].release = pool.Holders, pool.ForceRelease
	return list
}

// single makes a list of the one who may hold a lock.
func single(holder func(context.Context) (cachify.Holder, bool, error)) func(context.Context) ([]cachify.Holder, error) {
	return func(ctx context.Context) ([]cachify.Holder, error) {
		h, ok, err := holder(ctx)
		if err != nil || !ok {
			return nil, err
		}
		return []cachify.Holder{h}, nil
	}
}

func (a *app) releaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "release KEY",
		GroupID: groupLook,
		Short:   "Take a key away from whoever holds it",
		Long: `Takes the lock, the once-guard or all slots of the pool KEY away from whoever holds
it, by force. A command that ran under it is ended as soon as that is noticed, at the
next renewal; until then it runs beside the next holder. If nobody holds KEY, nothing
is done, and that is no error.`,
		Example: `  cachify release deploy`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := one("key")(cmd, args); err != nil {
				return err
			}
			asked := 0
			for _, what := range []string{"lock", "once", "pool"} {
				if given(cmd, what) != nil {
					asked++
				}
			}
			if asked > 1 {
				return errors.New("only one of --lock, --once and --pool")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd, nil)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context())
			return a.release(cmd, s, args[0])
		},
	}
	fs := cmd.Flags()
	fs.Bool("lock", false, "the lock, as of \"cachify lock\"")
	fs.Bool("once", false, "the guard, as of \"cachify once\"")
	fs.Bool("pool", false, "the pool, as of \"cachify pool\"")
	return cmd
}

// release releases what is held under key: what a flag names, or all there is, if that
// is one thing.
func (a *app) release(cmd *cobra.Command, s *session, key string) error {
	ctx := cmd.Context()
	var held []holding
	var names, whose []string
	for _, h := range holdings(s, key) {
		if given(cmd, "lock") != nil || given(cmd, "once") != nil || given(cmd, "pool") != nil {
			if asked, err := cmd.Flags().GetBool(h.flag); err != nil || !asked {
				continue
			}
		}
		hs, err := h.holders(ctx)
		if err != nil {
			return failure(ctx, err)
		}
		if len(hs) == 0 {
			continue
		}
		held, names = append(held, h), append(names, "--"+h.flag)
		for _, one := range hs {
			whose = append(whose, nameOf(one.ID))
		}
	}
	switch len(held) {
	case 0:
		_, err := fmt.Fprintf(a.out, "%s: nobody holds it\n", printable(key))
		return written(err)
	case 1:
	default:
		return exit.Usagef("%s: more than one thing is held under this key: say which, %s", key, strings.Join(names, " or "))
	}
	if err := held[0].release(ctx); err != nil {
		return failure(ctx, err)
	}
	_, err := fmt.Fprintf(a.out, "%s: %s was taken from %s\n", printable(key), held[0].what, strings.Join(whose, ", "))
	return written(err)
}

func (a *app) resetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reset KEY",
		GroupID: groupLook,
		Short:   "Forget a remembered result",
		Long: `Forgets what "cachify cached KEY" remembers. A command that runs now goes on, but its
result will not be remembered. If there is nothing, that is no error.`,
		Example: `  cachify reset weather`,
		Args:    one("key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd, nil)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context())
			return failure(cmd.Context(), s.Forget(cmd.Context(), args[0]))
		},
	}
}
