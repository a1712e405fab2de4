package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const modulePath = "github.com/go-cachify/cachify"

// rootDir is the top of the repository, seen from this package.
const rootDir = "../.."

// repo is what the rules look at. It is found by walking the directories, not by
// asking git, so that a checkout without history will do.
type repo struct {
	fset  *token.FileSet
	texts map[string][]byte   // every file that is text, by its path with slashes
	dirs  map[string]*goDir   // directories with Go files
	mods  map[string][]string // directories with a go.mod, and its lines
}

type goDir struct {
	path  string // "." for the root
	files map[string]*ast.File
}

var theRepo = sync.OnceValues(readRepo)

func load(t *testing.T) *repo {
	t.Helper()
	r, err := theRepo()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// left are directories that are no part of the repository.
var left = []string{".git", ".cache", "bin", "node_modules", "testdata"}

func readRepo() (*repo, error) {
	r := &repo{
		fset:  token.NewFileSet(),
		texts: make(map[string][]byte),
		dirs:  make(map[string]*goDir),
		mods:  make(map[string][]string),
	}
	err := filepath.WalkDir(rootDir, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(left, d.Name()):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		return r.read(file)
	})
	return r, err
}

func (r *repo) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil // a program or a picture
	}
	rel, err := filepath.Rel(rootDir, file)
	if err != nil {
		return err
	}
	name := filepath.ToSlash(rel)
	r.texts[name] = text
	switch {
	case path.Base(name) == "go.mod":
		r.mods[path.Dir(name)] = strings.Split(string(text), "\n")
	case strings.HasSuffix(name, ".go"):
		return r.parse(name, text)
	}
	return nil
}

func (r *repo) parse(name string, text []byte) error {
	f, err := parser.ParseFile(r.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	if r.dirs[dir] == nil {
		r.dirs[dir] = &goDir{path: dir, files: make(map[string]*ast.File)}
	}
	r.dirs[dir].files[name] = f
	return nil
}

// moduleOf returns the directory of the module that dir belongs to.
func (r *repo) moduleOf(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if r.mods[dir] != nil {
			return dir
		}
	}
	return "."
}

// at is a position as editors understand it.
func (r *repo) at(n ast.Node) string {
	p := r.fset.Position(n.Pos())
	p.Column = 0
	return p.String()
}

// sorted calls f for each entry in the order of the keys.
func sorted[V any](m map[string]V, f func(string, V)) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		f(k, m[k])
	}
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }

// isPublic tells whether others can import the package.
func (d *goDir) isPublic() bool {
	if slices.Contains(strings.Split(d.path, "/"), "internal") {
		return false
	}
	for name, f := range d.files {
		if !isTest(name) {
			return f.Name.Name != "main"
		}
	}
	return false
}
