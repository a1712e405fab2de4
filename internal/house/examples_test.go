package house

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notShown are exported functions and types that no example shows, with the reason,
// by "dir.Name", for the root "cachify.Name"; "dir.*" is a whole package.
var notShown = map[string]string{
	"cachify.StoreFailedEvent": "it takes a store that fails; the tests of the faults show it",
	"redisstore.*":             "its examples need a server, and so have no output; its tests start one",
	"driver.*":                 "a store is shown whole by examples/custom-store, which has a test",
	"itest.*":                  "its Main ends the program; itest/examples/own-store shows it at work, in its test",
	"storetest.*":              "its example needs a *testing.T and so has no output; examples/custom-store shows it at work",
	"storetest/sabotage.*":     "broken stores are for testing the suite, not for use",
}

// An exported function or type is shown if an example that prints something uses it.
// A type is also shown by what returns it.
func TestConceptsHaveExamples(t *testing.T) {
	r := load(t)
	needed := make(map[string]bool)
	sorted(r.dirs, func(dir string, d *goDir) {
		if !d.isPublic() {
			return
		}
		pkg := dir
		if dir == "." {
			pkg = path.Base(modulePath)
		}
		c := d.concepts()
		shown := d.shownNames()
		for changed := true; changed; { // a type is shown by what returns it
			changed = false
			for name, results := range c.results {
				for _, typ := range results {
					if shown[name] && c.names[typ] != nil && !shown[typ] {
						shown[typ], changed = true, true
					}
				}
			}
		}
		sorted(c.names, func(name string, n ast.Node) {
			if shown[name] {
				return
			}
			for _, key := range []string{pkg + "." + name, pkg + ".*"} {
				if notShown[key] != "" {
					needed[key] = true
					return
				}
			}
			t.Errorf("%s: no example shows %s.\n"+
				"Write an Example function that uses it and has an Output comment, "+
				"or add %q to notShown in this file with the reason.", r.at(n), name, pkg+"."+name)
		})
	})
	for key := range notShown {
		if !needed[key] {
			t.Errorf("notShown in this file excuses %q, which needs no excuse (any more): take it out", key)
		}
	}
}

// concepts are the exported functions and types of a package.
type concepts struct {
	names   map[string]ast.Node
	results map[string][]string // the types that functions and methods return
}

func (d *goDir) concepts() concepts {
	c := concepts{names: make(map[string]ast.Node), results: make(map[string][]string)}
	for name, f := range d.files {
		if isTest(name) {
			continue
		}
		for _, decl := range f.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if !decl.Name.IsExported() {
					continue
				}
				if decl.Recv == nil {
					c.names[decl.Name.Name] = decl
				}
				c.addResults(decl.Name.Name, decl.Type.Results)
			case *ast.GenDecl:
				for _, s := range decl.Specs {
					if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() && !isSealed(ts) {
						c.names[ts.Name.Name] = ts
					}
				}
			}
		}
	}
	return c
}

// isSealed tells whether ts is an interface that nobody outside can implement: it is
// there for the compiler, and what implements it is shown.
func isSealed(ts *ast.TypeSpec) bool {
	i, ok := ts.Type.(*ast.InterfaceType)
	return ok && slices.ContainsFunc(i.Methods.List, func(m *ast.Field) bool {
		return len(m.Names) > 0 && !m.Names[0].IsExported()
	})
}

func (c concepts) addResults(name string, list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, f := range list.List {
		if typ := baseName(f.Type); typ != "" {
			c.results[name] = append(c.results[name], typ)
		}
	}
}

var output = regexp.MustCompile(`(?i)^\s*(?:unordered )?output:`)

// shownNames are all names that the package's examples with an output use.
func (d *goDir) shownNames() map[string]bool {
	names := make(map[string]bool)
	for file, f := range d.files {
		if !isTest(file) {
			continue
		}
		// It shows what its name says, and what it uses. An example shares helpers with
		// its file, so once a file has one, the file is searched as a whole.
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Example") && hasOutput(f, fn) {
				collectNames(f, names)
				names[strings.TrimPrefix(strings.SplitN(fn.Name.Name, "_", 2)[0], "Example")] = true
			}
		}
	}
	return names
}

func hasOutput(f *ast.File, fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool {
		return fn.Body.Pos() < c.Pos() && c.End() <= fn.Body.End() && output.MatchString(c.Text())
	})
}

func collectNames(root ast.Node, names map[string]bool) {
	ast.Inspect(root, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.IsExported() {
			names[id.Name] = true
		}
		return true
	})
}
