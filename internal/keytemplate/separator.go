package keytemplate

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// separator is the literal text S between two values, and guards the end of the first
// of them.
//
// The rule. C is the first character of S that is neither a digit nor "%"; E is C with
// each byte b written as "%" and b's two upper-case hex digits. A value v is unsafe if
// S occurs in v+S before the place where v ends, or if v contains "%25" or E. A safe
// value stays as it is. In an unsafe one each "%" becomes "%25" and each C becomes E.
// Call the result e(v).
//
// Why different values give different keys. Let S be valid UTF-8, as all templates
// are; values may be any bytes.
//
//  1. The first place at which S occurs in e(v)+S is the end of e(v). For a safe v that
//     is the definition. For an unsafe v, e(v) does not contain C: all were replaced,
//     and replacements bring no new one, since they are made of "%", of digits and of
//     the letters A to F, where C is neither "%" nor a digit, and if C is one of A to F
//     then E is "%41" to "%46", without letters. (C is whole within e(v) or not at all:
//     the bytes of one character do not overlap another of its kind, and "%" and hex
//     digits are no parts of a longer character.) If S began before the end of e(v),
//     its first C would begin in e(v) or in the S that follows. In e(v) there is none.
//     One that begins in e(v) and ends in S would have S begin within a character, but
//     S is valid UTF-8. And in S it would lie before the first C of S.
//  2. So a reader of the key finds where e(v) ends, whatever follows: an S that begins
//     within e(v) ends within e(v)+S. By induction it finds all of the values but
//     the last, which ends where the template's tail begins.
//  3. e is injective. If v is unsafe because of S then, by the argument of 1 with v for
//     e(v), v contains C, and e(v) contains E. If it is so because of "%25" or E, it
//     contains "%", and e(v) contains "%25". Safe results contain neither, so a
//     reader can tell which kind it has. Among unsafe ones "%25" and E, read from the
//     left, give back v: every "%" in e(v) belongs to one of the two, and they begin
//     differently, since C is not "%".
//
// Without such a C there is no room for an escape, and Compile refuses the template.
type separator struct {
	text   []byte // S
	char   []byte // C
	escape []byte // E
}

var percentEscape = []byte("%25")

// newSeparator reports false if text has no character to escape by.
func newSeparator(text string) (*separator, bool) {
	for _, r := range text {
		if r == '%' || '0' <= r && r <= '9' {
			continue
		}
		s := &separator{text: []byte(text), char: utf8.AppendRune(nil, r)}
		for _, b := range s.char {
			const hex = "0123456789ABCDEF"
			s.escape = append(s.escape, '%', hex[b>>4], hex[b&15])
		}
		return s, true
	}
	return nil, false
}

// protect escapes the value at the end of dst, from start on, if it has to be.
func (s *separator) protect(dst []byte, start int) []byte {
	v := dst[start:]
	percent := bytes.IndexByte(v, '%') >= 0
	if !percent && bytes.IndexByte(v, s.char[0]) < 0 {
		return dst // by 3, an unsafe value contains C or "%"
	}
	if percent && (bytes.Contains(v, percentEscape) || bytes.Contains(v, s.escape)) {
		return s.replace(dst, start)
	}
	end := len(dst)
	dst = append(dst, s.text...)
	confused := bytes.Index(dst[start:], s.text) < end-start
	dst = dst[:end]
	if confused {
		dst = s.replace(dst, start)
	}
	return dst
}

// replace escapes in place, from the end, so that it needs no second buffer.
func (s *separator) replace(dst []byte, start int) []byte {
	v := dst[start:]
	from := len(dst)
	grow := bytes.Count(v, percentEscape[:1])*(len(percentEscape)-1) +
		bytes.Count(v, s.char)*(len(s.escape)-len(s.char))
	dst = slices.Grow(dst, grow)[:from+grow]
	for to := len(dst); from > start; {
		switch {
		case bytes.HasSuffix(dst[start:from], s.char):
			from -= len(s.char)
			to -= copy(dst[to-len(s.escape):], s.escape)
		case dst[from-1] == '%':
			from--
			to -= copy(dst[to-len(percentEscape):], percentEscape)
		default:
			from--
			to--
			dst[to] = dst[from]
		}
	}
	return dst
}
