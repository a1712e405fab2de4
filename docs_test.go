package cachify_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// trimmed returns text without the white space around its lines, so that code can
// be found whatever its indentation.
func trimmed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// files returns the files under the module's root whose names end with suffix.
func files(t *testing.T, suffix string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, suffix):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// Every Go snippet in the documentation is part of a test or an example, where it is
// compiled and run.
func TestSnippets(t *testing.T) {
	var code strings.Builder
	for _, path := range files(t, ".go") {
		if strings.HasSuffix(path, "_test.go") || inExamples(path) {
			code.WriteString(trimmed(read(t, path)))
		}
	}
	snippets := 0
	for _, path := range files(t, ".md") {
		for _, block := range goBlock.FindAllStringSubmatch(read(t, path), -1) {
			snippets++
			if !strings.Contains(code.String(), "\n"+trimmed(block[1])) {
				t.Errorf("%s: no test or example contains this snippet:\n%s", path, block[1])
			}
		}
	}
	if snippets < 10 {
		t.Errorf("found %d snippets: does the search still work?", snippets)
	}
}

// inExamples reports whether path is in a folder of example programs, of any module.
func inExamples(path string) bool {
	return slices.Contains(strings.Split(filepath.ToSlash(filepath.Dir(path)), "/"), "examples")
}

var link = regexp.MustCompile(`\]\(([^)]+)\)`)

// Every link to a file or a heading leads somewhere.
func TestLinks(t *testing.T) {
	for _, path := range files(t, ".md") {
		text := read(t, path)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			in := text
			if target != "" {
				file := filepath.Join(filepath.Dir(path), filepath.FromSlash(target))
				info, err := os.Stat(file)
				if err != nil {
					t.Errorf("%s links to %s, which is not there", path, m[1])
					continue
				}
				if heading != "" && !info.IsDir() {
					in = read(t, file)
				}
			}
			if heading != "" && !headings(in)[heading] {
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// headings returns the anchors of the headings in text.
func headings(text string) map[string]bool {
	anchors := map[string]bool{}
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			title = notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			anchors[strings.ReplaceAll(title, " ", "-")] = true
		}
	}
	return anchors
}

// Every exported function, method and variable of the root package is used in an
// example. Types that only name what an option returns need none.
func TestEveryConceptHasAnExample(t *testing.T) {
	used := map[string]bool{}
	exported := map[string]string{}
	for _, path := range files(t, ".go") {
		if filepath.Dir(path) != "." {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(path, "example_"):
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					used[n.Sel.Name] = true
				case *ast.FuncDecl: // a method of an interface
					used[n.Name.Name] = true
				}
				return true
			})
		case !strings.HasSuffix(path, "_test.go"):
			for _, d := range file.Decls {
				addExported(exported, d)
			}
		}
	}
	for name, what := range exported {
		if !used[name] {
			t.Errorf("%s is in no example", what)
		}
	}
	if len(exported) < 50 {
		t.Errorf("found %d exported names: does the search still work?", len(exported))
	}
}

func addExported(names map[string]string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() {
			return
		}
		switch d.Name.Name {
		case "Error", "Is", "Unwrap", "Unbox", "Pinned": // called by errors and stores, not by users
			return
		}
		names[d.Name.Name] = "func " + d.Name.Name
	case *ast.GenDecl:
		if d.Tok != token.VAR {
			return
		}
		for _, s := range d.Specs {
			for _, n := range s.(*ast.ValueSpec).Names {
				if n.IsExported() {
					names[n.Name] = "var " + n.Name
				}
			}
		}
	}
}
