package keytemplate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// placeholder is one as the template has it, with the text before it.
type placeholder struct {
	before string
	text   string   // between the braces
	names  []string // text split at dots; the first is empty in "{}"
}

// parse splits a template into its placeholders and the text after the last one.
func parse(template string) (list []placeholder, tail string, err error) {
	if !utf8.ValidString(template) {
		return nil, "", errors.New("it must be valid UTF-8")
	}
	var literal strings.Builder
	for i := 0; i < len(template); {
		c := template[i]
		switch {
		case c != '{' && c != '}':
			literal.WriteByte(c)
			i++
		case i+1 < len(template) && template[i+1] == c:
			literal.WriteByte(c)
			i += 2
		case c == '}':
			return nil, "", fmt.Errorf(`the "}" at offset %d closes nothing; a literal one is written "}}"`, i)
		default:
			size := strings.IndexAny(template[i+1:], "{}")
			if size < 0 {
				return nil, "", fmt.Errorf(`the "{" at offset %d is never closed; a literal one is written "{{"`, i)
			}
			end := i + 1 + size
			if template[end] == '{' {
				return nil, "", fmt.Errorf(`the "{" at offset %d is within the placeholder that begins at offset %d; names have no braces`, end, i)
			}
			p, err := parsePlaceholder(template[i+1 : end])
			if err != nil {
				return nil, "", err
			}
			p.before = literal.String()
			literal.Reset()
			list = append(list, p)
			i = end + 1
		}
	}
	return list, literal.String(), nil
}

func parsePlaceholder(text string) (placeholder, error) {
	p := placeholder{text: text, names: strings.Split(text, ".")}
	if i := strings.IndexAny(text, "[!:"); i >= 0 {
		what := map[byte]string{
			'[': "indexing is not supported; make the element a field of the argument",
			'!': "conversions are not supported; write {" + text[:i] + "}",
			':': "format specifications are not supported; write {" + text[:i] + "}, or make the formatted text a field",
		}
		return p, fmt.Errorf("placeholder {%s}: %s", text, what[text[i]])
	}
	if slices.Contains(p.names[1:], "") {
		return p, fmt.Errorf("placeholder {%s}: a field's name is missing beside the dot", text)
	}
	if len(p.names) > 1 && p.names[0] == "" {
		return p, fmt.Errorf("placeholder {%s}: a field's name is missing before the dot", text)
	}
	return p, nil
}

// isNumber reports whether name is a position, as in "{0}".
func isNumber(name string) bool {
	return name != "" && strings.Trim(name, "0123456789") == ""
}
