package envelope

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"testing"
	"time"
)

// The format must not change: old records would be misread, or lost.
func TestGoldenBehind(t *testing.T) {
	h := Header{Codec: "pickle", Created: 1767323045006, Cost: time.Millisecond, TTL: time.Minute}
	const want = "80044b072ecacf01009cb2cccaef66c0843d80b09dc2df01067069636b6c6524000000e95b8796cfca"
	if got := hex.EncodeToString(AppendBehind(nil, h, []byte("\x80\x04K\x07."))); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestBehindRoundTrip(t *testing.T) {
	for _, f := range frames {
		b := AppendBehind([]byte("before"), f.header, []byte(f.payload))[len("before"):]
		if !bytes.HasPrefix(b, []byte(f.payload)) {
			t.Errorf("%s: it does not begin with the payload", f.name)
		}
		h, payload, err := ParseBehind(b)
		if err != nil || h != f.header || string(payload) != f.payload || cap(payload) != len(payload) {
			t.Errorf("%s: got %+v %q, %v", f.name, h, payload, err)
		}
		again := AppendBehind(nil, Header{Kind: Loading}, b) // one behind the other
		if h, payload, err = ParseBehind(again); err != nil || h.Kind != Loading || !bytes.Equal(payload, b) {
			t.Errorf("%s twice: got %+v %q, %v", f.name, h, payload, err)
		}
	}
}

func TestBehindDamageIsDetected(t *testing.T) {
	for _, f := range frames {
		b := AppendBehind(nil, f.header, []byte(f.payload))
		for i := range b {
			for bit := range 8 {
				b[i] ^= 1 << bit
				wantBroken(t, b)
				b[i] ^= 1 << bit
			}
			wantBroken(t, b[:i])
			if i < len(b)-2 {
				wantBroken(t, b[i+1:])
			}
		}
	}
}

// wantBroken: with a damaged sign it is bare, with any other damage corrupt.
func wantBroken(t *testing.T, b []byte) {
	t.Helper()
	want := ErrCorrupt
	if !bytes.HasSuffix(b, []byte{sign0, sign1}) {
		want = ErrBare
	}
	if h, payload, err := ParseBehind(b); !errors.Is(err, want) || h != (Header{}) || payload != nil {
		t.Errorf("% x: %+v %q, %v, want %v", b, h, payload, err, want)
	}
}

func FuzzParseBehind(f *testing.F) {
	for _, c := range frames {
		f.Add(AppendBehind(nil, c.header, []byte(c.payload)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, signed(b)} {
			h, payload, err := ParseBehind(b)
			if err != nil {
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrBare) {
					t.Fatal(err)
				}
				continue
			}
			if again := AppendBehind(nil, h, payload); !bytes.Equal(again, b) {
				t.Fatalf("% x and % x are the same", b, again)
			}
		}
	})
}

// signed adds the checksum and the sign.
func signed(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))), sign0, sign1)
}
