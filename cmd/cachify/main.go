// Command cachify brings locks, once-guards, pools and cached results to shells,
// cron and CI: it runs a command under them. "cachify --help" says how.
package main

import (
	"context"
	"os"

	"github.com/go-cachify/cachify/cmd/cachify/internal/cli"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

func main() {
	err := cli.Exec(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	os.Exit(exit.With(os.Stderr, err))
}
