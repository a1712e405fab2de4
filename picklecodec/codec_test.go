package picklecodec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/picklecodec"
)

var _ cachify.SharedCodec = picklecodec.New()

type base struct {
	ID    int64  `pickle:"id"`
	Owner string `json:"owner,omitempty"`
}

type label string

type all struct {
	base

	Bool    bool
	Small   int8
	Big     uint64 `pickle:"big" json:"other"`
	Half    float32
	Name    label
	Raw     []byte
	Sum     [4]byte
	Pair    [2]int
	Names   []label
	Scores  map[label]float64
	Next    *all `pickle:"next,omitempty"`
	Any     any
	Took    time.Duration
	Skipped chan int  `pickle:"-"`
	Zero    struct{}  `json:"zero,omitzero"`
	Dash    int       `pickle:"-,"`
	Deep    [][]*bool `pickle:",omitempty"`
}

func full() all {
	yes := true
	return all{
		base: base{ID: 1 << 40, Owner: "ann"}, Bool: true, Small: -128, Big: math.MaxUint64, Half: 0.5, Name: "λ", Raw: []byte{0, 255},
		Sum: [4]byte{1, 2, 3, 4}, Pair: [2]int{-1, 70000}, Names: []label{"a", ""}, Scores: map[label]float64{"b": math.Inf(1), "a": 1},
		Next: &all{Names: []label{}}, Any: map[string]any{"x": []any{nil, int64(1)}}, Took: time.Second, Dash: 3, Deep: [][]*bool{{&yes, nil}},
	}
}

func TestGoTypes(t *testing.T) {
	py := startPython(t)
	in := full()
	data, err := picklecodec.New().Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	var out all
	if err := picklecodec.New().Decode(data, &out); err != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("%+v came back as %+v, %v", in, out, err)
	}
	var natural any
	if err := picklecodec.New().Decode(data, &natural); err != nil {
		t.Fatal(err)
	}
	if got := py.load(data); got != canon(natural) {
		t.Errorf("Python reads %s, want %s", got, canon(natural))
	}
	m := natural.(map[string]any)
	for _, name := range []string{"id", "owner", "Bool", "big", "next", "-"} {
		if _, ok := m[name]; !ok {
			t.Errorf("there is no %q in %v", name, m)
		}
	}
	if len(m) != 17 {
		t.Errorf("%d fields, want 17: %v", len(m), m)
	}
}

func TestSameBytesForTheSame(t *testing.T) {
	first, _ := picklecodec.New().Encode(full())
	for range 20 {
		if again, err := picklecodec.New().Encode(full()); err != nil || !bytes.Equal(first, again) {
			t.Fatalf("%q and %q, %v", first, again, err)
		}
	}
}

type node struct{ Next *node }

type clash struct {
	A int `pickle:"x"`
	B int `pickle:"x"`
}

type bare struct{ hidden int }

type (
	outer  struct{ *base }
	nested struct {
		time.Time
		Name string
	}
)

// What has no plain form is an error, when a function is wrapped and when there is a
// value, and never an empty dict.
func TestUnsupported(t *testing.T) {
	loop := &node{}
	loop.Next = loop
	self := []any{nil}
	self[0] = self
	for _, v := range []any{
		time.Now(), make(chan int), func() {}, 1i, uintptr(1), bare{1}, clash{}, outer{}, nested{}, errors.New("x"),
		map[int]string{1: "a"}, map[int]string{}, []time.Time{}, []time.Time{{}}, map[string]func(){}, &bare{}, struct{ T time.Time }{},
		struct{ R io.Reader }{}, [0]chan int{}, map[any]int{"a": 1},
	} {
		typ := reflect.TypeOf(v)
		var te *picklecodec.TypeError
		if err := picklecodec.New().CheckType(typ); !errors.As(err, &te) {
			t.Errorf("CheckType(%v) = %v, want a TypeError", typ, err)
		}
		if typ.Kind() == reflect.Struct && typ.NumField() == 1 && typ.Field(0).Type.Kind() == reflect.Interface {
			continue // this one is nil, which can be written
		}
		if b, err := picklecodec.New().Encode(v); !errors.As(err, &te) || te.Error() == "" {
			t.Errorf("Encode(%v) = %q, %v, want a TypeError", typ, b, err)
		}
		if b, err := picklecodec.New().Encode([]any{v}); !errors.As(err, &te) || !strings.HasPrefix(te.Path, "[0]") {
			t.Errorf("Encode of []any{%v} = %q, %v, want a TypeError at [0]", typ, b, err)
		}
	}
	for _, v := range []any{loop, self, "\xff", map[string]int{"\xff": 1}, label("\xc0")} {
		var te *picklecodec.TypeError
		if b, err := picklecodec.New().Encode(v); !errors.As(err, &te) {
			t.Errorf("Encode(%T) = %q, %v, want a TypeError", v, b, err)
		}
		if err := picklecodec.New().CheckType(reflect.TypeOf(v)); err != nil {
			t.Errorf("CheckType(%T) = %v", v, err)
		}
	}
	if _, err := picklecodec.New().Encode(loop); !errors.Is(err, picklecodec.ErrTooDeep) {
		t.Errorf("a loop: %v, want ErrTooDeep", err)
	}
}

