package keytemplate

import (
	"fmt"
	"reflect"
	"strconv"
)

// Template makes keys of arguments of type A. It is immutable and safe for
// concurrent use; keys are made with a [Scratch] of it.
type Template[A any] struct {
	prog *program
}

// program is a compiled template without the type parameter.
type program struct {
	source  string
	pieces  []piece
	tail    string // literal text after the last value
	pointer bool   // the argument is a pointer, fields are found at each call
}

// piece is a value with the literal text before it.
type piece struct {
	before      string
	placeholder string // as written, for error texts
	index       []int  // path of field indexes; empty: the argument itself
	form        form
	sep         *separator // what follows; nil: the value cannot be mistaken
}

// Compile prepares a template for arguments of type A. A mistake in the template, or
// a type that cannot fill it, is an error that begins with the template. A template
// without placeholders goes with every type.
func Compile[A any](template string) (*Template[A], error) {
	prog, err := compile(template, reflect.TypeFor[A]())
	if err != nil {
		return nil, fmt.Errorf("template %q: %w", template, err)
	}
	return &Template[A]{prog: prog}, nil
}

// String returns the template as it was given to [Compile].
func (t *Template[A]) String() string { return t.prog.source }

// Constant returns the key and true if the template has no placeholders.
func (t *Template[A]) Constant() (key string, ok bool) {
	return t.prog.tail, len(t.prog.pieces) == 0
}

// Format returns the key for a. It makes a [Scratch] each time: who makes many keys
// keeps one.
func (t *Template[A]) Format(a A) (string, error) {
	key, err := t.NewScratch().Append(nil, a)
	return string(key), err
}

// Scratch is the memory that making a key takes, for reuse. It is not safe for
// concurrent use; it is meant to be kept in a sync.Pool.
type Scratch[A any] struct {
	prog *program

	// The argument lies in arg during a call, so that slots, which point into it,
	// need not be found anew.
	arg   A
	root  reflect.Value
	slots []slot // one for each piece; unused if the argument is a pointer
}

// slot is the place of one value. For the commonest types it is a pointer of that
// type too, which costs a third of what reflection does.
type slot struct {
	value reflect.Value
	text  *string
	num   *int
}

func newSlot(v reflect.Value, f form) slot {
	s := slot{value: v}
	switch {
	case f == formString:
		s.text = v.Addr().Convert(reflect.TypeFor[*string]()).Interface().(*string)
	case f == formInt && v.Kind() == reflect.Int:
		s.num = v.Addr().Convert(reflect.TypeFor[*int]()).Interface().(*int)
	}
	return s
}

func (s *slot) append(dst []byte, f form) ([]byte, error) {
	switch {
	case s.text != nil:
		return append(dst, *s.text...), nil
	case s.num != nil:
		return strconv.AppendInt(dst, int64(*s.num), 10), nil
	}
	return f.append(dst, s.value)
}

// NewScratch returns a scratch for keys of this template.
func (t *Template[A]) NewScratch() *Scratch[A] {
	s := &Scratch[A]{prog: t.prog}
	s.root = reflect.ValueOf(&s.arg).Elem()
	if !t.prog.pointer {
		s.slots = make([]slot, len(t.prog.pieces))
		for i, p := range t.prog.pieces {
			s.slots[i] = newSlot(fieldAt(s.root, p.index), p.form)
		}
	}
	return s
}

// Append appends the key for a to dst. If dst has room and the values are booleans,
// numbers or strings it allocates nothing. It does not retain a. An error (a nil
// pointer, or that of a MarshalText or AppendText method) leaves the length of what
// it returns as it was. The key may be empty, if the values are.
func (s *Scratch[A]) Append(dst []byte, a A) ([]byte, error) {
	if len(s.prog.pieces) == 0 {
		return append(dst, s.prog.tail...), nil
	}
	s.arg = a
	defer s.forget()
	out, err := s.append(dst)
	if err != nil {
		return dst, fmt.Errorf("template %q: %w", s.prog.source, err)
	}
	return out, nil
}

func (s *Scratch[A]) forget() {
	var none A
	s.arg = none
}

func (s *Scratch[A]) append(dst []byte) ([]byte, error) {
	prog := s.prog
	var target reflect.Value
	if prog.pointer {
		if s.root.IsNil() {
			return dst, fmt.Errorf("the argument is a nil %s", s.root.Type())
		}
		target = s.root.Elem()
	}
	for i := range prog.pieces {
		p := &prog.pieces[i]
		dst = append(dst, p.before...)
		start := len(dst)
		var err error
		if prog.pointer {
			dst, err = p.form.append(dst, fieldAt(target, p.index))
		} else {
			dst, err = s.slots[i].append(dst, p.form)
		}
		if err != nil {
			return dst, fmt.Errorf("placeholder {%s}: %w", p.placeholder, err)
		}
		if p.sep != nil {
			dst = p.sep.protect(dst, start)
		}
	}
	return append(dst, prog.tail...), nil
}

// fieldAt is FieldByIndex, save that index may be empty, for v itself. There are no
// embedded pointers on the way: Compile does not let them through.
func fieldAt(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		v = v.Field(i)
	}
	return v
}
