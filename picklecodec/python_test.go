package picklecodec_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/go-cachify/cachify/picklecodec"
)

// python is a process with the real pickle.
type python struct {
	t     testing.TB
	write func(string) error
	read  *bufio.Reader
}

func startPython(t testing.TB) *python {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "/usr/bin/python3", "testdata/pickles.py")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal("this test needs Python: apt-get install python3: ", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("python: %v\n%s", err, &stderr)
		}
	})
	return &python{t, func(s string) error { _, err := fmt.Fprintln(in, s); return err }, bufio.NewReaderSize(out, 1<<20)}
}

func (p *python) ask(format string, args ...any) string {
	p.t.Helper()
	line := fmt.Sprintf(format, args...)
	if err := p.write(line); err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.read.ReadString('\n')
	if err != nil {
		p.t.Fatalf("python gave no answer to %.200q: %v", line, err)
	}
	return strings.TrimSuffix(answer, "\n")
}

// load is the canonical text of what Python reads.
func (p *python) load(data []byte) string {
	p.t.Helper()
	return p.ask("load %s", base64.StdEncoding.EncodeToString(data))
}

// dump is the pickle of a Python expression.
func (p *python) dump(protocol int, expression string) []byte {
	p.t.Helper()
	return decode64(p.t, p.ask("dump %d %s", protocol, expression))
}