// Wrapping a function tells which part of its type it is.
func TestCheckTypeTellsWhere(t *testing.T) {
	err := picklecodec.New().CheckType(reflect.TypeOf(map[string][]*struct{ When time.Time }{}))
	var te *picklecodec.TypeError
	if !errors.As(err, &te) || te.Path != "[][].When" || te.Type != "time.Time" {
		t.Errorf("%v, want a TypeError at [][].When", err)
	}
}

func TestFitting(t *testing.T) {
	py := startPython(t)
	one := 1
	for _, c := range []struct {
		expression string
		want       any // its type is the target; an error: reflect.Type instead
	}{
		{"7", int64(7)}, {"7", int8(7)}, {"7", uint(7)}, {"7", 7.0}, {"7", float32(7)}, {"7", any(int64(7))}, {"1", &one},
		{"1 << 53", float64(1 << 53)}, {"(1 << 53) + 1", reflect.TypeFor[float64]()}, {"(1 << 24) + 1", reflect.TypeFor[float32]()},
		{"128", reflect.TypeFor[int8]()}, {"-129", reflect.TypeFor[int8]()}, {"256", reflect.TypeFor[uint8]()}, {"-1", reflect.TypeFor[uint64]()},
		{"1 << 31", reflect.TypeFor[int32]()}, {"-(1 << 31)", int32(math.MinInt32)}, {"(1 << 32) - 1", uint32(math.MaxUint32)}, {"1 << 32", reflect.TypeFor[uint32]()},
		{"1 << 63", uint64(1 << 63)}, {"1 << 63", reflect.TypeFor[int64]()}, {"1 << 64", reflect.TypeFor[uint64]()},
		{"1.0", reflect.TypeFor[int]()}, {"1e300", reflect.TypeFor[float32]()}, {"float('inf')", float32(math.Inf(1))},
		{"True", true}, {"True", reflect.TypeFor[int]()}, {"1", reflect.TypeFor[bool]()}, {"'1'", reflect.TypeFor[int]()}, {"1", reflect.TypeFor[string]()},
		{"'x'", "x"}, {"'x'", label("x")}, {"'x'", reflect.TypeFor[[]byte]()}, {"b'x'", []byte("x")}, {"b'x'", reflect.TypeFor[string]()},
		{"b'x'", [1]byte{'x'}}, {"b'x'", reflect.TypeFor[[2]byte]()}, {"[120]", reflect.TypeFor[[]byte]()}, {"b'x'", reflect.TypeFor[[]int]()},
		{"[1, 2]", []int32{1, 2}}, {"[1, 2]", [2]int{1, 2}}, {"[1, 2]", reflect.TypeFor[[3]int]()}, {"[]", []string{}},
		{"[None, 1]", []*int{nil, &one}}, {"[None, 1]", []int{0, 1}}, {"['a', 1]", []any{"a", int64(1)}}, {"['a', 1]", reflect.TypeFor[[]string]()},
		{"{'a': 1}", map[string]int{"a": 1}}, {"{'a': None}", map[label]*int{"a": nil}}, {"{'a': 'b'}", reflect.TypeFor[map[string]int]()}, {"{1: 2}", reflect.TypeFor[map[string]int]()},
		{"{'a': 1}", reflect.TypeFor[map[int]int]()}, {"[1]", reflect.TypeFor[map[string]int]()}, {"{}", reflect.TypeFor[[]int]()},
		{"{'id': 3, 'more': [1 << 70]}", base{ID: 3}}, {"{'ID': 3}", base{}}, {"{'id': 'x'}", reflect.TypeFor[base]()}, {"{1: 3}", reflect.TypeFor[base]()},
		{"{'owner': None}", base{}}, {"{}", time.Second}, {"{'id': 1}", reflect.TypeFor[struct{ time.Time }]()},
		{"None", (*int)(nil)}, {"None", []int(nil)}, {"None", map[string]int(nil)}, {"None", reflect.TypeFor[int]()}, {"None", reflect.TypeFor[base]()}, {"None", reflect.TypeFor[string]()},
		{"1", reflect.TypeFor[io.Reader]()}, {"1", reflect.TypeFor[chan int]()}, {"1000000000", time.Second},
	} {
		typ, bad := c.want.(reflect.Type)
		if !bad {
			typ = reflect.TypeOf(c.want)
		}
		if c.expression == "{}" && typ == reflect.TypeFor[time.Duration]() {
			bad = true
		}
		target := reflect.New(typ)
		data := py.dump(4, c.expression)
		err := picklecodec.New().Decode(data, target.Interface())
		if !bad {
			if got := target.Elem().Interface(); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s into %v: %v, %v, want %v", c.expression, typ, got, err, c.want)
			}
			continue
		}
		var ve *picklecodec.ValueError
		if !errors.As(err, &ve) || !strings.Contains(ve.Error(), "Python's") {
			t.Errorf("%s into %v: %v, want a ValueError", c.expression, typ, err)
		}
		if !target.Elem().IsZero() {
			t.Errorf("%s into %v left %v behind an error", c.expression, typ, target.Elem())
		}
	}
}

