package cachify

import "encoding/json"

// Codec turns results into bytes and back, for stores that keep bytes: the enc_dec
// of py-cachify. It must be safe for concurrent use. A codec that also has a method
//
//	Name() string
//
// marks its bytes with that name, and bytes with another mark count as a miss
// instead of being decoded: give it a new name when its format changes.
type Codec interface {
	// Encode returns the bytes for v, a value of the type that the cached function
	// returns; nil values are kept without it. An error is the caller's, as a [*CodecError]; nothing is stored.
	Encode(v any) ([]byte, error)

	// Decode fills into, a pointer to that type, from bytes that Encode made. An
	// error counts as a miss. It neither changes nor retains data.
	Decode(data []byte, into any) error
}

// JSON returns the codec that uses encoding/json: the default.
func JSON() Codec { return jsonCodec{} }

type jsonCodec struct{}

func (jsonCodec) Name() string                       { return "json" }
func (jsonCodec) Encode(v any) ([]byte, error)       { return json.Marshal(v) }
func (jsonCodec) Decode(data []byte, into any) error { return json.Unmarshal(data, into) }

func codecName(c Codec) string {
	if n, ok := c.(interface{ Name() string }); ok {
		return n.Name()
	}
	return ""
}
