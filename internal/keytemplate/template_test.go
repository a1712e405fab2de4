package keytemplate

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"
)

type (
	userKey struct {
		Region string
		ID     int64
	}
	tagged struct {
		Number int    `cachify:"id"`
		ID     string // hidden in lower case by the tag, which is exact
		Secret string `cachify:"-"`
		hidden string
	}
	base struct {
		ID   int
		Name string
	}
	derived struct {
		base
		Name string
		Kind string
	}
	other struct{ ID int }
	twice struct {
		base2
		other2
	}
	base2     = base
	other2    = other
	linked    struct{ *base }
	itself    struct{ *itself }
	order     struct{ User userKey }
	id        int
	masked    string
	celsius   float64
	shade     int
	point     struct{ X, Y int }
	failing   struct{ ID int }
	shrinking struct{}
	octets    [2]byte
	stamped   struct {
		time.Time
		ID int
	}
	cases struct{ Id, ID int } //nolint:staticcheck // names that differ in case only are what is tested
)

func (id) String() string                           { return "an id" }
func (masked) String() string                       { return "***" }
func (celsius) String() string                      { return "warm" }
func (s shade) MarshalText() ([]byte, error)        { return []byte("shade-" + fmt.Sprint(int(s))), nil }
func (p *point) String() string                     { return fmt.Sprintf("%d/%d", p.X, p.Y) }
func (failing) MarshalText() ([]byte, error)        { return nil, errFailing }
func (shrinking) AppendText([]byte) ([]byte, error) { return nil, nil }
func (o octets) String() string                     { return fmt.Sprintf("%x", o[:]) }

var errFailing = errors.New("no text today")

// keyOf is the key, or the error's text.
func keyOf[A any](t *testing.T, template string, a A) string {
	t.Helper()
	tpl, err := Compile[A](template)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	key, err := tpl.Format(a)
	if err != nil {
		t.Fatalf("Format: %v", err)
	}
	return key
}

