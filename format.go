package cachify

import (
	"errors"
	"time"

	"github.com/go-cachify/cachify/internal/envelope"
)

// format is what the bytes of results look like in a store: an envelope, or for a
// [SharedCodec] the codec's own bytes with an envelope behind them.
type format struct {
	codec   Codec
	name    string // of the codec
	shared  bool
	nothing []byte // the payload where there is no value
}

func formatOf(c Codec) format {
	f := format{codec: c, name: codecName(c)}
	if s, ok := c.(SharedCodec); ok {
		f.shared, f.nothing = true, s.Nothing()
	}
	return f
}

func (f format) frame(h envelope.Header, payload []byte) []byte {
	if f.shared {
		return envelope.AppendBehind(nil, h, payload)
	}
	return envelope.Append(nil, h, payload)
}

// parse undoes frame. What another program has written is a value, of which nothing is
// known.
func (f format) parse(raw []byte) (h envelope.Header, payload []byte, foreign bool, err error) {
	if !f.shared {
		h, payload, err = envelope.Parse(raw)
		return h, payload, false, err
	}
	h, payload, err = envelope.ParseBehind(raw)
	if errors.Is(err, envelope.ErrBare) {
		return envelope.Header{Codec: f.name}, raw, true, nil
	}
	return h, payload, false, err
}

// grace is how much longer than the result inside it a reservation lives. Programs
// that know nothing of reservations would take that result for good as long.
func (f format) grace() time.Duration {
	if f.shared {
		return 0
	}
	return reservationTTL
}
