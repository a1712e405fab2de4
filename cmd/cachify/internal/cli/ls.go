package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

// jsonHelp tells what programs get.
const jsonHelp = `With --json it is an array of objects: name (in the store), key, kind (lock, once, pool),
slots, used, waiting, and holders: id, host, pid, fence, slots, age_ms, left_ms (null: no
end), foreign (held by a program that is not cachify).`

func (a *app) lsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls [PREFIX]",
		GroupID: groupLook,
		Short:   "List what is held, by whom, and who waits",
		Long: `Lists the keys that somebody holds or waits for, those that begin with PREFIX if it is
given. Only keys of this prefix of the store (see --prefix) are seen. The bar is full if
a lease still lasts for 30 s or more; leases are renewed while their command runs.

` + jsonHelp,
		Example: `  cachify ls nightly-`,
		Args:    atMostOne("prefix"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd, nil)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context())
			all, err := s.look(cmd.Context(), strings.Join(args, ""), "")
			if err != nil {
				return err
			}
			which := ""
			if len(args) > 0 {
				which = "anything that begins with " + printable(args[0])
			}
			return a.showEntries(all, which, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return cmd
}

func (a *app) showCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show KEY",
		GroupID: groupLook,
		Short:   "Show who holds a key, and how many wait for it",
		Long: `Shows the lock, the once-guard and the pool KEY, as far as somebody holds them or waits
for them. The exit code is 1 if nobody does.

` + jsonHelp,
		Example: `  cachify show deploy`,
		Args:    one("key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd, nil)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context())
			all, err := s.look(cmd.Context(), "", args[0])
			if err != nil {
				return err
			}
			if err := a.showEntries(all, printable(args[0]), asJSON); err != nil || len(all) > 0 {
				return err
			}
			return exit.Silent(exit.Failure)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return cmd
}

func (a *app) showEntries(all []entry, which string, asJSON bool) error {
	if asJSON {
		return written(a.writeJSON(all))
	}
	for _, line := range table(all, which) {
		if term.IsTerminal(int(a.out.Fd())) {
			line = clip(line, width(a.out))
		}
		if _, err := fmt.Fprintln(a.out, line); err != nil {
			return written(err)
		}
	}
	return nil
}
