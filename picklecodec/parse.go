package picklecodec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The opcodes of plain values, by protocol. Python's Lib/pickletools.py tells about all.
const (
	opMark            = '('
	opStop            = '.'
	opFloat           = 'F'
	opInt             = 'I'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opLong            = 'L'
	opBinInt2         = 'M'
	opNone            = 'N'
	opUnicode         = 'V'
	opAppend          = 'a'
	opDict            = 'd'
	opGet             = 'g'
	opList            = 'l'
	opPut             = 'p'
	opSetItem         = 's'
	opBinFloat        = 'G' // 1
	opBinUnicode      = 'X'
	opEmptyList       = ']'
	opEmptyDict       = '}'
	opAppends         = 'e'
	opSetItems        = 'u'
	opBinGet          = 'h'
	opLongBinGet      = 'j'
	opBinPut          = 'q'
	opLongBinPut      = 'r'
	opProto           = 0x80 // 2
	opTrue            = 0x88
	opFalse           = 0x89
	opLong1           = 0x8a
	opLong4           = 0x8b
	opBinBytes        = 'B' // 3
	opShortBinBytes   = 'C'
	opShortBinUnicode = 0x8c // 4
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opMemoize         = 0x94
	opFrame           = 0x95
)

// notPlain are the opcodes that are refused, with what they are for.
var notPlain = map[byte]string{
	'c': "a class or function", 0x93: "a class or function", 'i': "an object", 'o': "an object", 0x81: "an object", 0x92: "an object",
	'R': "a call", 'b': "the state of an object", 'P': "a reference to the outside", 'Q': "a reference to the outside",
	0x82: "a registered class", 0x83: "a registered class", 0x84: "a registered class",
	't': "a tuple", ')': "a tuple", 0x85: "a tuple", 0x86: "a tuple", 0x87: "a tuple",
	0x8f: "a set", 0x90: "a set", 0x91: "a frozenset", 0x96: "a bytearray", 0x97: "a buffer", 0x98: "a buffer",
	'S': "a string of Python 2", 'T': "a string of Python 2", 'U': "a string of Python 2",
	'0': "something that plain values have no use for", '1': "something that plain values have no use for", '2': "something that plain values have no use for",
}

// A value is nil, bool, int64, uint64 (above the int64s), bigInt, float64, string,
// rawBytes, *list or *dict.
type (
	value    any
	bigInt   struct{}
	rawBytes []byte // a part of the pickle
	list     struct{ items []value }
	dict     struct{ items []value } // key, value, key, value
)

// parser is Python's unpickling machine, for plain values: a stack, marks in it, and a
// memory of values to refer to. Each step takes at least a byte of the pickle, and
// none makes more than a small constant of memory, or as much as the bytes it takes.
type parser struct {
	data  []byte
	pos   int // of the next byte
	at    int // of the opcode under way
	stack []value
	marks []int
	memo  map[uint64]value
}

// parse reads the one value in data.
func parse(data []byte) (value, error) {
	p := parser{data: data}
	for {
		p.at = p.pos
		op, err := p.byte()
		if err != nil {
			return nil, err
		}
		if op == opStop {
			return p.stop()
		}
		if err := p.step(op); err != nil {
			return nil, err
		}
	}
}

func (p *parser) malformed(format string, args ...any) error {
	return &FormatError{Offset: p.at, Reason: fmt.Sprintf(format, args...), Err: ErrMalformed}
}

func (p *parser) stop() (value, error) {
	switch {
	case len(p.stack) != 1 || len(p.marks) != 0:
		return nil, p.malformed("the end, with %d values", len(p.stack))
	case p.pos != len(p.data):
		return nil, p.malformed("the end, with %d bytes behind it", len(p.data)-p.pos)
	}
	return p.stack[0], nil
}

func (p *parser) step(op byte) error {
	switch op {
	case opProto:
		return p.proto()
	case opFrame:
		return p.frame()
	case opMark:
		p.marks = append(p.marks, len(p.stack))
		return nil
	case opMemoize, opPut, opBinPut, opLongBinPut:
		return p.put(op)
	case opGet, opBinGet, opLongBinGet:
		return p.get(op)
	case opAppend, opAppends, opSetItem, opSetItems, opList, opDict:
		return p.collect(op)
	}
	if what, ok := notPlain[op]; ok {
		return &FormatError{Offset: p.at, Reason: fmt.Sprintf("opcode %#02x: %s", op, what), Err: ErrNotPlain}
	}
	v, err := p.scalar(op)
	if err == nil {
		p.stack = append(p.stack, v)
	}
	return err
}

