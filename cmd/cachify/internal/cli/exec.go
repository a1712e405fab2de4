// Package cli is the command line: commands, flags and what they say.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
	"github.com/go-cachify/cachify/cmd/cachify/internal/store"
)

// app is one call of the command.
type app struct {
	args         []string
	in, out, err *os.File
	root         *cobra.Command
}

// Exec runs the command with args, without its own name. The error says with which
// code it has to end, and what there is still to say (see [exit.With]).
func Exec(ctx context.Context, args []string, stdin, stdout, stderr *os.File) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	a := &app{args: args, in: stdin, out: stdout, err: stderr}
	a.root = a.newRoot()
	a.root.SetArgs(joinWait(a.root, args))
	cmd, err := a.root.ExecuteContextC(ctx)
	if err == nil {
		return nil
	}
	if e := (*exit.Error)(nil); errors.As(err, &e) {
		return err
	}
	// What cobra itself refuses: an unknown command or flag, too many arguments.
	where := strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), a.root.Name()))
	if where != "" {
		where += ": "
	}
	return exit.Usagef("%s%w (see %s --help)", where, err, cmd.CommandPath())
}

// The groups of commands in the help.
const (
	groupRun  = "run"
	groupLook = "look"
	groupHelp = "help"
)

func (a *app) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cachify",
		Short: "Locks, once-guards, pools and cached results for shells, cron and CI",
		Long: `cachify runs a command under a lock, once, in a pool, or cached.

All who use the same store and prefix agree: shells and cron jobs of this machine
on a file, with no server; several machines on Redis; and programs with the
library. What stands behind "--" is the command, and gets all of its own flags.

Exit codes: that of the command, 128 and the number if a signal ended it, or
  1    doctor: a danger; show: nobody holds it; something could not be written
  64   the command line or the configuration is wrong
  69   the store cannot be reached or used
  75   held by another, or the pool is full
  76   the lease was lost while the command ran, which was ended if it still ran
  124  waited, and not acquired
  126  the command cannot be executed; 127: there is no such command`,
		Example: `  cachify lock nightly-backup -- ./backup.sh
  cachify lock deploy --wait 5m -- make deploy
  cachify once report -- ./report.py
  cachify pool gpu --max 2 --wait -- python train.py
  cachify cached weather --ttl 10m -- curl -s wttr.in`,
		Args:          unknownCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if show, _ := cmd.Flags().GetBool("version"); show {
				return a.showVersion()
			}
			cmd.SetOut(a.err)
			_ = cmd.Help()
			return exit.Silent(exit.Usage)
		},
	}
	// cobra's own flag of that name would need a template to say what the command says,
	// and templates keep the linker from leaving out what nobody calls: half of the binary.
	root.Flags().BoolP("version", "v", false, "show the version")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.CompletionOptions.DisableDefaultCmd = true // there is one of our own
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd.Annotations[runsChild] != "" && !slices.Contains(a.args, "--") {
			return fmt.Errorf("%w; the command that is to run stands behind \"--\": %s", err, form(cmd))
		}
		return err
	})
	f := root.PersistentFlags()
	f.Var(&text{name: "URL"}, "store", "URL of the store: sqlite:PATH, redis://HOST:PORT/DB, rediss://, unix://\n"+
		"(default: "+store.EnvStore+", the config file, or a file in your state directory)")
	f.String("prefix", "", "what stands before each key in the store; the same for all who are to meet\n"+
		"(default: "+store.EnvPrefix+", the config file, or \"PYC-\" as in the library)")
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run a command:"},
		&cobra.Group{ID: groupLook, Title: "Look and mend:"},
		&cobra.Group{ID: groupHelp, Title: "Help:"},
	)
	root.SetHelpCommandGroupID(groupHelp)
	root.SuggestionsMinimumDistance = 2
	cobra.EnableCommandSorting = false // they are in an order that means something
	root.AddCommand(a.commands()...)
	a.completeKeys(root)
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil && help != root {
		help.Args = func(cmd *cobra.Command, args []string) error {
			if topic, rest, err := cmd.Root().Find(args); err != nil || topic == cmd.Root() && len(rest) > 0 {
				return unknownCommand(cmd.Root(), args)
			}
			return nil
		}
	}
	return root
}

// commands are all commands, in the order of the help.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.lockCommand(), a.onceCommand(), a.poolCommand(), a.cachedCommand(),
		a.lsCommand(), a.showCommand(), a.releaseCommand(), a.resetCommand(), a.watchCommand(), a.doctorCommand(),

		a.demoCommand(), a.completionCommand(), a.versionCommand(),
		a.demoWorkerCommand(), a.manCommand(),
	}
}

// one checks that there is one argument, the key.
func one(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 || args[0] == "":
			return fmt.Errorf("there is no %s", what)
		case len(args) > 1:
			return fmt.Errorf("one %s, not %d: %q is too much", what, len(args), args[1])
		}
		return nil
	}
}

// none checks that there is no argument.
func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("it takes no arguments: %q is too much", args[0])
	}
	return nil
}

// atMostOne checks that there is one argument or none.
func atMostOne(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("at most one %s, not %d: %q is too much", what, len(args), args[1])
		}
		return nil
	}
}

// unknownCommand refuses the arguments of the command without a subcommand.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	like := ""
	if names := root.SuggestionsFor(args[0]); len(names) > 0 {
		like = "; there is " + strings.Join(names, ", ")
	}
	return fmt.Errorf("unknown command %q%s", args[0], like)
}