func TestKeys(t *testing.T) {
	moment := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	order1 := order{User: userKey{"eu", 42}}
	for _, c := range []struct{ got, want string }{
		// scalars
		{keyOf(t, "user-{id}", 42), "user-42"},
		{keyOf(t, "{}", "a-b"), "a-b"},
		{keyOf(t, "{}", ""), ""},
		{keyOf(t, "{0}", true), "True"},
		{keyOf(t, "{arg}/{arg}", false), "False/False"},
		{keyOf(t, "{a}{a}", "50%25-x"), "50%25-x50%25-x"},
		{keyOf(t, "{0}{0}", uint64(math.MaxUint64)), "1844674407370955161518446744073709551615"},
		{keyOf(t, "{}", int8(-128)), "-128"},
		{keyOf(t, "{}", 1.0), "1.0"},
		{keyOf(t, "{}", float32(0.1)), "0.1"},
		{keyOf(t, "{}", "ä\xff"), "ä\xff"},
		{keyOf(t, "{{{}}}", 1), "{1}"},
		{keyOf(t, "{{}}", 1), "{}"},
		{keyOf(t, "}}{{", 1), "}{"},
		// no placeholders: any type
		{keyOf(t, "constant", struct{}{}), "constant"},
		{keyOf(t, "constant", map[string]int{}), "constant"},
		{keyOf[*userKey](t, "constant", nil), "constant"},
		{keyOf[any](t, "", nil), ""},
		// types with a text
		{keyOf(t, "{at}", moment), "2026-01-02T03:04:05.000000006Z"},
		{keyOf(t, "{ip}", netip.MustParseAddr("::1")), "::1"},
		{keyOf(t, "{}", *big.NewInt(-7)), "-7"},
		{keyOf(t, "{}", big.NewInt(-7)), "-7"},
		{keyOf(t, "{}", octets{1, 255}), "01ff"},
		{keyOf(t, "{}", shade(3)), "shade-3"},
		{keyOf(t, "{}", point{1, 2}), "1/2"},
		{keyOf(t, "{0}", &point{1, 2}), "1/2"},
		{keyOf(t, "{x}", point{1, 2}), "1"},
		{keyOf(t, "{x}-{}", point{1, 2}), "1-1/2"},
		// String does not speak for named basic kinds
		{keyOf(t, "{}", id(5)), "5"},
		{keyOf(t, "{}", masked("x")), "x"},
		{keyOf(t, "{}", celsius(21)), "21.0"},
		{keyOf(t, "{}", time.Second), "1000000000"},
		// structs
		{keyOf(t, "user-{region}-{id}", userKey{"eu", 42}), "user-eu-42"},
		{keyOf(t, "user-{REGION}-{Id}", &userKey{"eu", 42}), "user-eu-42"},
		{keyOf(t, "{}/{}", userKey{"eu", 42}), "eu/42"},
		{keyOf(t, "{1}/{0}", userKey{"eu", 42}), "42/eu"},
		{keyOf(t, "{}/{id}", userKey{"eu", 42}), "eu/42"},
		{keyOf(t, "{id}", tagged{Number: 1, ID: "x"}), "1"},
		{keyOf(t, "{ID}", tagged{Number: 1, ID: "x"}), "x"},
		{keyOf(t, "{iD}", struct {
			Key string `cachify:"id"`
		}{"x"}), "x"},
		{keyOf(t, "{Id}.{ID}", cases{1, 2}), "1.2"},
		{keyOf(t, "{user.id}", order1), "42"},
		{keyOf(t, "{user.region}-{user.id}", &order1), "eu-42"},
		{keyOf(t, "{0.id}", order1), "42"},
		{keyOf(t, "{id}.{name}.{kind}", derived{base{1, "deep"}, "shallow", "k"}), "1.shallow.k"},
		{keyOf(t, "{}.{}.{}", derived{base{1, "deep"}, "shallow", "k"}), "1.shallow.k"},
		{keyOf(t, "{time}-{id}", stamped{moment, 3}), "2026%2D01%2D02T03:04:05.000000006Z-3"},
		{keyOf(t, "{}", stamped{moment, 3}), "2026-01-02T03:04:05.000000006Z"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// Made by CPython 3.11: repr of each float.
func TestFloatsAsPython(t *testing.T) {
	for _, c := range pythonFloats {
		if got := keyOf(t, "{}", c.x); got != c.want {
			t.Errorf("%b: got %q, want %q", c.x, got, c.want)
		}
	}
	for _, c := range []struct {
		x    float32
		want string
	}{
		{0, "0.0"}, {1, "1.0"}, {-2.5, "-2.5"}, {16777216, "16777216.0"}, {3.4028235e38, "3.4028235e+38"},
		{1e-4, "0.0001"}, {9e-5, "9e-05"}, {1e16, "1e+16"}, {9.999999e15, "9999999000000000.0"}, {1e-45, "1e-45"},
		{float32(math.Inf(1)), "inf"}, {float32(math.NaN()), "nan"},
	} {
		if got := keyOf(t, "{}", c.x); got != c.want {
			t.Errorf("float32 %b: got %q, want %q", c.x, got, c.want)
		}
	}
}

func TestEscaping(t *testing.T) {
	type pair struct{ A, B string }
	for _, c := range []struct{ template, a, b, want string }{
		{"{a}-{b}", "1", "2-3", "1-2-3"},
		{"{a}-{b}", "1-2", "3", "1%2D2-3"},
		{"{a}-{b}", "100%", "x", "100%-x"},
		{"{a}-{b}", "100%25", "x", "100%2525-x"},
		{"{a}-{b}", "%2D", "x", "%252D-x"},
		{"{a}-{b}", "%2d", "%2D", "%2d-%2D"},
		{"{a}-{b}", "", "", "-"},
		{"{a}-{b}-{b}", "1", "2-3", "1-2-3-2-3"},
		{"{a}::{b}", "a:b", "c", "a:b::c"},
		{"{a}::{b}", "a:", "c", "a%3A::c"},
		{"{a}::{b}", "a", ":c", "a:::c"},
		{"{a}aXa{b}", "aX", "c", "%61XaXac"},
		{"{a}aXa{b}", "ba", "c", "baaXac"},
		{"{a}%-{b}", "50%", "c", "50%%-c"},
		{"{a}%-{b}", "50%-", "c", "50%25%2D%-c"},
		{"{a}{{-}}{b}", "{-}", "c", "%7B-}{-}c"},
		{"{a}1D{b}", "01D", "c", "01%441Dc"},
		{"{a}é{b}", "à", "c", "àéc"},
		{"{a}é{b}", "\xc3", "é", "\xc3éé"},
		{"{a}é{b}", "éa", "c", "%C3%A9aéc"},
	} {
		if got := keyOf(t, c.template, pair{c.a, c.b}); got != c.want {
			t.Errorf("%s of %q and %q: got %q, want %q", c.template, c.a, c.b, got, c.want)
		}
	}
}

func compileError[A any](template string) error {
	_, err := Compile[A](template)
	return err
}

func TestCompileErrors(t *testing.T) {
	type badTag struct {
		A int `cachify:"a.b"`
	}
	type emptyTag struct {
		A int `cachify:""`
	}
	type numberTag struct {
		A int `cachify:"1"`
	}
	type deadTag struct {
		a int `cachify:"x"`
	}
	type recursive struct {
		ID   int
		Next *recursive
	}
	type kinds struct {
		Slice  []int
		Bytes  []byte
		Map    map[string]int
		Func   func()
		Chan   chan int
		Cplx   complex128
		Any    any
		Str    fmt.Stringer
		Ptr    *int
		User   userKey
		Empty  struct{}
		Uptr   uintptr
		Number int
	}
	_ = deadTag{}.a
	_ = tagged{}.hidden
	for _, c := range []struct {
		err  error
		want string // parts, split at |
	}{
		// braces
		{compileError[int]("a{id"), `"{" at offset 1 is never closed|"{{"`},
		{compileError[int]("a}b"), `"}" at offset 1 closes nothing|"}}"`},
		{compileError[int]("a{b{c}}"), `"{" at offset 3 is within the placeholder that begins at offset 1`},
		{compileError[int]("{"), "offset 0"},
		{compileError[int]("{{}"), "offset 2"},
		{compileError[int]("\xff{}"), "UTF-8"},
		// what Python has and this has not
		{compileError[int]("{id:03d}"), "placeholder {id:03d}|format specifications|write {id}"},
		{compileError[int]("{id!r}"), "placeholder {id!r}|conversions|write {id}"},
		{compileError[int]("{:>3}"), "write {}"},
		{compileError[int]("{a[0]}"), "indexing"},
		{compileError[order]("{user.}"), "missing beside the dot"},
		{compileError[order]("{.id}"), "missing before the dot"},
		{compileError[order]("{user..id}"), "missing"},
		{compileError[userKey]("{}"), `"{}" stand for 1 of the argument's 2 fields (Region, ID)|{Region}|write {0}`},
		{compileError[userKey]("{}-{1}"), `mixes "{}" with numbered`},
		// scalars
		{compileError[int]("{a}-{b}"), "placeholder {b}|single value|name {a} already"},
		{compileError[int]("{}-{}"), "only position 0"},
		{compileError[int]("{1}"), "only position 0"},
		{compileError[int]("{a.b}"), "no fields|use {a}"},
		{compileError[int]("{99999999999999999999}"), "only position 0"},
		// names
		{compileError[userKey]("user-{idd}"), `userKey has no field "idd"; it has: Region, ID`},
		{compileError[userKey]("{ id}"), `no field " id"`},
		{compileError[userKey]("{}{}{}"), "position 2; it has 2"},
		{compileError[order]("{user.name}"), `userKey has no field "name"; it has: Region, ID`},
		{compileError[order]("{user.0}"), `no field "0"`},
		{compileError[order]("{user.id.x}"), "field ID is a int64, which has no fields"},
		{compileError[tagged]("{secret}"), "no field"},
		{compileError[tagged]("{hidden}"), "no field"},
		{compileError[tagged]("{number}"), "no field"},
		{compileError[cases]("{id}"), `"id" is ambiguous: 2 fields`},
		{compileError[twice]("{id}"), `"id" is ambiguous: 2 fields|cachify:`},
		{compileError[linked]("{id}"), "embedded pointer, which may be nil"},
		{compileError[itself]("{id}"), "no exported fields"},
		{compileError[recursive]("{next.id}"), "behind a pointer"},
		{compileError[struct{}]("{id}"), "no exported fields"},
		{compileError[*struct{}]("{id}"), "no exported fields"},
		{compileError[point]("{1}"), "text of its own|X, Y"},
		{compileError[point]("{0.x}"), "text of its own|X, Y"},
		// tags
		{compileError[badTag]("{a}"), "without any of"},
		{compileError[emptyTag]("{a}"), "is empty"},
		{compileError[numberTag]("{a}"), "a number is a position"},
		{compileError[deadTag]("{a}"), "not exported"},
		// types
		{compileError[map[string]int]("{m}"), "placeholder {m}|the argument, of type map[string]int|use a string"},
		{compileError[[]byte]("{}"), "the argument, of type []uint8, cannot be part of a key; use a string"},
		{compileError[any]("{}"), "interface {}|use the concrete type"},
		{compileError[fmt.Stringer]("{}"), "use the concrete type"},
		{compileError[*int]("{}"), "the argument is a *int|use int"},
		{compileError[**userKey]("{id}"), "must be to a struct"},
		{compileError[kinds]("{slice}"), "placeholder {slice}: field Slice, of type []int"},
		{compileError[kinds]("{bytes}"), "use a string"},
		{compileError[kinds]("{map}"), "map[string]int"},
		{compileError[kinds]("{func}"), "func()"},
		{compileError[kinds]("{chan}"), "chan int"},
		{compileError[kinds]("{cplx}"), "complex128"},
		{compileError[kinds]("{any}"), "use the concrete type"},
		{compileError[kinds]("{str}"), "use the concrete type"},
		{compileError[kinds]("{ptr}"), "use int"},
		{compileError[kinds]("{user}"), "name one of its fields (Region, ID)"},
		{compileError[kinds]("{empty}"), "MarshalText"},
		{compileError[kinds]("{empty.x}"), "no exported fields"},
		{compileError[kinds]("{uptr}"), "uintptr"},
		// separators
		{compileError[userKey]("{region}{id}"), "nothing between {region} and {id}|could share a key|{region}-{id}"},
		{compileError[userKey]("{region}42{id}"), `only digits and "%" ("42")`},
		{compileError[userKey]("{region}%{id}"), `only digits and "%" ("%")`},
	} {
		if c.err == nil {
			t.Errorf("no error, want %q", c.want)
			continue
		}
		for _, part := range append(strings.Split(c.want, "|"), `template "`) {
			if !strings.Contains(c.err.Error(), part) {
				t.Errorf("%q is not in the error: %v", part, c.err)
			}
		}
	}
}

func TestAppendErrors(t *testing.T) {
	pointer, err := Compile[*userKey]("{id}")
	if err != nil {
		t.Fatal(err)
	}
	s := pointer.NewScratch()
	dst, err := s.Append([]byte("before"), nil)
	if err == nil || !strings.Contains(err.Error(), `template "{id}": the argument is a nil *keytemplate.userKey`) {
		t.Errorf("nil pointer: %v", err)
	}
	if string(dst) != "before" {
		t.Errorf("nil pointer: dst is %q", dst)
	}
	if dst, err = s.Append(dst, &userKey{ID: 1}); err != nil || string(dst) != "before1" {
		t.Errorf("after an error: %q, %v", dst, err)
	}

	bad, err := Compile[failing]("x-{id}-{}")
	if err != nil {
		t.Fatal(err)
	}
	dst, err = bad.NewScratch().Append([]byte("before"), failing{})
	if !errors.Is(err, errFailing) || !strings.Contains(err.Error(), `template "x-{id}-{}": placeholder {}`) {
		t.Errorf("MarshalText: %v", err)
	}
	if string(dst) != "before" {
		t.Errorf("MarshalText: dst is %q", dst)
	}

	short, err := Compile[shrinking]("x-{}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = short.Format(shrinking{}); err == nil {
		t.Error("AppendText that shrinks: no error")
	}
}

func TestScratchForgets(t *testing.T) {
	tpl, err := Compile[*userKey]("{id}")
	if err != nil {
		t.Fatal(err)
	}
	s := tpl.NewScratch()
	if _, err := s.Append(nil, &userKey{}); err != nil {
		t.Fatal(err)
	}
	if s.arg != nil {
		t.Error("the argument is retained")
	}
}

func TestAccessors(t *testing.T) {
	constant, err := Compile[int]("a{{}}")
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := constant.Constant(); !ok || key != "a{}" {
		t.Errorf("Constant: %q, %v", key, ok)
	}
	if constant.String() != "a{{}}" {
		t.Errorf("String: %q", constant)
	}
	dynamic, err := Compile[int]("a{}")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := dynamic.Constant(); ok {
		t.Error("Constant is true for a template with a placeholder")
	}
}

func TestAllocations(t *testing.T) {
	check := func(name string, f func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	buf := make([]byte, 0, 256)
	check("struct", appender(t, "user-{region}-{id}", userKey{"eu", 42}, buf))
	check("struct, escaped", appender(t, "user-{region}-{id}", userKey{"eu-west-%25", 42}, buf))
	check("pointer", appender(t, "user-{region}-{id}", &userKey{"eu", 42}, buf))
	check("nested", appender(t, "{user.region}-{user.id}", order{userKey{"eu", 42}}, buf))
	check("string", appender(t, "user-{}", "x", buf))
	check("float", appender(t, "user-{}", 1.5, buf))
	check("bool", appender(t, "user-{}", true, buf))
	check("named", appender(t, "user-{}", id(1), buf))
	check("time", appender(t, "user-{}", time.Unix(0, 0).UTC(), buf))
}

func appender[A any](t testing.TB, template string, a A, buf []byte) func() {
	t.Helper()
	tpl, err := Compile[A](template)
	if err != nil {
		t.Fatal(err)
	}
	s := tpl.NewScratch()
	return func() {
		if _, err := s.Append(buf[:0], a); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, 256)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	run("struct", appender(b, "user-{region}-{id}", userKey{"eu", 42}, buf))
	run("struct-escaped", appender(b, "user-{region}-{id}", userKey{"eu-west", 42}, buf))
	run("pointer", appender(b, "user-{region}-{id}", &userKey{"eu", 42}, buf))
	run("int", appender(b, "user-{}", 42, buf))
	run("time", appender(b, "at-{}", time.Unix(0, 0).UTC(), buf))
}
