package cachify

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Codec turns results into bytes and back, for stores that keep bytes: the enc_dec
// of py-cachify. It must be safe for concurrent use. A codec that also has a method
//
//	Name() string
//
// marks its bytes with that name, and bytes with another mark count as a miss
// instead of being decoded: give it a new name when its format changes. One that
// also has a method
//
//	CheckType(reflect.Type) error
//
// is asked for the type of the results when the function is wrapped, if the codec is
// known then, and its error, as [ErrInvalid], is that of wrapping it. For bytes that
// other programs use as well see [SharedCodec].
type Codec interface {
	// Encode returns the bytes for v, a value of the type that the cached function
	// returns; nil values are kept without it. An error is the caller's, as a
	// [*CodecError]; nothing is stored.
	Encode(v any) ([]byte, error)

	// Decode fills into, a pointer to that type, from bytes that Encode made. An
	// error counts as a miss. It neither changes nor retains data.
	Decode(data []byte, into any) error
}

// SharedCodec is a [Codec] for a format in which other programs keep results under the
// same keys, and which they read and write without knowing cachify: the stored bytes
// begin with what Encode returned, and what cachify has to know stands behind it. So
// those programs have to ignore what follows the end of a value, and a value must not
// end in the bytes 0xCF 0xCA. Package picklecodec has one for Python.
//
// Bytes with nothing behind them were written by another program. They are passed to
// Decode as a whole, which has to refuse bytes that go on behind the end of the value.
// They are a result like any other, of which [Entry] tells that it is Foreign.
//
// What cannot be shared: a nil result, and with [NotFoundTTL] the lack of one, is
// remembered, but other programs find what Nothing returns. A refresh is only
// remembered if it ends while there is still the old result that others go on reading,
// or if there was none; otherwise [Events].Discarded tells.
type SharedCodec interface {
	Codec

	// Nothing returns the bytes that the other programs take for no result: they
	// find them while a function runs that will bring one. Never changed, never
	// empty.
	Nothing() []byte
}

// JSON returns the codec that uses encoding/json: the default.
func JSON() Codec { return jsonCodec{} }

type jsonCodec struct{}

func (jsonCodec) Name() string                       { return "json" }
func (jsonCodec) Encode(v any) ([]byte, error)       { return json.Marshal(v) }
func (jsonCodec) Decode(data []byte, into any) error { return json.Unmarshal(data, into) }

// checkType asks the codec that the results of a function will go through, if that is
// known: codec, or the one of the instance.
func checkType[R any](on *Cachify, codec Codec) error {
	if codec == nil && on != nil && on.core != nil && on.core.caps.Objects == nil {
		codec = on.core.Codec
	}
	c, ok := codec.(interface{ CheckType(t reflect.Type) error })
	if !ok {
		return nil
	}
	if err := c.CheckType(reflect.TypeFor[R]()); err != nil {
		return fmt.Errorf("%w: the codec cannot keep such results: %w", ErrInvalid, err)
	}
	return nil
}

func codecName(c Codec) string {
	if n, ok := c.(interface{ Name() string }); ok {
		return n.Name()
	}
	return ""
}
