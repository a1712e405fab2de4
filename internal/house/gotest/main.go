// Command gotest runs "go test -json" with its own arguments, prints what
// "go test" would have printed, and ends with one line that counts:
//
//	812 passed, 0 failed
//
// Each test, subtest, example and fuzz target with its seeds counts. A test that was
// skipped is named and counts as failed, as does a package that does not compile
// or fails outside of its tests: nothing that was not tested may look tested.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...) //nolint:noctx // ends with the terminal's interrupt, as go test does
	cmd.Stderr = stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := newReport(stdout)
	err = errors.Join(r.read(events), cmd.Wait())
	return r.finish(err)
}
