package picklecodec

import (
	"fmt"
	"reflect"
)

// Codec is a cachify.SharedCodec for Python's pickle. The zero value is ready; safe
// for concurrent use.
type Codec struct{}

// New returns the codec, for cachify.WithCodec or cachify.Config.
func New() Codec { return Codec{} }

// nothing is None by protocol 3: no Python writes it in so few bytes by default, so it
// is not taken for somebody's result.
var nothing = []byte("\x80\x03N.")

// Name returns "pickle".
func (Codec) Name() string { return "pickle" }

// Nothing returns a pickle of None, which py-cachify does not take for a result.
func (Codec) Nothing() []byte { return nothing }

// CheckType returns a [*TypeError] if no value of type t could be encoded, or none
// decoded into it. What an interface in it holds is only known once there is a value.
func (Codec) CheckType(t reflect.Type) error {
	return (&checker{seen: make(map[reflect.Type]bool)}).check(t, "")
}

// Encode returns a pickle of v: a nil, or a value of a type that [Codec.CheckType]
// lets pass. Equal values give equal bytes. The error is a [*TypeError].
func (Codec) Encode(v any) ([]byte, error) {
	e := encoder{buf: append(make([]byte, 0, 64), opProto, 4)}
	if err := e.value(reflect.ValueOf(v), 0); err != nil {
		return nil, err
	}
	return append(e.buf, opStop), nil
}

// Decode reads a pickle with nothing behind it, and sets what into points to, whatever
// it was; if there is an error, a [*FormatError] or a [*ValueError], it stays as it was.
func (Codec) Decode(data []byte, into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return &ValueError{Value: "value", Type: fmt.Sprintf("%T", into), Err: errNoTarget}
	}
	v, err := parse(data)
	if err != nil {
		return err
	}
	target = target.Elem()
	if v == nil && !nilable(target.Kind()) {
		return &ValueError{Value: "None", Type: target.Type().String()}
	}
	result := reflect.New(target.Type()).Elem()
	d := decoder{left: freeCost + costPerByte*int64(len(data))}
	if err := d.value(result, v, 0); err != nil {
		return err
	}
	target.Set(result)
	return nil
}

func nilable(k reflect.Kind) bool {
	switch k {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return false
}
