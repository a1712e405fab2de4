package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cobra's templates would make the linker keep all methods of all types, for a template
// could call them: the binary would be twice as large.
func TestNoTemplates(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil || len(sources) < 10 {
		t.Fatal(sources, err)
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{".SetVersionTemplate" + "(", ".SetUsageTemplate" + "(", ".SetHelpTemplate" + "(", `"text/template` + `"`} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s has %s", source, word)
			}
		}
	}
}