func TestErrorsTellWhere(t *testing.T) {
	data, err := picklecodec.New().Encode(map[string]any{"Users": []any{map[string]any{"id": 1}, map[string]any{"id": "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Users []base }
	const want = `pickle: Python's str does not fit in a Go int64 at .Users[1].id`
	if err := picklecodec.New().Decode(data, &v); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := picklecodec.New().Encode([]any{map[string]any{"a": time.Time{}}}); err == nil || !strings.Contains(err.Error(), `time.Time at [0]["a"]`) {
		t.Errorf("%v", err)
	}
}

func TestBadTarget(t *testing.T) {
	for _, into := range []any{nil, 1, (*int)(nil)} {
		if err := picklecodec.New().Decode([]byte("\x80\x04K\x01."), into); !errors.As(err, new(*picklecodec.ValueError)) {
			t.Errorf("%T: %v", into, err)
		}
	}
}

func TestDecodeReplaces(t *testing.T) {
	v := map[string]int{"old": 1}
	if err := picklecodec.New().Decode([]byte("\x80\x04}\x8c\x01aK\x01s."), &v); err != nil || len(v) != 1 || v["a"] != 1 {
		t.Errorf("%v, %v", v, err)
	}
}

// hostile are no pickles that Python writes.
var hostile = []string{
	"", ".", "N", "NN.", "N.N", "(N.", "\x80", "\x80\x06N.", "\x80\xffN.", "e.", "(e.", "]e.", "](NNu.", "}(Nu.", "Na.", "NNs.", "}NNa.", "](a.",
	"]q", "]q\x00h\x01.", "q\x00.", "\x94.", "]p-1\n.", "gx\n.", "g0", "p\n", "j\xff\xff\xff\xff.", "r\xff\xff\xff\xff.",
	"X\xff\xff\xff\xffabc.", "B\xff\xff\xff\xffabc.", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", "\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
	"\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "\x95\x03\x00\x00\x00\x00\x00\x00\x00N.", "\x8a\xffabc.", "\x8b\xff\xff\xff\xffabc.", "\x8b\xff\xff\xff\x7f",
	"I1_0\n.", "I0x1\n.", "I\n.", "I1", "L1.0L\n.", "I" + strings.Repeat("9", 100) + "x\n.", "Fx\n.", "F0x1p1\n.", "F1_0\n.", "V\\\n.", "V\\x41\n.", "V\\u12\n.", "V\\ud800\n.", "V\\U00110000\n.", "V\\U0001\n.",
	"X\x01\x00\x00\x00\xff.", "\x8c\x02\xed\xa0.", "(NN(d.", "(Nd.", "(((.", "\xca\xcf.", "{}", "null", "\xff", "]](h.",
}

func TestHostile(t *testing.T) {
	for _, h := range hostile {
		var v any
		err := picklecodec.New().Decode([]byte(h), &v)
		var fe *picklecodec.FormatError
		if !errors.As(err, &fe) || !errors.Is(err, picklecodec.ErrMalformed) {
			t.Errorf("%q: %v, %v, want ErrMalformed", h, v, err)
		}
		if fe != nil && (fe.Offset < 0 || fe.Offset > len(h)) {
			t.Errorf("%q: offset %d", h, fe.Offset)
		}
	}
	for _, h := range []string{
		"cos\nsystem\n(S'true'\ntR.", "(S'true'\nios\nsystem\n.", "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "Pid\n.", "NQ.", "\x82\x01.",
		"\x83\x01\x00.", "\x84\x01\x00\x00\x00.", "(i", "(o", "N}b", ")\x81.", "N0", "N2", "(1", "\x97.", "\x98.", "S'a'\n.", "U\x01a.", "T\x01\x00\x00\x00a.",
	} {
		if err := picklecodec.New().Decode([]byte(h), new(any)); !errors.Is(err, picklecodec.ErrNotPlain) {
			t.Errorf("%q: %v, want ErrNotPlain", h, err)
		}
	}
}

// laughs is a pickle of lists in lists, ten times the one before each.
func laughs(levels int) []byte {
	var b bytes.Buffer
	b.WriteString("(]q\x00Na")
	for i := range levels {
		fmt.Fprintf(&b, "]q%c(%se", i+1, strings.Repeat(fmt.Sprintf("h%c", i), 10))
	}
	b.WriteString("l.") // of all of them
	return b.Bytes()
}

func TestMemoryIsBounded(t *testing.T) {
	deep := append(bytes.Repeat([]byte("]"), 1e6), append(bytes.Repeat([]byte("a"), 1e6-1), '.')...)
	wide := append(append([]byte("]("), bytes.Repeat([]byte("}"), 1e6)...), "e."...)
	for _, c := range []struct {
		name string
		data []byte
		want error
		into any
	}{
		{"laughs", laughs(30), picklecodec.ErrTooLarge, new(any)},
		{"laughs into a struct", laughs(12), picklecodec.ErrTooLarge, new([][][][]any)},
		{"deep", deep, picklecodec.ErrTooDeep, new(any)},
		{"wide", wide, picklecodec.ErrTooLarge, new([][1 << 16]int64)},
		{"a huge array", []byte("](]]e."), picklecodec.ErrTooLarge, new([][1 << 24]int64)},
		{"a huge struct", []byte("](}}}}e."), picklecodec.ErrTooLarge, new([]*struct{ A [1 << 22]int64 })},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := picklecodec.New().Decode(c.data, c.into)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(128<<20+1000*len(c.data)); got > most {
			t.Errorf("%s: %d MB for %d bytes", c.name, got>>20, len(c.data))
		}
	}
	var v []map[string]int
	if err := picklecodec.New().Decode(wide, &v); err != nil || len(v) != 1e6 {
		t.Errorf("a million empty dicts: %d, %v", len(v), err)
	}
}

func FuzzDecode(f *testing.F) {
	py := startPython(f)
	for seed := range 300 {
		encoded, _, _ := strings.Cut(py.ask("make %d", seed), " ")
		if data := decode64(f, encoded); len(data) < 2000 {
			f.Add(data)
		}
	}
	for protocol := range 6 {
		for _, e := range []string{"(1, 2)", "{1}", "bytearray(b'x')", "datetime.date(2026, 1, 2)", "(lambda l: [l, l.append(l)][0])([])", "{'id': 1, 'Names': ['a'], 'Raw': b'x'}"} {
			f.Add(py.dump(protocol, e))
		}
	}
	for _, h := range hostile {
		f.Add([]byte(h))
	}
	f.Add(laughs(10))
	data, err := picklecodec.New().Encode(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		given := bytes.Clone(data)
		for _, into := range []any{new(any), new(all), new([]string), new(map[string][]*base), new([3]float64), new(uint16)} {
			if err := picklecodec.New().Decode(data, into); err != nil {
				if !errors.As(err, new(*picklecodec.FormatError)) && !errors.As(err, new(*picklecodec.ValueError)) {
					t.Fatalf("an error of type %T: %v", err, err)
				}
				continue
			}
			v := reflect.ValueOf(into).Elem()
			again, err := picklecodec.New().Encode(v.Interface())
			if err != nil {
				t.Fatalf("%#v was read and cannot be written: %v", v, err)
			}
			back := reflect.New(v.Type())
			err = picklecodec.New().Decode(again, back.Interface())
			third, _ := picklecodec.New().Encode(back.Elem().Interface())
			if v.IsZero() && v.Kind() == reflect.Interface {
				continue
			}
			if err != nil || !bytes.Equal(again, third) {
				t.Fatalf("%q and %q, %v", again, third, err)
			}
		}
		if !bytes.Equal(given, data) {
			t.Fatal("the pickle was changed")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data, err := picklecodec.New().Encode(full())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var v all
		if err := picklecodec.New().Decode(data, &v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	v := full()
	for b.Loop() {
		if _, err := picklecodec.New().Encode(v); err != nil {
			b.Fatal(err)
		}
	}
}

// A small pickle cannot make a large error: one long key that is used at each of many
// levels.
func TestErrorsAreShort(t *testing.T) {
	const long, deep = 100_000, 900
	var b strings.Builder
	b.WriteString("\x80\x02}X" + string(binary.LittleEndian.AppendUint32(nil, long)) + strings.Repeat("k", long) + "q\x00")
	b.WriteString(strings.Repeat("}h\x00", deep) + "}K\x01K\x01s" + strings.Repeat("s", deep) + "s.") // a key that is no str
	var into map[string]any
	err := picklecodec.New().Decode([]byte(b.String()), &into)
	if err == nil {
		t.Fatal("no error")
	}
	if n := len(err.Error()); n > 1000 {
		t.Errorf("the error has %d bytes", n)
	}
}
