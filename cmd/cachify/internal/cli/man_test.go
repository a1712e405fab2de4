package cli

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write the man pages anew")

// TestManPages checks that the man pages say what the commands say. After a change of
// a command: go test ./internal/cli -run TestManPages -update
func TestManPages(t *testing.T) {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	root := a.newRoot()
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		if cmd.Hidden {
			continue
		}
		var page bytes.Buffer
		cmd.DisableAutoGenTag = true // who made it, and on which day
		head := &doc.GenManHeader{Section: "1", Date: &time.Time{}, Source: "cachify", Manual: "cachify"}
		if err := doc.GenMan(cmd, head, &page); err != nil {
			t.Fatal(err)
		}
		text := bytes.Replace(page.Bytes(), []byte(`"Jan 0001"`), []byte(`""`), 1) // no date either
		if *update {
			if err := os.WriteFile(manFile(cmd), text, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := manPages.ReadFile(manFile(cmd))
		if err != nil || !bytes.Equal(have, text) {
			t.Errorf("%s is out of date (%v): go test ./internal/cli -run TestManPages -update", manFile(cmd), err)
		}
	}
}
