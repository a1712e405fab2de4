package keytemplate

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// compile prepares template for arguments of type t.
func compile(template string, t reflect.Type) (*program, error) {
	list, tail, err := parse(template)
	if err != nil {
		return nil, err
	}
	prog := &program{source: template, tail: tail}
	if len(list) == 0 {
		return prog, nil
	}
	automatic, err := number(list)
	if err != nil {
		return nil, err
	}
	arg, err := newArgument(t)
	if err != nil {
		return nil, fmt.Errorf("placeholder {%s}: %w", list[0].text, err)
	}
	if err := arg.filledBy(automatic); err != nil {
		return nil, err
	}
	prog.pointer = arg.pointer
	for _, p := range list {
		piece, err := arg.resolve(p)
		if err != nil {
			return nil, fmt.Errorf("placeholder {%s}: %w", p.text, err)
		}
		prog.pieces = append(prog.pieces, piece)
	}
	return prog, prog.separate()
}

// number gives each "{}" its position, and returns how many there are if there is
// nothing else.
func number(list []placeholder) (automatic int, err error) {
	next, given := 0, false
	for i := range list {
		first := &list[i].names[0]
		switch {
		case *first == "":
			*first = strconv.Itoa(next)
			next++
		case isNumber(*first):
			given = true
		}
	}
	if next > 0 && given {
		return 0, errors.New(`it mixes "{}" with numbered placeholders like "{0}": use one of the two`)
	}
	if next < len(list) {
		return 0, nil
	}
	return next, nil
}

// separate gives each value its separator.
//
// The last value needs none: it ends where the tail begins, and the tail's length is
// known. Nor does a value need one from which on only the same value is repeated: the
// rest of the key is k copies and text of known length, so its length tells the
// value's.
func (prog *program) separate() error {
	n := len(prog.pieces)
	last := n - 1
	for last > 0 && slices.Equal(prog.pieces[last-1].index, prog.pieces[n-1].index) {
		last--
	}
	for i := range last {
		this, next := &prog.pieces[i], &prog.pieces[i+1]
		sep, ok := newSeparator(next.before)
		if !ok {
			return fmt.Errorf("%s between {%s} and {%s}, so different arguments could share a key; "+
				`put a sign or a letter between them, such as "{%s}-{%s}"`,
				separatorFault(next.before), this.placeholder, next.placeholder, this.placeholder, next.placeholder)
		}
		this.sep = sep
	}
	return nil
}

func separatorFault(sep string) string {
	if sep == "" {
		return "there is nothing"
	}
	return fmt.Sprintf(`there are only digits and "%%" (%q)`, sep)
}

// argument is what placeholders are resolved against.
type argument struct {
	typ     reflect.Type // behind the pointer, if it is one
	pointer bool
	form    form   // of the whole; formNone: only fields
	fields  fields // empty: a scalar
	name    string // the one that a scalar goes by
}

func newArgument(t reflect.Type) (*argument, error) {
	a := &argument{typ: t}
	if t.Kind() == reflect.Pointer {
		a.typ, a.pointer = t.Elem(), true
		if a.typ.Kind() != reflect.Struct {
			return nil, fmt.Errorf("the argument is a %s; a pointer must be to a struct: use %s", t, a.typ)
		}
	}
	a.form = formOf(a.typ)
	if a.typ.Kind() == reflect.Struct {
		var err error
		if a.fields, err = fieldsOf(a.typ); err != nil {
			return nil, err
		}
	}
	switch {
	case len(a.fields) > 0 || a.form != formNone:
		return a, nil
	case a.typ.Kind() == reflect.Struct:
		return nil, fmt.Errorf("the argument, of type %s, has no exported fields and no text "+
			"(AppendText, MarshalText or String)", t)
	}
	return nil, unformattable("the argument", t)
}

// filledBy reports an error if a template has nothing but "{}", and those are fewer
// than the argument's fields: who writes "user-{}" for a struct means all of it, and
// would give all users of a region one key.
func (a *argument) filledBy(automatic int) error {
	if n := len(a.fields.visible()); automatic > 0 && automatic < n && a.form == formNone {
		return fmt.Errorf(`its "{}" stand for %d of the argument's %d fields (%s): name those that are meant, as in {%s}, or write {0}`,
			automatic, n, a.fields, a.fields.visible()[0].name)
	}
	return nil
}