func decode64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// canon is the text that testdata/pickles.py makes of the same value.
func canon(v any) string {
	switch v := v.(type) {
	case nil:
		return "N"
	case bool:
		return map[bool]string{true: "T", false: "F"}[v]
	case int64, uint64:
		return fmt.Sprintf("i%d", v)
	case float64:
		if math.IsNaN(v) {
			return "fnan"
		}
		return fmt.Sprintf("f%016x", math.Float64bits(v))
	case string:
		return "s" + hex.EncodeToString([]byte(v))
	case []byte:
		return "b" + hex.EncodeToString(v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = canon(v[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, hex.EncodeToString([]byte(k))+":"+canon(v[k]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	panic(fmt.Sprintf("a %T", v))
}

// Values of all kinds and protocols that Python writes are read, and when they are
// written again Python reads the same.
func TestPythonToGo(t *testing.T) {
	py := startPython(t)
	for seed := range 3000 {
		encoded, want, _ := strings.Cut(py.ask("make %d", seed), " ")
		data := decode64(t, encoded)
		var v any
		if err := picklecodec.New().Decode(data, &v); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := canon(v); got != want {
			t.Fatalf("seed %d: Go reads %.300s, Python wrote %.300s", seed, got, want)
		}
		again, err := picklecodec.New().Encode(v)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if seed%4 == 0 {
			if got := py.load(again); got != want {
				t.Fatalf("seed %d: Python reads %.300s of what Go wrote, want %.300s", seed, got, want)
			}
		}
	}
}

func TestGoToPython(t *testing.T) {
	py := startPython(t)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		v := randomValue(r, 0)
		data, err := picklecodec.New().Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := py.load(data), canon(v); got != want {
			t.Fatalf("value %d: Python reads %.300s, Go wrote %.300s", n, got, want)
		}
		var back any
		if err := picklecodec.New().Decode(data, &back); err != nil || canon(back) != canon(v) {
			t.Fatalf("value %d: Go reads %.300s, %v, Go wrote %.300s", n, canon(back), err, canon(v))
		}
	}
}

func randomValue(r *rand.Rand, depth int) any {
	length := []int{0, 1, 2, 255, 256}[r.IntN(5)]
	if r.IntN(50) == 0 {
		length = 70000
	}
	switch kind := r.IntN(10); {
	case kind == 0:
		return nil
	case kind == 1:
		return r.IntN(2) == 0
	case kind == 2:
		return int64(r.Uint64()) >> r.IntN(64)
	case kind == 3:
		return r.Uint64() | 1<<63
	case kind == 4:
		return []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), r.NormFloat64(), math.MaxFloat64, 5e-324}[r.IntN(8)]
	case kind == 5:
		b := make([]byte, length)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	case kind < 8 || depth > 4:
		return randomText(r, length)
	case kind == 8:
		v := make([]any, r.IntN(6))
		for i := range v {
			v[i] = randomValue(r, depth+1)
		}
		return v
	}
	v := map[string]any{}
	for range r.IntN(6) {
		v[randomText(r, 5)] = randomValue(r, depth+1)
	}
	return v
}

func randomText(r *rand.Rand, n int) string {
	runes := []rune("az\x00\n\r\x1a\\'äλ漢😀\U0010ffff")
	var b strings.Builder
	for range n {
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return b.String()
}

// What is damaged is refused, or read as Python reads it.
func TestDamagedAsPython(t *testing.T) {
	py := startPython(t)
	r := rand.New(rand.NewPCG(3, 4))
	read := 0
	for seed := range 400 {
		encoded, _, _ := strings.Cut(py.ask("make %d", seed), " ")
		data := decode64(t, encoded)
		if len(data) > 5000 {
			continue
		}
		for range 20 {
			bad := bytes.Clone(data)
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			var v any
			if picklecodec.New().Decode(bad, &v) != nil {
				continue
			}
			read++
			if got, want := py.load(bad), canon(v); got != want {
				t.Fatalf("seed %d: Go reads %.300s, Python %.300s, of %q", seed, want, got, bad)
			}
		}
	}
	if read < 100 {
		t.Errorf("only %d were read: does this test anything?", read)
	}
}

// What is not plain is refused, whatever the protocol.
func TestPythonNotPlain(t *testing.T) {
	py := startPython(t)
	for _, expression := range []string{
		"(1, 2)", "()", "{1, 2}", "frozenset([1])", "bytearray(b'x')", "1j", "datetime.datetime(2026, 1, 2)", "datetime.date(2026, 1, 2)",
		"decimal.Decimal('1.5')", "uuid.UUID(int=1)", "collections.OrderedDict(a=1)", "collections.Counter('ab')", "print", "int",
		"[1, {'a': (1,)}]", "collections.deque([1])", "range(3)", "Ellipsis",
	} {
		for protocol := range 6 {
			v := any("untouched")
			err := picklecodec.New().Decode(py.dump(protocol, expression), &v)
			var fe *picklecodec.FormatError
			if !errors.Is(err, picklecodec.ErrNotPlain) || !errors.As(err, &fe) || v != "untouched" {
				t.Errorf("%s by protocol %d: %v, %v, want ErrNotPlain", expression, protocol, v, err)
			}
		}
	}
	for protocol := range 3 { // the only plain value that Python pickles as a call
		if err := picklecodec.New().Decode(py.dump(protocol, "b'x'"), new(any)); !errors.Is(err, picklecodec.ErrNotPlain) {
			t.Errorf("bytes by protocol %d: %v, want ErrNotPlain", protocol, err)
		}
	}
}

// Lists and dicts that occur more than once, which other readers of pickles confuse.
func TestSharedParts(t *testing.T) {
	py := startPython(t)
	for protocol := range 6 {
		for expression, want := range map[string]string{
			"(lambda l: [l, l, {'a': l}])([1])":                            "[[i1],[i1],{61:[i1]}]",
			"(lambda d: [d, d])({'a': [1]})":                               "[{61:[i1]},{61:[i1]}]",
			"(lambda s: [s, s, {s: s}])('x' * 3)":                          "[s787878,s787878,{787878:s787878}]",
			"list(range(3)) * 2":                                           "[i0,i1,i2,i0,i1,i2]",
			"[1 << 63, (1 << 64) - 1, -(1 << 63), 1 << 62, -1, 255, -256]": "[i9223372036854775808,i18446744073709551615,i-9223372036854775808,i4611686018427387904,i-1,i255,i-256]",
		} {
			var v any
			if err := picklecodec.New().Decode(py.dump(protocol, expression), &v); err != nil || canon(v) != want {
				t.Errorf("%s by protocol %d: %s, %v, want %s", expression, protocol, canon(v), err, want)
			}
		}
		for _, expression := range []string{"1 << 64", "-(1 << 63) - 1", "1 << 5000", "-(1 << 5000)"} {
			var ve *picklecodec.ValueError
			if err := picklecodec.New().Decode(py.dump(protocol, expression), new(any)); !errors.As(err, &ve) {
				t.Errorf("%s by protocol %d: %v, want a ValueError", expression, protocol, err)
			}
		}
		data := py.dump(protocol, "(lambda l: [l, l.append(l)][0])([])")
		if err := picklecodec.New().Decode(data, new(any)); !errors.Is(err, picklecodec.ErrTooDeep) {
			t.Errorf("a list within itself: %v, want ErrTooDeep", err)
		}
		if err := picklecodec.New().Decode(py.dump(protocol, "{1: 2}"), new(any)); !errors.As(err, new(*picklecodec.ValueError)) {
			t.Errorf("a dict with an int key: %v, want a ValueError", err)
		}
		if err := picklecodec.New().Decode(py.dump(protocol, "'\\ud800'"), new(any)); !errors.Is(err, picklecodec.ErrMalformed) {
			t.Errorf("half a surrogate pair: %v, want ErrMalformed", err)
		}
	}
}
