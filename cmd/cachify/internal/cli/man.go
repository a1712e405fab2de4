package cli

import (
	"embed"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

// manPages are made by TestManPages, because what makes them would slow down the start
// of every command.
//
//go:embed man/*.1
var manPages embed.FS

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man [COMMAND]",
		Hidden:  true, // for who makes packages
		Short:   "Write the man page of cachify, or of one of its commands",
		Example: `  cachify man lock >cachify-lock.1`,
		Args:    atMostOne("command"),
		RunE: func(cmd *cobra.Command, args []string) error {
			page, _, err := cmd.Root().Find(args)
			if err != nil || len(args) > 0 && page == cmd.Root() {
				return exit.Usagef("unknown command %q for man", strings.Join(args, ""))
			}
			text, err := manPages.ReadFile(manFile(page))
			if err != nil {
				return exit.Usagef("there is no man page of %q", page.CommandPath())
			}
			_, err = a.out.Write(text)
			return written(err)
		},
	}
}

// manFile is the file of manPages with the page of cmd.
func manFile(cmd *cobra.Command) string {
	return "man/" + strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
}
