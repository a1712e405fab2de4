package house

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// maySleep are the test files in which time.Sleep takes real time, with the reason.
var maySleep = map[string]string{
	"redisstore/fault_test.go": "it works under a lock for a millisecond of the server's time, and stops a server for a while: it waits for nothing by that",
}

// virtual are the words by which the comment of a function says that it runs only
// where time is virtual, in a bubble of testing/synctest.
const virtual = "virtual time"

const sleepAdvice = "Tests do not wait by sleeping: they are slow, and fail on a slow machine.\n" +
	"Sleep in a function literal that is passed to synctest.Test, or to a helper of the same package that passes it on; " +
	"or in a function that only such literals call. A method, which no rule can follow, says in its comment that it runs on virtual time. " +
	"Where time is real, wait for the event itself: a channel, a WaitGroup, a hook."

func TestNoSleepInTests(t *testing.T) {
	r := load(t)
	sorted(r.dirs, func(_ string, d *goDir) {
		bubbles := d.bubbleHelpers()
		inside := d.onlyInBubbles(bubbles)
		sorted(d.files, func(name string, f *ast.File) {
			if !isTest(name) || maySleep[name] != "" {
				return
			}
			for _, n := range sleeps(f, bubbles, inside) {
				t.Errorf("%s: this sleeps for real time.\n%s", r.at(n), sleepAdvice)
			}
		})
	})
	for name := range maySleep {
		if r.texts[name] == nil {
			t.Errorf("the list in this file allows %s to sleep, which is not there any more: take it out", name)
		}
	}
}

// bubbleHelpers are the functions of the directory that call synctest.Test.
func (d *goDir) bubbleHelpers() []string {
	var names []string
	for name, f := range d.files {
		if !isTest(name) {
			continue
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil || isEntry(fn.Name.Name) {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, "synctest", "Test") {
					names = append(names, fn.Name.Name)
				}
				return true
			})
		}
	}
	return names
}

// onlyInBubbles are the helpers of the directory's tests that nobody mentions outside
// of a bubble, other than such helpers themselves.
func (d *goDir) onlyInBubbles(bubbles []string) map[string]bool {
	inside := make(map[string]bool)
	d.testDecls(func(decl ast.Decl) {
		fn, ok := decl.(*ast.FuncDecl)
		inside[declName(decl)] = ok && fn.Recv == nil && !isEntry(fn.Name.Name)
	})
	for changed := true; changed; {
		changed = false
		d.testDecls(func(decl ast.Decl) {
			if inside[declName(decl)] {
				return
			}
			outsideBubbles(decl, bubbles, func(n ast.Node) {
				if id, ok := n.(*ast.Ident); ok && inside[id.Name] {
					inside[id.Name], changed = false, true
				}
			})
		})
	}
	return inside
}

// isEntry tells whether go test calls the function.
func isEntry(name string) bool {
	return slices.ContainsFunc([]string{"Test", "Fuzz", "Benchmark", "Example"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

func (d *goDir) testDecls(f func(ast.Decl)) {
	for name, file := range d.files {
		if !isTest(name) {
			continue
		}
		for _, decl := range file.Decls {
			f(decl)
		}
	}
}

// declName is the name of a function, and empty for anything else.
func declName(decl ast.Decl) string {
	if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
		return fn.Name.Name
	}
	return ""
}

// outsideBubbles calls f for each part of decl, but its name, that is not in a bubble.
func outsideBubbles(decl ast.Decl, bubbles []string, f func(ast.Node)) {
	var top ast.Node = decl
	if fn, ok := decl.(*ast.FuncDecl); ok {
		if fn.Body == nil {
			return
		}
		top = fn.Body
	}
	ast.Inspect(top, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && opensBubble(call, bubbles) {
			return false
		}
		f(n)
		return true
	})
}

// sleeps finds the calls and other uses of time.Sleep outside of bubbles.
func sleeps(f *ast.File, bubbles []string, inside map[string]bool) []ast.Node {
	var found []ast.Node
	for _, decl := range f.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && strings.Contains(strings.Join(strings.Fields(fn.Doc.Text()), " "), virtual) || inside[declName(decl)] {
			continue
		}
		outsideBubbles(decl, bubbles, func(n ast.Node) {
			if e, ok := n.(ast.Expr); ok && isSelector(e, "time", "Sleep") {
				found = append(found, n)
			}
			for _, stmt := range statements(n) {
				if isPlainWait(stmt) {
					found = append(found, stmt)
				}
			}
		})
	}
	return found
}

// statements are those that n is a list of.
func statements(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

// isPlainWait tells whether n is the statement <-time.After(d): time.Sleep by another
// name. As a case of a select it is a time limit, and no wait.
func isPlainWait(s ast.Stmt) bool {
	stmt, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	recv, ok := stmt.X.(*ast.UnaryExpr)
	if !ok || recv.Op != token.ARROW {
		return false
	}
	call, ok := recv.X.(*ast.CallExpr)
	return ok && isSelector(call.Fun, "time", "After")
}

func opensBubble(call *ast.CallExpr, bubbles []string) bool {
	if isSelector(call.Fun, "synctest", "Test") {
		return true
	}
	return slices.Contains(bubbles, baseName(call.Fun))
}

func isSelector(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}

func TestNoSleepCatches(t *testing.T) {
	r := &repo{fset: token.NewFileSet(), texts: map[string][]byte{}, dirs: map[string]*goDir{}}
	err := r.parse("a_test.go", []byte(`package a

func TestA(t *testing.T) {
	time.Sleep(1) // found
	synctest.Test(t, func(t *testing.T) { time.Sleep(1) })
	bubble(t, func() { time.Sleep(1); helper() })
	both()
	other(t, func() { time.Sleep(1) }) // found
	sleep := time.Sleep // found
	<-time.After(1) // found
	select {
	case <-done:
	case <-time.After(1):
		t.Fatal()
	}
}

func bubble(t *testing.T, f func()) {
	synctest.Test(t, func(*testing.T) { f() })
}

// slow takes a second of virtual
// time.
func (s store) slow() { time.Sleep(1) }

func (s store) fast() { time.Sleep(1) } // found

func helper() { deep(); both() }

func deep() { time.Sleep(1) }

func both() { time.Sleep(1) } // found
`))
	if err != nil {
		t.Fatal(err)
	}
	d := r.dirs["."]
	bubbles := d.bubbleHelpers()
	if got := sleeps(d.files["a_test.go"], bubbles, d.onlyInBubbles(bubbles)); len(got) != 6 {
		t.Errorf("%d sleeps were found, want 6", len(got))
	}
}

func TestNoSkips(t *testing.T) {
	r := load(t)
	sorted(r.dirs, func(_ string, d *goDir) {
		sorted(d.files, func(_ string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				for _, recv := range []string{"t", "b", "f", "tb"} {
					for _, skip := range []string{"Skip", "Skipf", "SkipNow"} {
						if e, ok := n.(ast.Expr); ok && isSelector(e, recv, skip) {
							t.Errorf("%s: a test that skips itself looks as if it had passed.\n"+
								"Start or build what it needs, or let it fail and say what is missing.", r.at(n))
						}
					}
				}
				return true
			})
		})
	})
}
