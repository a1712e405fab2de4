package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// needNoDoc are methods whose meaning is that of the interface they implement.
var needNoDoc = map[string]bool{"Error": true}

func TestExportedNamesAreDocumented(t *testing.T) {
	r := load(t)
	sorted(r.dirs, func(dir string, d *goDir) {
		if !d.isPublic() {
			return
		}
		hasPackageDoc := false
		sorted(d.files, func(name string, f *ast.File) {
			if isTest(name) {
				return
			}
			hasPackageDoc = hasPackageDoc || f.Doc != nil
			u := undocumented{r: r}
			for _, decl := range f.Decls {
				u.decl(decl)
			}
			for _, what := range u.found {
				t.Errorf("%s has no doc comment.\n"+
					"Say what it means: units, special values, defaults, errors; the comment of a type may name its fields. Or do not export it.", what)
			}
		})
		if !hasPackageDoc {
			t.Errorf("package %s has no comment: say in its doc.go what it is for", dir)
		}
	})
}

// undocumented finds exported names without a comment.
type undocumented struct {
	r     *repo
	found []string
}

func (u *undocumented) add(n ast.Node, what, name string) {
	u.found = append(u.found, fmt.Sprintf("%s: %s %s", u.r.at(n), what, name))
}

func (u *undocumented) decl(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		needs := d.Name.IsExported() && ast.IsExported(receiver(d, "X")) && (d.Recv == nil || !needNoDoc[d.Name.Name])
		if needs && d.Doc == nil {
			u.add(d, "func", receiver(d, "")+" "+d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			u.spec(s, d.Doc)
		}
	}
}

// receiver is the name of the type that a method belongs to, or other.
func receiver(d *ast.FuncDecl, other string) string {
	if d.Recv == nil {
		return other
	}
	return baseName(d.Recv.List[0].Type)
}

// baseName is the name in T, *T, T[A] and pkg.T.
func baseName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return baseName(e.X)
	case *ast.IndexExpr:
		return baseName(e.X)
	case *ast.IndexListExpr:
		return baseName(e.X)
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func (u *undocumented) spec(s ast.Spec, group *ast.CommentGroup) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			if n.IsExported() && group == nil && s.Doc == nil && s.Comment == nil {
				u.add(n, "value", n.Name)
			}
		}
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		if group == nil && s.Doc == nil {
			u.add(s, "type", s.Name.Name)
		}
		doc := words(group.Text() + s.Doc.Text())
		switch typ := s.Type.(type) {
		case *ast.StructType:
			u.fields(s.Name.Name, doc, typ.Fields)
		case *ast.InterfaceType:
			u.fields(s.Name.Name, doc, typ.Methods)
		}
	}
}

// fields looks at fields and methods. A comment also counts for those that follow
// on the next lines, up to an empty one. So does the type's, doc, for those it names.
func (u *undocumented) fields(of string, doc []string, list *ast.FieldList) {
	lastLine, covered := -1, false
	for _, f := range list.List {
		line := u.r.fset.Position(f.Pos()).Line
		switch {
		case f.Doc != nil:
			covered = true
		case line != lastLine+1:
			covered = false
		}
		lastLine = u.r.fset.Position(f.End()).Line
		if covered || f.Comment != nil {
			continue
		}
		for _, n := range f.Names { // an embedded type has its own comment
			if n.IsExported() && !slices.Contains(doc, n.Name) {
				u.add(n, "field or method", of+"."+n.Name)
			}
		}
	}
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}

// TestDocumentationCatches shows what the rule refuses.
func TestDocumentationCatches(t *testing.T) {
	r := &repo{fset: token.NewFileSet(), texts: map[string][]byte{}, dirs: map[string]*goDir{}}
	err := r.parse("a.go", []byte(`package a

func Bad1() {}

// Good.
func Good() {}

type Bad2 struct {
	Bad3 int

	// Good, together with the next.
	Good1 int
	Good2 int

	Bad4 int
	Good3 int // good
	hidden int
}

// Good is one. Named does it.
type Good4 interface {
	Bad5()
	Named()
}

func (Bad2) Error() string { return "" }
func (hidden) Exported() {}

// A group.
const (
	Good5 = 1
	Good6 = 2
)

var Bad6 = 1
`))
	if err != nil {
		t.Fatal(err)
	}
	u := undocumented{r: r}
	for _, d := range r.dirs["."].files["a.go"].Decls {
		u.decl(d)
	}
	want := 6
	if len(u.found) != want {
		t.Errorf("%d names were found to have no comment, want %d:\n%q", len(u.found), want, u.found)
	}
}