// scalar reads a value that is complete, or empty for now.
func (p *parser) scalar(op byte) (value, error) {
	switch op {
	case opNone:
		return nil, nil //nolint:nilnil // it is None
	case opTrue:
		return true, nil
	case opFalse:
		return false, nil
	case opEmptyList:
		return &list{}, nil
	case opEmptyDict:
		return &dict{}, nil
	case opBinInt1, opBinInt2, opBinInt:
		return p.binInt(op)
	case opLong1, opLong4:
		return p.binLong(op)
	case opInt, opLong:
		return p.textInt(op)
	case opBinFloat:
		b, err := p.take(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case opFloat:
		return p.textFloat()
	case opShortBinUnicode, opBinUnicode, opBinUnicode8:
		return p.unicode(op)
	case opUnicode:
		return p.textUnicode()
	case opShortBinBytes, opBinBytes, opBinBytes8:
		n, err := p.number(map[byte]int{opShortBinBytes: 1, opBinBytes: 4, opBinBytes8: 8}[op])
		if err != nil {
			return nil, err
		}
		b, err := p.take(n)
		return rawBytes(b), err
	}
	return nil, p.malformed("there is no opcode %#02x", op)
}

func (p *parser) byte() (byte, error) {
	b, err := p.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (p *parser) take(n uint64) ([]byte, error) {
	if left := uint64(len(p.data) - p.pos); n > left {
		return nil, p.malformed("it is cut short: %d bytes should follow, %d do", n, left)
	}
	b := p.data[p.pos : p.pos+int(n)]
	p.pos += int(n)
	return b, nil
}

// number reads size bytes, little endian.
func (p *parser) number(size int) (uint64, error) {
	b, err := p.take(uint64(size))
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

func (p *parser) line() (string, error) {
	n := bytes.IndexByte(p.data[p.pos:], '\n')
	if n < 0 {
		return "", p.malformed("its line has no end")
	}
	line := p.data[p.pos : p.pos+n]
	p.pos += n + 1
	return string(line), nil
}

func (p *parser) proto() error {
	version, err := p.byte()
	if err == nil && version > 5 {
		err = p.malformed("protocol %d is not known here", version)
	}
	return err
}

// frame checks that what a frame announces is there. What frames are for, reading from
// a stream, does not matter here.
func (p *parser) frame() error {
	n, err := p.number(8)
	if left := uint64(len(p.data) - p.pos); err == nil && n > left {
		err = p.malformed("a frame of %d bytes, of which there are %d", n, left)
	}
	return err
}

func (p *parser) put(op byte) error {
	if len(p.stack) == 0 {
		return p.malformed("there is no value to remember")
	}
	id := uint64(len(p.memo))
	if op != opMemoize {
		var err error
		if id, err = p.reference(op == opPut, op == opBinPut); err != nil {
			return err
		}
	}
	if p.memo == nil {
		p.memo = make(map[uint64]value)
	}
	p.memo[id] = p.stack[len(p.stack)-1]
	return nil
}

func (p *parser) get(op byte) error {
	id, err := p.reference(op == opGet, op == opBinGet)
	if err != nil {
		return err
	}
	v, ok := p.memo[id]
	if !ok {
		return p.malformed("it refers to value %d, which was not there", id)
	}
	p.stack = append(p.stack, v)
	return nil
}

func (p *parser) reference(text, short bool) (uint64, error) {
	switch {
	case short:
		return p.number(1)
	case !text:
		return p.number(4)
	}
	line, err := p.line()
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseUint(line, 10, 64)
	if err != nil {
		return 0, p.malformed("%.20q is no reference", line)
	}
	return id, nil
}

// collect puts values into a list or dict.
func (p *parser) collect(op byte) error {
	from := len(p.stack) - map[byte]int{opAppend: 1, opSetItem: 2}[op]
	if op != opAppend && op != opSetItem {
		if len(p.marks) == 0 {
			return p.malformed("there is no mark")
		}
		from = p.marks[len(p.marks)-1]
		p.marks = p.marks[:len(p.marks)-1]
	}
	if from < 0 || len(p.marks) > 0 && from < p.marks[len(p.marks)-1] || from > len(p.stack) {
		return p.malformed("there are too few values")
	}
	items := p.stack[from:]
	p.stack = p.stack[:from]
	switch op {
	case opList:
		p.stack = append(p.stack, &list{append([]value(nil), items...)})
		return nil
	case opDict:
		d := &dict{append([]value(nil), items...)}
		p.stack = append(p.stack, d)
		return p.even(items)
	}
	if from == 0 || len(p.marks) > 0 && from-1 < p.marks[len(p.marks)-1] {
		return p.malformed("there is nothing to put values into")
	}
	switch c := p.stack[from-1].(type) {
	case *list:
		if op == opAppend || op == opAppends {
			c.items = append(c.items, items...)
			return nil
		}
	case *dict:
		if op == opSetItem || op == opSetItems {
			c.items = append(c.items, items...)
			return p.even(items)
		}
	}
	return p.malformed("values of a list or dict, for something else")
}

func (p *parser) even(items []value) error {
	if len(items)%2 != 0 {
		return p.malformed("a key without a value")
	}
	return nil
}

func (p *parser) binInt(op byte) (value, error) {
	switch op {
	case opBinInt1:
		n, err := p.number(1)
		return int64(n), err
	case opBinInt2:
		n, err := p.number(2)
		return int64(n), err
	}
	n, err := p.number(4)
	return int64(int32(uint32(n))), err
}

// binLong reads an int in two's complement.
func (p *parser) binLong(op byte) (value, error) {
	size := 1
	if op == opLong4 {
		size = 4
	}
	n, err := p.number(size)
	if err != nil {
		return nil, err
	}
	b, err := p.take(n)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return int64(0), nil
	}
	var sign byte
	if b[len(b)-1] >= 0x80 {
		sign = 0xff
	}
	for len(b) > 9 && b[len(b)-1] == sign {
		b = b[:len(b)-1]
	}
	var wide [9]byte
	for i := range wide {
		wide[i] = sign
	}
	if len(b) > copy(wide[:], b) {
		return bigInt{}, nil
	}
	low := binary.LittleEndian.Uint64(wide[:8])
	switch {
	case wide[8] == 0 && low > math.MaxInt64:
		return low, nil
	case wide[8] == 0 && sign == 0, wide[8] == 0xff && sign == 0xff && low > math.MaxInt64:
		return int64(low), nil
	}
	return bigInt{}, nil
}

// textInt reads an int of protocol 0, and a bool, which there is an int of two digits.
func (p *parser) textInt(op byte) (value, error) {
	line, err := p.line()
	if err != nil {
		return nil, err
	}
	if op == opInt && (line == "00" || line == "01") {
		return line == "01", nil
	}
	digits := line
	if op == opLong {
		digits = strings.TrimSuffix(line, "L")
	}
	if !decimal.MatchString(digits) {
		return nil, p.malformed("%.20q is no int", line)
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		return n, nil
	}
	return bigInt{}, nil
}

// decimal is how Python writes ints. It reads more, such as 0x1f and 1_000.
var decimal = regexp.MustCompile(`^(?:0|-?[1-9]\d*)$`)

func (p *parser) textFloat() (value, error) {
	line, err := p.line()
	if err != nil {
		return nil, err
	}
	f, err := strconv.ParseFloat(line, 64)
	if err != nil || strings.ContainsAny(line, "xX_") { // Python knows no such floats
		return nil, p.malformed("%.20q is no float", line)
	}
	return f, nil
}

func (p *parser) unicode(op byte) (value, error) {
	n, err := p.number(map[byte]int{opShortBinUnicode: 1, opBinUnicode: 4, opBinUnicode8: 8}[op])
	if err != nil {
		return nil, err
	}
	b, err := p.take(n)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) { // Python writes half a surrogate pair like this
		return nil, p.malformed("a str that is not valid Unicode")
	}
	return string(b), nil
}

// textUnicode reads a str of protocol 0: Latin-1, where a backslash begins \uXXXX or
// \UXXXXXXXX, also one that stands for a backslash.
func (p *parser) textUnicode() (value, error) {
	line, err := p.line()
	if err != nil {
		return nil, err
	}
	var s strings.Builder
	for i := 0; i < len(line); {
		if line[i] != '\\' {
			s.WriteRune(rune(line[i]))
			i++
			continue
		}
		size := 0
		if rest := line[i+1:]; strings.HasPrefix(rest, "u") {
			size = 4
		} else if strings.HasPrefix(rest, "U") {
			size = 8
		}
		end := i + 2 + size
		if size == 0 || end > len(line) {
			return nil, p.malformed("a backslash that stands for nothing")
		}
		n, err := strconv.ParseUint(line[i+2:end], 16, 32)
		if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
			return nil, p.malformed("a str that is not valid Unicode")
		}
		s.WriteRune(rune(n))
		i = end
	}
	return s.String(), nil
}
