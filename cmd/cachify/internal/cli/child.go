package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify/cmd/cachify/internal/run"
)

// getenv is os.Getenv.
func (*app) getenv(name string) string { return os.Getenv(name) }

// runsChild annotates the commands that run a child.
const runsChild = "runs-child"

// form is how a command that runs a child is written.
func form(cmd *cobra.Command) string {
	return cmd.Root().Name() + " " + cmd.Use
}

// keyAndCommand is the form of a command's arguments: a key, "--", and a child.
func keyAndCommand(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	form := form(cmd)
	switch {
	case dash < 0 && len(args) > 1:
		return fmt.Errorf("there is no \"--\" before the command; write: %s %s -- %s",
			cmd.CommandPath(), args[0], strings.Join(args[1:], " "))
	case dash < 0:
		return fmt.Errorf("there is no command; write: %s", form)
	case dash == 0 || args[0] == "":
		return fmt.Errorf("there is no key; write: %s", form)
	case dash > 1:
		return fmt.Errorf("one key, not %d: %q is too much; write: %s", dash, args[1], form)
	case len(args) == dash:
		return fmt.Errorf("there is no command behind \"--\"; write: %s", form)
	}
	return nil
}

// What the child is told.
const (
	envKey    = "CACHIFY_KEY="
	envFence  = "CACHIFY_FENCE="
	envHolder = "CACHIFY_HOLDER="
)

// environ is our environment, without what an outer call has told us.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, envKey) || strings.HasPrefix(v, envFence) || strings.HasPrefix(v, envHolder)
	})
}

// child finds the program of args, which keyAndCommand has checked, before anything
// is acquired for it.
func (a *app) child(args []string) (run.Command, error) {
	path, err := run.Find(args[1])
	if err != nil {
		return run.Command{}, err
	}
	return run.Command{
		Path: path, Args: args[1:], Env: append(environ(), envKey+args[0]),
		Stdin: a.in, Stdout: a.out, Stderr: a.err,
	}, nil
}
