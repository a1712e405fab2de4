package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// shells are those that are known, and how to write what completes in them.
var shells = []string{"bash", "zsh", "fish"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "completion bash|zsh|fish",
		GroupID: groupHelp,
		Short:   "Write what completes commands, flags and keys in a shell",
		Long: `Writes a script for a shell, which completes commands, flags, and the keys that are
held just now. In bash it needs the package bash-completion.

  bash:  source <(cachify completion bash)        in ~/.bashrc
  zsh:   source <(cachify completion zsh)         in ~/.zshrc, behind compinit
  fish:  cachify completion fish | source         in ~/.config/fish/config.fish`,
		Example:   `  cachify completion bash`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return fmt.Errorf("it must be one shell: %s", strings.Join(shells, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return written(cmd.Root().GenBashCompletionV2(a.out, true))
			case "zsh":
				return written(cmd.Root().GenZshCompletion(a.out))
			}
			return written(cmd.Root().GenFishCompletion(a.out, true))
		},
	}
}

// completeKeys has the keys that are held completed for the commands that look at one.
func (a *app) completeKeys(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "show", "release", "ls", "watch":
			cmd.ValidArgsFunction = a.heldKeys
		case "man":
			cmd.ValidArgsFunction = commandNames
		}
	}
}

// commandNames completes the name of a command.
func commandNames(cmd *cobra.Command, args []string, begun string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, c := range cmd.Root().Commands() {
		if len(args) == 0 && !c.Hidden && strings.HasPrefix(c.Name(), begun) {
			names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completionTime is how long a shell may wait for the store.
const completionTime = time.Second

// heldKeys completes a key. What goes wrong completes nothing: there is no place to
// say it.
func (a *app) heldKeys(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	cmd.SetContext(ctx)
	if settings, err := a.settings(cmd); err != nil || settings.IsAbsent() { // a key press makes no files
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := a.open(cmd, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.close(ctx)
	all, err := s.look(ctx, begun, "")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var keys []cobra.Completion
	for _, e := range all {
		if e.Key != printable(e.Key) {
			continue
		}
		if !slices.Contains(keys, e.Key) {
			keys = append(keys, e.Key)
		}
	}
	return keys, cobra.ShellCompDirectiveNoFileComp
}
