package keytemplate

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

type triple struct{ A, B, C string }

// tricky are separators that meet each case of the proof in separator.
var tricky = []string{
	"-", "::", "aXa", "%-", "--", "{-}", "%2D", "D", "1-", "-1", "%25-", "2a5", "é", "aé", "ä€", "€-€", "%%a", "AB", "E9", "-%2D-",
}

// quote makes text a literal of a template.
func quote(text string) string {
	return strings.NewReplacer("{", "{{", "}", "}}").Replace(text)
}

// unprotect is the reader of the proof: it undoes e, and so shows that it can be.
func (s *separator) unprotect(e []byte) []byte {
	if !bytes.Contains(e, percentEscape) && !bytes.Contains(e, s.escape) {
		return e
	}
	var v []byte
	for len(e) > 0 {
		if rest, ok := bytes.CutPrefix(e, percentEscape); ok {
			v, e = append(v, '%'), rest
		} else if rest, ok := bytes.CutPrefix(e, s.escape); ok {
			v, e = append(v, s.char...), rest
		} else {
			v, e = append(v, e[0]), e[1:]
		}
	}
	return v
}

// read takes a key apart into the texts of its values.
func (prog *program) read(key []byte) ([]string, error) {
	var values []string
	for i, p := range prog.pieces {
		var ok bool
		if i == 0 {
			if key, ok = bytes.CutPrefix(key, []byte(p.before)); !ok {
				return nil, fmt.Errorf("it does not begin with %q", p.before)
			}
		}
		if p.sep == nil {
			v, ok := bytes.CutSuffix(key, []byte(prog.tail))
			if !ok || i != len(prog.pieces)-1 {
				return nil, fmt.Errorf("no end at %q", key)
			}
			return append(values, string(v)), nil
		}
		v, rest, ok := bytes.Cut(key, p.sep.text)
		if !ok {
			return nil, fmt.Errorf("no separator in %q", key)
		}
		values, key = append(values, string(p.sep.unprotect(v))), rest
	}
	return values, nil
}

// checkKey makes the key of x, checks that it can be read back, and that values that
// need no escape are as in Python.
func checkKey(t *testing.T, tpl *Template[triple], s *Scratch[triple], x triple) string {
	t.Helper()
	key, err := s.Append([]byte("before"), x)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := bytes.CutPrefix(key, []byte("before"))
	if !ok {
		t.Fatalf("%s: Append wrote before the end", tpl)
	}
	values, err := tpl.prog.read(key)
	if err != nil {
		t.Fatalf("%s of %q: key %q: %v", tpl, x, key, err)
	}
	if got := (triple{values[0], values[1], values[2]}); got != x {
		t.Fatalf("%s of %q: key %q reads as %q", tpl, x, key, got)
	}
	return string(key)
}

