package envelope

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"math"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var frames = []struct {
	name    string
	header  Header
	payload string
	golden  string // hex
}{
	{"zero", Header{}, "", "cacf010000000000053e4b41"},
	{"value", Header{
		Codec: "json", Created: 1767323045006, Cost: 1500 * time.Microsecond, TTL: 5 * time.Minute,
	}, `{"id":1}`, "cacf01009cb2cccaef66e0c65b80f092cbdd08046a736f6e7b226964223a317d55468a85"},
	{"no expiry", Header{Codec: "json", Created: 1767323045006, TTL: NoExpiry}, "1", "cacf01809cb2cccaef6600046a736f6e3165d3157f"},
	{"nil", Header{Kind: Nil, Created: 1, TTL: time.Second}, "", "cacf010102008094ebdc03006fecb41c"},
	{"not found", Header{Kind: NotFound, Created: 1, Cost: 1, TTL: NoExpiry}, "", "cacf0182020100c78094d7"},
	{"loading", Header{Kind: Loading, Created: -1, TTL: time.Millisecond}, "host:1:x/1", "cacf01030100c0843d00686f73743a313a782f31b4780ba7"},
	{"extremes", Header{Created: math.MinInt64, Cost: -1, TTL: math.MinInt64}, "\x00", "cacf0100ffffffffffffffffff01ffffffffffffffffff01808080808080808080010000dd58633f"},
}

// The format must not change: old records would be misread, or lost.
func TestGolden(t *testing.T) {
	for _, f := range frames {
		got := hex.EncodeToString(Append(nil, f.header, []byte(f.payload)))
		if got != f.golden {
			t.Errorf("%s: %s, want %s", f.name, got, f.golden)
		}
	}
}

func TestNoExpiryIsTheDrivers(t *testing.T) {
	if NoExpiry != driver.NoExpiry {
		t.Error("NoExpiry differs from driver.NoExpiry")
	}
}

func TestRoundTrip(t *testing.T) {
	for _, f := range frames {
		frame := Append([]byte("before"), f.header, []byte(f.payload))
		h, payload, err := Parse(frame[len("before"):])
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if h != f.header || string(payload) != f.payload {
			t.Errorf("%s: got %+v %q", f.name, h, payload)
		}
		if cap(payload) != len(payload) {
			t.Errorf("%s: appending to the payload would write on the frame", f.name)
		}
	}
}

func TestDamageIsDetected(t *testing.T) {
	for _, f := range frames {
		frame := Append(nil, f.header, []byte(f.payload))
		for i := range frame {
			for bit := range 8 {
				frame[i] ^= 1 << bit
				checkCorrupt(t, frame)
				frame[i] ^= 1 << bit
			}
			checkCorrupt(t, frame[:i])
			checkCorrupt(t, frame[i+1:])
		}
		checkCorrupt(t, append(bytes.Clone(frame), 0))
		checkCorrupt(t, append(bytes.Clone(frame), frame...))
	}
}

func checkCorrupt(t *testing.T, b []byte) {
	t.Helper()
	h, payload, err := Parse(b)
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("% x: error %v, want ErrCorrupt", b, err)
	}
	if h != (Header{}) || payload != nil {
		t.Errorf("% x: %+v %q beside an error", b, h, payload)
	}
}

