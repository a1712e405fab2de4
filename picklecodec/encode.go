package picklecodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

const maxDepth = 1000

var errNoTarget = errors.New("the target is not a pointer")

// encoder writes protocol 4, without frames and references, which are optional.
type encoder struct{ buf []byte }

// steps is a way into a value, for errors; made only when one is found.
func within(err error, step string) error {
	switch e := err.(type) { //nolint:errorlint // made here, and not wrapped
	case *TypeError:
		e.Path = longer(step, e.Path)
	case *ValueError:
		e.Path = longer(step, e.Path)
	}
	return err
}

// keyStep is the step to what a dict has under a key.
func keyStep(key string) string {
	if len(key) > maxPath/4 {
		key = key[:maxPath/4] + "..."
	}
	return fmt.Sprintf("[%q]", key)
}

// maxPath is about how long a way is told. Beyond it the outer steps are left out:
// bytes from elsewhere could make one that is much larger than themselves.
const maxPath = 200

func longer(step, path string) string {
	if len(path)+len(step) > maxPath {
		if strings.HasPrefix(path, "...") {
			return path
		}
		return "..." + path
	}
	return step + path
}

func (e *encoder) op(b ...byte) { e.buf = append(e.buf, b...) }

func (e *encoder) value(v reflect.Value, depth int) error {
	if !v.IsValid() {
		e.op(opNone)
		return nil
	}
	if depth > maxDepth {
		return &TypeError{Type: v.Type().String(), Reason: ErrTooDeep.Error(), Err: ErrTooDeep}
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			e.op(opTrue)
		} else {
			e.op(opFalse)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		e.uint(v.Uint())
	case reflect.Float32, reflect.Float64:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, opBinFloat), math.Float64bits(v.Float()))
	case reflect.String:
		return e.string(v.String(), v.Type())
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			e.op(opNone)
			return nil
		}
		return e.value(v.Elem(), depth+1)
	case reflect.Slice:
		if v.IsNil() {
			e.op(opNone)
			return nil
		}
		return e.list(v, depth)
	case reflect.Array:
		return e.list(v, depth)
	case reflect.Map:
		return e.dict(v, depth)
	case reflect.Struct:
		return e.structure(v, depth)
	default:
		return typeError(v.Type(), "", noKind)
	}
	return nil
}

func (e *encoder) int(n int64) {
	switch {
	case n >= 0 && n <= math.MaxUint8:
		e.op(opBinInt1, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		e.op(opBinInt2, byte(n), byte(n>>8))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		e.buf = binary.LittleEndian.AppendUint32(append(e.buf, opBinInt), uint32(n))
	default:
		e.buf = binary.LittleEndian.AppendUint64(append(e.buf, opLong1, 8), uint64(n))
	}
}

func (e *encoder) uint(n uint64) {
	if n <= math.MaxInt64 {
		e.int(int64(n))
		return
	}
	e.buf = append(binary.LittleEndian.AppendUint64(append(e.buf, opLong1, 9), n), 0)
}

func (e *encoder) string(s string, t reflect.Type) error {
	if !utf8.ValidString(s) {
		return typeError(t, "", "this one is not valid UTF-8: bytes are for that")
	}
	e.length(len(s), opShortBinUnicode, opBinUnicode, opBinUnicode8)
	e.buf = append(e.buf, s...)
	return nil
}

func (e *encoder) length(n int, short, usual, long byte) {
	switch {
	case n <= math.MaxUint8:
		e.op(short, byte(n))
	case uint64(n) <= math.MaxUint32:
		e.buf = binary.LittleEndian.AppendUint32(append(e.buf, usual), uint32(n))
	default:
		e.buf = binary.LittleEndian.AppendUint64(append(e.buf, long), uint64(n))
	}
}

func (e *encoder) list(v reflect.Value, depth int) error {
	n := v.Len()
	if v.Type().Elem().Kind() == reflect.Uint8 {
		e.length(n, opShortBinBytes, opBinBytes, opBinBytes8)
		if v.Kind() == reflect.Slice {
			e.buf = append(e.buf, v.Bytes()...)
			return nil
		}
		for i := range n {
			e.op(byte(v.Index(i).Uint()))
		}
		return nil
	}
	e.op(opEmptyList)
	if n == 0 {
		// Not for the pickle, but for who asks whether the elements could be kept.
		return (Codec{}).CheckType(v.Type())
	}
	e.op(opMark)
	for i := range n {
		if err := e.value(v.Index(i), depth+1); err != nil {
			return within(err, fmt.Sprintf("[%d]", i))
		}
	}
	e.op(opAppends)
	return nil
}

func (e *encoder) dict(v reflect.Value, depth int) error {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		return typeError(t, "", "its keys are not strings")
	}
	if v.IsNil() {
		e.op(opNone)
		return nil
	}
	e.op(opEmptyDict)
	if v.Len() == 0 {
		return (Codec{}).CheckType(t)
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	e.op(opMark)
	for _, k := range keys {
		err := e.string(k.String(), t.Key())
		if err == nil {
			err = e.value(v.MapIndex(k), depth+1)
		}
		if err != nil {
			return within(err, keyStep(k.String()))
		}
	}
	e.op(opSetItems)
	return nil
}

func (e *encoder) structure(v reflect.Value, depth int) error {
	f := fieldsOf(v.Type())
	if f.err != nil {
		return placed(f.err, "")
	}
	e.op(opEmptyDict, opMark)
	for _, field := range f.list {
		part := v.FieldByIndex(field.index)
		if field.omitEmpty && isEmpty(part) || field.omitZero && part.IsZero() {
			continue
		}
		err := e.string(field.name, v.Type())
		if err == nil {
			err = e.value(part, depth+1)
		}
		if err != nil {
			return within(err, "."+field.name)
		}
	}
	e.op(opSetItems)
	return nil
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}