func compileTriple(t testing.TB, sep1, sep2 string) *Template[triple] {
	t.Helper()
	tpl, err := Compile[triple]("k" + "{a}" + quote(sep1) + "{b}" + quote(sep2) + "{c}" + "t")
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

// All values of up to three tokens, for each separator: no two share a key, whatever
// comes next.
func TestInjectiveExhaustively(t *testing.T) {
	for _, sep := range tricky {
		tpl := compileTriple(t, sep, sep)
		s := tpl.NewScratch()
		values := words(tokensOf(sep), 3)
		seen := make(map[string]triple, len(values)*4)
		for _, a := range values {
			for _, b := range []string{"", "x", sep, sep + sep[:1]} {
				x := triple{A: a, B: b, C: a}
				key := checkKey(t, tpl, s, x)
				if y, ok := seen[key]; ok && x != y {
					t.Fatalf("%s: %q and %q share the key %q", tpl, x, y, key)
				}
				seen[key] = x
			}
		}
	}
}

// tokensOf are the bytes of sep, and what else matters to its escapes.
func tokensOf(sep string) []string {
	s, _ := newSeparator(sep)
	tokens := []string{"%", "25", "%25", string(s.escape), string(s.escape[1:]), string(s.char), "x"}
	for i := range len(sep) {
		tokens = append(tokens, sep[i:i+1])
	}
	return tokens
}

// words are all sequences of up to n tokens.
func words(tokens []string, n int) []string {
	list := []string{""}
	for last := list; n > 0; n-- {
		var longer []string
		for _, w := range last {
			for _, token := range tokens {
				longer = append(longer, w+token)
			}
		}
		list, last = append(list, longer...), longer
	}
	return list
}

// A value in which the separator has no business is as in Python.
func TestPlainValuesStay(t *testing.T) {
	for _, sep := range tricky {
		tpl := compileTriple(t, sep, sep)
		for _, v := range []string{"", "x", "100%", "%x", "2", "ü", "\xff"} {
			want := "k" + v + sep + v + sep + "yt"
			if strings.Index(v+sep, sep) != len(v) {
				continue
			}
			if got, err := tpl.Format(triple{v, v, "y"}); err != nil || got != want {
				t.Errorf("%s of %q: %q, %v; want %q", tpl, v, got, err, want)
			}
		}
	}
}

func FuzzInjective(f *testing.F) {
	f.Add(byte(0), "/", "1-2", "3", "x", "1", "2-3", "x")
	f.Add(byte(1), "::", "a:", "b", "", "a", ":b", "")
	f.Add(byte(2), "aXa", "aX", "a", "Xa", "a", "Xa", "a")
	f.Add(byte(3), "%-", "%", "%-", "%25", "%%", "-", "%2D")
	f.Add(byte(4), "--", "-", "", "-", "", "-", "-")
	f.Add(byte(5), "{-}", "{", "-}", "", "{-", "}", "")
	f.Add(byte(12), "é", "\xc3", "\xa9", "%C3%A9", "\xc3\xa9", "", "%C3")
	f.Add(byte(17), "0A1", "%41", "A", "0", "%2541", "A1", "A")
	f.Fuzz(func(t *testing.T, which byte, sep, a1, b1, c1, a2, b2, c2 string) {
		templates := []*Template[triple]{compileTriple(t, tricky[int(which)%len(tricky)], tricky[int(which/16)%len(tricky)])}
		if tpl, err := Compile[triple]("{a}" + quote(sep) + "{b}" + quote(sep) + "{c}"); err == nil {
			templates = append(templates, tpl)
		}
		for _, tpl := range templates {
			s := tpl.NewScratch()
			x, y := triple{a1, b1, c1}, triple{a2, b2, c2}
			if kx, ky := checkKey(t, tpl, s, x), checkKey(t, tpl, s, y); kx == ky && x != y {
				t.Fatalf("%s: %q and %q share the key %q", tpl, x, y, kx)
			}
			// The separator in the values is the case that matters.
			checkKey(t, tpl, s, triple{a1 + sep + b1, sep + c1, a2})
			checkKey(t, tpl, s, triple{sep[:len(sep)/2] + a1 + sep[:len(sep)/2], sep[len(sep)/2:] + b1, c1})
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, template := range []string{
		"", "{}", "{0}", "{a}-{b}", "{{{a}}}", "{", "}", "{a", "a}", "{a.b}", "{.}", "{a!r}", "{a:03d}", "{a[0]}",
		"{}{}", "{0}-{}", "{99999999999999999999}", "{a}-{a}", "{user.id}/{user.region}", "\xff", "{\x00}", "{a}é{b}",
	} {
		f.Add(template)
	}
	f.Fuzz(func(t *testing.T, template string) {
		tryTemplate(t, template, triple{"a-", "%", "c"})
		tryTemplate(t, template, "scalar")
		tryTemplate(t, template, order{userKey{"eu", 1}})
		tryTemplate(t, template, &userKey{"eu", 1})
		tryTemplate(t, template, derived{})
		tryTemplate(t, template, point{})
		tryTemplate(t, template, []string{})
	})
}

// tryTemplate checks that a template either is refused with a text that names it, or
// makes keys.
func tryTemplate[A any](t *testing.T, template string, a A) {
	t.Helper()
	tpl, err := Compile[A](template)
	if err != nil {
		if !strings.HasPrefix(err.Error(), fmt.Sprintf("template %q: ", template)) {
			t.Errorf("the error does not begin with the template: %v", err)
		}
		return
	}
	key, err := tpl.Format(a)
	if err != nil {
		t.Errorf("%q: %v", template, err)
	}
	if constant, ok := tpl.Constant(); ok && constant != key {
		t.Errorf("%q: key %q, but constant %q", template, key, constant)
	}
}
