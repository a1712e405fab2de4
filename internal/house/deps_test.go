package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// compiled are the modules that users of the root module compile, with the reason.
// None of them may have dependencies of its own.
var compiled = map[string]string{
	"github.com/maypok86/otter/v2": "the cache engine of memstore: a good admission policy is not written in a day",
}

// inTests are modules that only tests of the root module may import, with the reason.
var inTests = map[string]string{
	"go.uber.org/goleak": "finds goroutines that outlive a test",
}

// goPackage is what "go list -json" says.
type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Module     *struct{ Path string }
}

func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Standard,Imports,Module"}, args...)...)
	cmd.Dir = rootDir
	cmd.Env = append(os.Environ(), "GOWORK=off") // what users of the module see
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var list []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestRootCompilesLittle(t *testing.T) {
	packages := goList(t, "-deps", "./...")
	of := make(map[string]string)
	seen := make(map[string]bool)
	for _, p := range packages {
		if p.Module != nil {
			of[p.ImportPath] = p.Module.Path
			seen[p.Module.Path] = true
		}
	}
	for module := range seen {
		if module != modulePath && compiled[module] == "" {
			t.Errorf("the root module compiles packages of %s.\n"+
				"Every user would inherit it. Do without, move what needs it to a module of its own, or, if it has no "+
				"dependencies and is worth it, add it with the reason to the list in this file.", module)
		}
	}
	for module := range compiled {
		if !seen[module] {
			t.Errorf("the list in this file allows %s, which is not compiled any more: take it out", module)
		}
	}
	for _, p := range packages {
		mine := of[p.ImportPath]
		if mine == "" || mine == modulePath {
			continue
		}
		for _, imp := range p.Imports {
			if other := of[imp]; other != "" && other != mine {
				t.Errorf("%s imports %s of %s.\n"+
					"What the root module compiles has no dependencies of its own: stay on the version before, or do without.",
					p.ImportPath, imp, other)
			}
		}
	}
}

func TestRootRequiresLittle(t *testing.T) {
	inBlock := false
	for _, line := range load(t).mods["."] {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		switch {
		case strings.HasPrefix(line, "require ("):
			inBlock = true
		case strings.HasPrefix(line, ")"):
			inBlock = false
		case len(words) >= 2 && (inBlock || strings.HasPrefix(line, "require ")) && !strings.HasSuffix(line, "// indirect"):
			if compiled[words[0]] == "" && inTests[words[0]] == "" {
				t.Errorf("go.mod requires %s: if that is for tests, add it with the reason to inTests in this file", words[0])
			}
		}
	}
}
