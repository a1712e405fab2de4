package picklecodec

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// field is a field of a struct that is kept.
type field struct {
	name      string
	index     []int
	omitEmpty bool
	omitZero  bool
}

// fields are those of one struct type, in order.
type fields struct {
	list   []field
	byName map[string]*field
	err    error // a *TypeError without a path: the type cannot be kept
}

var known sync.Map // reflect.Type: *fields

func fieldsOf(t reflect.Type) *fields {
	if f, ok := known.Load(t); ok {
		return f.(*fields)
	}
	f, _ := known.LoadOrStore(t, findFields(t))
	return f.(*fields)
}

func findFields(t reflect.Type) *fields {
	f := &fields{byName: make(map[string]*field)}
	found, left, err := collect(t, nil)
	if err == nil {
		err = f.add(t, found)
	}
	if err == nil && t.NumField() > 0 && len(found)+left == 0 {
		err = &TypeError{Type: t.String(), Reason: noExported}
	}
	f.err = err
	return f
}

// add takes of the fields with one name the one that is least deep.
func (f *fields) add(t reflect.Type, found []field) error {
	depth := make(map[string]int)
	count := make(map[string]int)
	for _, c := range found {
		switch d := depth[c.name]; {
		case d == 0 || len(c.index) < d:
			depth[c.name], count[c.name] = len(c.index), 1
		case len(c.index) == d:
			count[c.name]++
		}
	}
	for _, c := range found {
		if len(c.index) > depth[c.name] {
			continue
		}
		if count[c.name] > 1 {
			return &TypeError{Type: t.String(), Reason: fmt.Sprintf("two of its fields are named %q", c.name)}
		}
		f.list = append(f.list, c)
	}
	for i := range f.list {
		f.byName[f.list[i].name] = &f.list[i]
	}
	return nil
}

// collect finds all fields of t, those of embedded structs too, and how many a tag
// leaves out.
func collect(t reflect.Type, index []int) (found []field, left int, err error) {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup("pickle")
		if !ok {
			tag = sf.Tag.Get("json")
		}
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" {
			left++
			continue
		}
		c := field{name: name, index: append(append([]int(nil), index...), i)}
		for option := range strings.SplitSeq(options, ",") {
			c.omitEmpty = c.omitEmpty || option == "omitempty"
			c.omitZero = c.omitZero || option == "omitzero"
		}
		switch {
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			inner, innerLeft, err := collect(sf.Type, c.index)
			if err == nil && sf.Type.NumField() > 0 && len(inner)+innerLeft == 0 {
				err = &TypeError{Type: sf.Type.String(), Reason: noExported}
			}
			if err != nil {
				return nil, 0, err
			}
			found, left = append(found, inner...), left+innerLeft
			continue
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Pointer:
			return nil, 0, &TypeError{Type: t.String(), Reason: "it embeds a pointer: give it a name by a tag, or leave it out by \"-\""}
		case !sf.IsExported():
			continue
		case name == "":
			c.name = sf.Name
		}
		found = append(found, c)
	}
	return found, left, nil
}

// checker looks at types.
type checker struct{ seen map[reflect.Type]bool }

func (c *checker) check(t reflect.Type, path string) error {
	if c.seen[t] {
		return nil
	}
	c.seen[t] = true
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return typeError(t, path, "of interfaces only any can be read back")
		}
		return nil
	case reflect.Pointer:
		return c.check(t.Elem(), path)
	case reflect.Slice, reflect.Array:
		return c.check(t.Elem(), path+"[]")
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return typeError(t, path, "its keys are not strings")
		}
		return c.check(t.Elem(), path+"[]")
	case reflect.Struct:
		return c.structure(t, path)
	}
	return typeError(t, path, noKind)
}

func (c *checker) structure(t reflect.Type, path string) error {
	f := fieldsOf(t)
	if f.err != nil {
		return placed(f.err, path)
	}
	for _, field := range f.list {
		if err := c.check(t.FieldByIndex(field.index).Type, path+"."+field.name); err != nil {
			return err
		}
	}
	return nil
}

const noExported = "none of its fields is exported"

const noKind = "only nil, booleans, numbers, strings, bytes, slices, maps with string keys and structs have one"

func typeError(t reflect.Type, path, reason string) error {
	return &TypeError{Type: t.String(), Path: path, Reason: reason}
}

// placed is err, which is that of a struct type, with a path.
func placed(err error, path string) error {
	e := *err.(*TypeError) //nolint:errorlint // it is one, made here
	e.Path = path
	return &e
}