// Frames with a checksum that is right, and contents that are not.
func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name string
		body string
		want error
	}{
		{"empty", "", errForeign},
		{"text", "{\"some\": \"json\"}", errForeign},
		{"pickle", "\x80\x04\x95\x00\x00\x00\x00", errForeign},
		{"only magic", "\xca\xcf", errShort},
		{"version 0", "\xca\xcf\x00\x00\x00\x00\x00\x00", errVersion},
		{"version 2", "\xca\xcf\x02\x00\x00\x00\x00\x00", errVersion},
		{"kind 4", "\xca\xcf\x01\x04\x00\x00\x00\x00", errFlags},
		{"flag 4", "\xca\xcf\x01\x10\x00\x00\x00\x00", errFlags},
		{"flag 6", "\xca\xcf\x01\x40\x00\x00\x00\x00", errFlags},
		{"codec past the end", "\xca\xcf\x01\x00\x00\x00\x00\x05json", errShort},
		{"codec far past the end", "\xca\xcf\x01\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", errShort},
		{"no codec", "\xca\xcf\x01\x00\x00\x00\x80\x00", errNumber},
		{"superfluous byte", "\xca\xcf\x01\x00\x80\x00\x00\x00\x00", errNumber},
		{"number too large", "\xca\xcf\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00", errNumber},
		{"number without an end", "\xca\xcf\x01\x00\xff\xff\xff\xff", errNumber},
		{"no expiry without the flag", "\xca\xcf\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00", errNumber},
	} {
		_, _, err := Parse(sealed(c.body))
		if !errors.Is(err, c.want) || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// sealed adds the checksum to body.
func sealed(body string) []byte {
	return binary.LittleEndian.AppendUint32([]byte(body), crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli)))
}

func TestUnknownKindPanics(t *testing.T) {
	for _, k := range []Kind{lastKind + 1, 0x80, 0xff} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("kind %d: no panic", k)
				}
			}()
			Append(nil, Header{Kind: k}, nil)
		}()
	}
}

func TestAllocations(t *testing.T) {
	h := Header{Codec: "json", Created: 1767323045006, TTL: time.Minute}
	payload := []byte("some payload")
	buf := make([]byte, 0, 128)
	if n := testing.AllocsPerRun(100, func() { Append(buf, h, payload) }); n != 0 {
		t.Errorf("Append: %v allocations", n)
	}
	frame := Append(nil, h, payload)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := Parse(frame); err != nil {
			t.Error(err)
		}
	}); n > 1 { // the name of the codec
		t.Errorf("Parse: %v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range frames {
		f.Add(Append(nil, c.header, []byte(c.payload)), byte(c.header.Kind), c.header.Codec,
			c.header.Created, int64(c.header.Cost), int64(c.header.TTL), []byte(c.payload), uint(0))
	}
	f.Add([]byte("\xca\xcf\x01\x00"), byte(1), "gob", int64(1), int64(2), int64(3), []byte("x"), uint(40))
	f.Fuzz(func(t *testing.T, b []byte, kind byte, codec string, created, cost, ttl int64, payload []byte, flip uint) {
		checkAnyBytes(t, b)
		checkAnyBytes(t, sealed(string(b)))

		h := Header{
			Kind: Kind(kind) % (lastKind + 1), Codec: codec, Created: created,
			Cost: time.Duration(cost), TTL: time.Duration(ttl),
		}
		frame := Append(nil, h, payload)
		got, gotPayload, err := Parse(frame)
		if err != nil || got != h || !bytes.Equal(gotPayload, payload) {
			t.Fatalf("%+v %q came back as %+v %q, %v", h, payload, got, gotPayload, err)
		}
		flip %= uint(len(frame)) * 8
		frame[flip/8] ^= 1 << (flip % 8)
		checkCorrupt(t, frame)
	})
}

// checkAnyBytes checks that what can be parsed is the one frame of its contents.
func checkAnyBytes(t *testing.T, b []byte) {
	h, payload, err := Parse(b)
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%v is not ErrCorrupt", err)
		}
		return
	}
	if again := Append(nil, h, payload); !bytes.Equal(again, b) {
		t.Fatalf("% x and % x are frames of the same", b, again)
	}
}

func BenchmarkAppend(b *testing.B) {
	h := Header{Codec: "json", Created: 1767323045006, Cost: time.Millisecond, TTL: time.Minute}
	payload := make([]byte, 256)
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		Append(buf, h, payload)
	}
}

func BenchmarkParse(b *testing.B) {
	h := Header{Codec: "json", Created: 1767323045006, Cost: time.Millisecond, TTL: time.Minute}
	frame := Append(nil, h, make([]byte, 256))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse(frame); err != nil {
			b.Fatal(err)
		}
	}
}
