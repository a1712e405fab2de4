package keytemplate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// tagKey is the key of the struct tag that names a field.
const tagKey = "cachify"

// field is an exported field of a struct, perhaps of one embedded in it.
type field struct {
	name     string // the tag, else the Go name
	tagged   bool
	index    []int // its length is the depth
	typ      reflect.Type
	indirect bool // within an embedded pointer
}

type fields []field

// fieldsOf lists the fields of the struct type t in the order of declaration,
// promoted ones in the place of the embedded struct.
func fieldsOf(t reflect.Type) (fields, error) {
	w := walker{root: t}
	err := w.walk(t, nil, false, nil)
	return w.found, err
}

type walker struct {
	root  reflect.Type
	found fields
}

// walk adds the fields of t. outer are the structs that t is embedded in.
func (w *walker) walk(t reflect.Type, index []int, indirect bool, outer []reflect.Type) error {
	if slices.Contains(outer, t) {
		return nil // embedded in itself, through a pointer: hidden by the outer one
	}
	outer = append(slices.Clone(outer), t)
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(index), i)
		tag, tagged := sf.Tag.Lookup(tagKey)
		if tag == "-" {
			continue
		}
		if tagged {
			if err := checkTag(t, sf, tag); err != nil {
				return err
			}
		} else if embedded, pointer, ok := promotes(sf); ok {
			if err := w.walk(embedded, at, indirect || pointer, outer); err != nil {
				return err
			}
			continue
		}
		if !sf.IsExported() {
			continue
		}
		f := field{name: sf.Name, tagged: tagged, index: at, typ: sf.Type, indirect: indirect}
		if tagged {
			f.name = tag
		}
		w.found = append(w.found, f)
	}
	return nil
}

// promotes tells whether sf embeds a struct whose fields count as fields of the
// outer one, and whether by a pointer. A type like time.Time, with a text and without
// fields, is a field itself.
func promotes(sf reflect.StructField) (embedded reflect.Type, pointer, ok bool) {
	if !sf.Anonymous {
		return nil, false, false
	}
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t, pointer = t.Elem(), true
	}
	if t.Kind() != reflect.Struct || !hasFields(t) && formOf(t) != formNone {
		return nil, false, false
	}
	return t, pointer, true
}

// hasFields tells whether the struct type t has a field that can have a name.
func hasFields(t reflect.Type) bool {
	for i := range t.NumField() {
		if sf := t.Field(i); sf.IsExported() || sf.Anonymous {
			return true
		}
	}
	return false
}

func checkTag(t reflect.Type, sf reflect.StructField, tag string) error {
	where := fmt.Sprintf("the tag %s:%q of field %s of %s", tagKey, tag, sf.Name, t)
	switch {
	case !sf.IsExported():
		return fmt.Errorf("%s is of no use: the field is not exported", where)
	case tag == "":
		return fmt.Errorf(`%s is empty: give a name, or "-" to hide the field`, where)
	case strings.ContainsAny(tag, "{}[].!:"):
		return fmt.Errorf("%s is no name: it must do without any of {}[].!:", where)
	case isNumber(tag):
		return fmt.Errorf("%s is no name: a number is a position", where)
	}
	return nil
}

// lookup finds the field that name means: depth by depth, exact before any case,
// tags before Go names. More than one result: ambiguous.
func (fs fields) lookup(name string) fields {
	depth := 0
	for _, f := range fs {
		depth = max(depth, len(f.index))
	}
	exactTag := func(f field) bool { return f.tagged && f.name == name }
	exact := func(f field) bool { return f.name == name }
	anyCase := func(f field) bool { return strings.EqualFold(f.name, name) }
	for d := 1; d <= depth; d++ {
		for _, match := range []func(field) bool{exactTag, exact, anyCase} {
			var hits fields
			for _, f := range fs {
				if len(f.index) == d && match(f) {
					hits = append(hits, f)
				}
			}
			if len(hits) > 0 {
				return hits
			}
		}
	}
	return nil
}

// visible are the fields that positions count.
func (fs fields) visible() fields {
	var list fields
	for _, f := range fs {
		if hits := fs.lookup(f.name); len(hits) == 1 && slices.Equal(hits[0].index, f.index) {
			list = append(list, f)
		}
	}
	return list
}

// String lists the names for error texts.
func (fs fields) String() string {
	names := make([]string, 0, len(fs))
	for _, f := range fs {
		if !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ", ")
}