func (a *argument) resolve(p placeholder) (piece, error) {
	whole := piece{before: p.before, placeholder: p.text, form: a.form}
	if len(a.fields) == 0 {
		return whole, a.checkScalar(p)
	}
	if isNumber(p.names[0]) && a.form != formNone {
		if n, err := strconv.Atoi(p.names[0]); err != nil || n > 0 || len(p.names) > 1 {
			return piece{}, fmt.Errorf("%s has a text of its own, so there is only position 0, "+
				"the whole; its fields go by name: %s", a.typ, a.fields)
		}
		return whole, nil
	}
	f, err := a.find(p)
	if err != nil {
		return piece{}, err
	}
	return piece{before: p.before, placeholder: p.text, index: f.index, form: formOf(f.typ)}, nil
}

// checkScalar reports whether p can stand for the whole argument.
func (a *argument) checkScalar(p placeholder) error {
	name := p.names[0]
	switch n, err := strconv.Atoi(name); {
	case len(p.names) > 1:
		return fmt.Errorf("the argument is a %s, which has no fields to name: use {%s}", a.typ, name)
	case isNumber(name) && (err != nil || n > 0):
		return fmt.Errorf("the argument is a %s, a single value: there is only position 0", a.typ)
	case a.name != "" && a.name != name:
		return fmt.Errorf("the argument is a %s, a single value, and has the name {%s} already; "+
			"use the same name again, or take a struct with two fields", a.typ, a.name)
	}
	a.name = name
	return nil
}

// find follows the names of p to the field it means.
func (a *argument) find(p placeholder) (field, error) {
	var at field
	in, t := a.fields, a.typ
	for i, name := range p.names {
		if i > 0 {
			var err error
			if in, err = inner(at); err != nil {
				return field{}, err
			}
			t = at.typ
		}
		f, err := pick(in, t, name, i == 0)
		if err != nil {
			return field{}, err
		}
		f.index = append(slices.Clone(at.index), f.index...)
		at = f
	}
	if formOf(at.typ) != formNone {
		return at, nil
	}
	return field{}, unformattable("field "+at.name, at.typ)
}

// inner lists the fields of the field f.
func inner(f field) (fields, error) {
	switch {
	case f.typ.Kind() == reflect.Pointer:
		return nil, fmt.Errorf("field %s is a %s; fields behind a pointer cannot be used, as it may be nil: "+
			"make it a struct, or copy the value into a field of the argument", f.name, f.typ)
	case f.typ.Kind() != reflect.Struct:
		return nil, fmt.Errorf("field %s is a %s, which has no fields to name", f.name, f.typ)
	}
	list, err := fieldsOf(f.typ)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("field %s, of type %s, has no exported fields", f.name, f.typ)
	}
	return list, err
}

// pick finds the field of t that name means; a number is a position if positions
// are allowed.
func pick(fs fields, t reflect.Type, name string, positions bool) (field, error) {
	var hits fields
	if positions && isNumber(name) {
		list := fs.visible()
		n, err := strconv.Atoi(name)
		if err != nil || n >= len(list) {
			return field{}, fmt.Errorf("%s has no field at position %s; it has %d, counted from 0: %s", t, name, len(list), list)
		}
		hits = list[n : n+1]
	} else {
		hits = fs.lookup(name)
	}
	switch {
	case len(hits) == 0:
		return field{}, fmt.Errorf("%s has no field %q; it has: %s", t, name, fs)
	case len(hits) > 1:
		return field{}, fmt.Errorf("%q is ambiguous: %d fields of %s go by it; "+
			"give one the tag `%s:\"another\"`", name, len(hits), t, tagKey)
	case hits[0].indirect:
		return field{}, fmt.Errorf("field %q of %s is in an embedded pointer, which may be nil: "+
			"embed the struct itself, or make it a field of the argument", name, t)
	}
	return hits[0], nil
}
