package picklecodec

import (
	"fmt"
	"reflect"
)

// A value costs 1, and 1 more for each costUnit bytes that it takes in Go. A pickle can
// refer to parts of itself, so that few bytes stand for much: what it may cost in all
// grows with its length, beyond what is free. Values that Python has written the usual
// way cost a fraction of it.
const (
	costUnit    = 16
	costPerByte = 32
	freeCost    = 1 << 20
)

// decoder puts what the parser has read into Go values.
type decoder struct {
	left int64 // of the cost
}

func misfit(v value, t reflect.Type, err error) error {
	return &ValueError{Value: describe(v), Type: t.String(), Err: err}
}

// describe tells what Python had.
func describe(v value) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64, uint64:
		return fmt.Sprintf("int %d", v)
	case bigInt:
		return "int of more than 64 bits"
	case float64:
		return fmt.Sprintf("float %v", v)
	case string:
		return "str"
	case rawBytes:
		return "bytes"
	case *list:
		return "list"
	}
	return "dict"
}

func (d *decoder) pay(v value, t reflect.Type, count, size int) error {
	each := 1 + int64(size)/costUnit
	if each > d.left || int64(count) > d.left/each {
		return misfit(v, t, ErrTooLarge)
	}
	d.left -= int64(count) * each
	return nil
}

// value sets into, which is zero, to v.
func (d *decoder) value(into reflect.Value, v value, depth int) error {
	t := into.Type()
	if depth > maxDepth {
		return misfit(v, t, ErrTooDeep)
	}
	if err := d.pay(v, t, 1, 0); err != nil {
		return err
	}
	if into.Kind() == reflect.Interface {
		return d.free(into, v, depth)
	}
	if v == nil {
		return nil
	}
	if into.Kind() == reflect.Pointer {
		if err := d.pay(v, t, 1, int(t.Elem().Size())); err != nil {
			return err
		}
		p := reflect.New(t.Elem())
		if err := d.value(p.Elem(), v, depth+1); err != nil {
			return err
		}
		into.Set(p)
		return nil
	}
	switch v := v.(type) {
	case bool:
		if into.Kind() == reflect.Bool {
			into.SetBool(v)
			return nil
		}
	case string:
		if into.Kind() == reflect.String {
			into.SetString(v)
			return nil
		}
	case int64, uint64, float64:
		if setNumber(into, v) {
			return nil
		}
	case rawBytes:
		return d.bytes(into, v)
	case *list:
		return d.list(into, v, depth)
	case *dict:
		return d.dict(into, v, depth)
	}
	return misfit(v, t, nil)
}

// setNumber reports whether n fits.
func setNumber(into reflect.Value, n value) bool {
	switch into.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, ok := n.(int64)
		if !ok || into.OverflowInt(i) {
			return false
		}
		into.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, ok := n.(uint64)
		if i, signed := n.(int64); signed && i >= 0 {
			u, ok = uint64(i), true
		}
		if !ok || into.OverflowUint(u) {
			return false
		}
		into.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, ok := asFloat(n, into.Kind())
		if !ok || into.OverflowFloat(f) {
			return false
		}
		into.SetFloat(f)
	default:
		return false
	}
	return true
}

// asFloat is n as a float; an int only if the float is exactly that.
func asFloat(n value, kind reflect.Kind) (float64, bool) {
	if f, ok := n.(float64); ok {
		return f, true
	}
	i, ok := n.(int64)
	exact := int64(1) << 53
	if kind == reflect.Float32 {
		exact = 1 << 24
	}
	return float64(i), ok && -exact <= i && i <= exact
}

