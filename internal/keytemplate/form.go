package keytemplate

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
)

// form is the way a value becomes text.
type form uint8

const (
	formNone form = iota
	formString
	formBool
	formInt
	formUint
	formFloat32
	formFloat64
	formAppender
	formMarshaler
	formStringer
)

var (
	appenderType  = reflect.TypeFor[encoding.TextAppender]()
	marshalerType = reflect.TypeFor[encoding.TextMarshaler]()
	stringerType  = reflect.TypeFor[fmt.Stringer]()
)

// formOf tells how values of type t become text. The values are addressable, so
// methods of the pointer count.
func formOf(t reflect.Type) form {
	kind := t.Kind()
	if kind == reflect.Pointer || kind == reflect.Interface {
		return formNone // could be nil
	}
	plain := plainForm(kind)
	switch p := reflect.PointerTo(t); {
	case p.Implements(appenderType):
		return formAppender
	case p.Implements(marshalerType):
		return formMarshaler
	case plain == formNone && p.Implements(stringerType):
		return formStringer
	}
	return plain
}

func plainForm(kind reflect.Kind) form {
	switch kind {
	case reflect.String:
		return formString
	case reflect.Bool:
		return formBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return formInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return formUint
	case reflect.Float32:
		return formFloat32
	case reflect.Float64:
		return formFloat64
	}
	return formNone
}

// unformattable says why a type has no form, and what would be right.
func unformattable(what string, t reflect.Type) error {
	var advice string
	switch t.Kind() {
	case reflect.Struct:
		advice = "name one of its fields, or give the type a MarshalText method"
		if fs, err := fieldsOf(t); err == nil && len(fs) > 0 {
			advice = "name one of its fields (" + fs.String() + "), or give the type a MarshalText method"
		}
	case reflect.Pointer:
		advice = "it may be nil: use " + t.Elem().String()
	case reflect.Interface:
		advice = "use the concrete type"
	case reflect.Slice, reflect.Array:
		advice = "use a string, or a type with a MarshalText method"
	default:
		advice = "use a string, a boolean, a number, or a type with a MarshalText method"
	}
	return fmt.Errorf("%s, of type %s, cannot be part of a key; %s", what, t, advice)
}

// append appends the text of v to dst. After an error, the bytes of dst are still
// the first of what it returns.
func (f form) append(dst []byte, v reflect.Value) ([]byte, error) {
	switch f {
	case formString:
		return append(dst, v.String()...), nil
	case formInt:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case formUint:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case formBool:
		if v.Bool() {
			return append(dst, "True"...), nil
		}
		return append(dst, "False"...), nil
	case formFloat32:
		return appendFloat(dst, v.Float(), 32), nil
	case formFloat64:
		return appendFloat(dst, v.Float(), 64), nil
	}
	return f.appendText(dst, v.Addr().Interface())
}

func (f form) appendText(dst []byte, v any) ([]byte, error) {
	switch f {
	case formAppender:
		out, err := v.(encoding.TextAppender).AppendText(dst)
		if err != nil {
			return dst, err
		}
		if len(out) < len(dst) {
			return dst, errors.New("AppendText returned less than it was given")
		}
		return out, nil
	case formMarshaler:
		text, err := v.(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return dst, err
		}
		return append(dst, text...), nil
	default:
		return append(dst, v.(fmt.Stringer).String()...), nil
	}
}

// appendFloat appends what Python's repr gives: the fewest digits that give the same
// float back, with an exponent below 1e-4 and from 1e16 on.
func appendFloat(dst []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, "nan"...)
	case math.IsInf(x, 1):
		return append(dst, "inf"...)
	case math.IsInf(x, -1):
		return append(dst, "-inf"...)
	}
	low, high := 1e-4, 1e16
	if bits == 32 {
		low, high = float64(float32(1e-4)), float64(float32(1e16))
	}
	if size := math.Abs(x); size != 0 && (size < low || size >= high) {
		return strconv.AppendFloat(dst, x, 'e', -1, bits)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, x, 'f', -1, bits)
	if slices.Contains(dst[start:], '.') {
		return dst
	}
	return append(dst, ".0"...)
}
