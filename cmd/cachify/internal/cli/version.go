package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		GroupID: groupHelp,
		Short:   "Show the version",
		Example: `  cachify version`,
		Args:    none,
		RunE:    func(*cobra.Command, []string) error { return a.showVersion() },
	}
}

// showVersion is what the command and the flag of that name do.
func (a *app) showVersion() error {
	_, err := fmt.Fprintf(a.out, "cachify %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return written(err)
}

// version is that of the module, or of the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// written is the end of a command that has shown something.
func written(err error) error {
	if err != nil {
		return exit.Errorf(exit.Failure, "writing: %w", err)
	}
	return nil
}