// free sets an interface, to what is natural for v.
func (d *decoder) free(into reflect.Value, v value, depth int) error {
	if into.NumMethod() > 0 {
		return misfit(v, into.Type(), nil)
	}
	var natural reflect.Value
	switch v := v.(type) {
	case nil:
		return nil
	case bool, int64, uint64, float64, string:
		into.Set(reflect.ValueOf(v))
		return nil
	case rawBytes:
		natural = reflect.New(reflect.TypeFor[[]byte]()).Elem()
	case *list:
		natural = reflect.New(reflect.TypeFor[[]any]()).Elem()
	case *dict:
		natural = reflect.New(reflect.TypeFor[map[string]any]()).Elem()
	default:
		return misfit(v, into.Type(), nil)
	}
	if err := d.value(natural, v, depth+1); err != nil {
		return err
	}
	into.Set(natural)
	return nil
}

func (d *decoder) bytes(into reflect.Value, b rawBytes) error {
	t := into.Type()
	isList := into.Kind() == reflect.Slice || into.Kind() == reflect.Array
	if !isList || t.Elem().Kind() != reflect.Uint8 {
		return misfit(b, t, nil)
	}
	if err := d.pay(b, t, 1, len(b)); err != nil {
		return err
	}
	if into.Kind() == reflect.Slice {
		into.Set(reflect.MakeSlice(t, len(b), len(b)))
		copy(into.Bytes(), b)
		return nil
	}
	if len(b) != into.Len() {
		return misfit(b, t, fmt.Errorf("it has %d of them", len(b)))
	}
	copy(into.Bytes(), b) // it is addressable: part of what we have made
	return nil
}

func (d *decoder) list(into reflect.Value, v *list, depth int) error {
	t, n := into.Type(), len(v.items)
	switch into.Kind() {
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return misfit(v, t, nil) // bytes are bytes
		}
	default:
		return misfit(v, t, nil)
	}
	if err := d.pay(v, t, n, int(t.Elem().Size())); err != nil {
		return err
	}
	if into.Kind() == reflect.Slice {
		into.Set(reflect.MakeSlice(t, n, n))
	} else if n != into.Len() {
		return misfit(v, t, fmt.Errorf("it has %d elements", n))
	}
	for i, item := range v.items {
		if err := d.value(into.Index(i), item, depth+1); err != nil {
			return within(err, fmt.Sprintf("[%d]", i))
		}
	}
	return nil
}

func (d *decoder) dict(into reflect.Value, v *dict, depth int) error {
	t := into.Type()
	if err := d.pay(v, t, len(v.items)/2, 0); err != nil {
		return err
	}
	switch {
	case into.Kind() == reflect.Struct:
		return d.structure(into, v, depth)
	case into.Kind() != reflect.Map || t.Key().Kind() != reflect.String:
		return misfit(v, t, nil)
	}
	into.Set(reflect.MakeMapWithSize(t, len(v.items)/2))
	for i := 0; i < len(v.items); i += 2 {
		name, err := keyOf(v.items[i], t)
		if err != nil {
			return err
		}
		key, elem := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		key.SetString(name)
		if err := d.pay(v, t, 1, int(t.Elem().Size())); err != nil {
			return err
		}
		if err := d.value(elem, v.items[i+1], depth+1); err != nil {
			return within(err, keyStep(name))
		}
		into.SetMapIndex(key, elem)
	}
	return nil
}

func keyOf(v value, t reflect.Type) (string, error) {
	name, ok := v.(string)
	if !ok {
		return "", &ValueError{Value: "dict with keys like " + describe(v), Type: t.String()}
	}
	return name, nil
}

func (d *decoder) structure(into reflect.Value, v *dict, depth int) error {
	t := into.Type()
	f := fieldsOf(t)
	if f.err != nil {
		return misfit(v, t, f.err)
	}
	for i := 0; i < len(v.items); i += 2 {
		name, err := keyOf(v.items[i], t)
		if err != nil {
			return err
		}
		field := f.byName[name]
		if field == nil {
			continue
		}
		part := into.FieldByIndex(field.index)
		part.SetZero() // of two equal keys the last one counts
		if err := d.value(part, v.items[i+1], depth+1); err != nil {
			return within(err, "."+name)
		}
	}
	return nil
}
