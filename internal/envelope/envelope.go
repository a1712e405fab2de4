// Package envelope frames the encoded values that a cache keeps in stores of bytes, so
// that a cached value, a cached nil, a cached "not found", a record that is not ours
// and a damaged one can be told from each other.
//
// # Format, version 1
//
//	magic     2 bytes  0xCA 0xCF: no UTF-8 text and no pickle begins like this
//	version   1 byte   0x01
//	flags     1 byte   bits 0 to 3: the kind; bit 7: there is no ttl; others: 0
//	created   varint   zigzag, milliseconds since 1970
//	cost      uvarint  nanoseconds, in two's complement
//	ttl       uvarint  nanoseconds, in two's complement; absent if bit 7 of the flags is set
//	codec     uvarint  length, and that many bytes
//	payload   the rest
//	checksum  4 bytes  CRC-32C of all before it, little endian
//
// Varints are those of encoding/binary and have no superfluous bytes, so that a header
// and a payload have exactly one frame.
//
// Where other programs read the payload too, the frame stands behind it: see
// [AppendBehind].
package envelope

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

// ErrCorrupt is wrapped by every error of [Parse]: the bytes are no frame of a version
// known here, or a damaged one. For a cache that is a miss.
var ErrCorrupt = errors.New("not a valid envelope")

// The reasons, made once: a cache may meet many such records.
var (
	errForeign  = fmt.Errorf("%w: it does not begin like one", ErrCorrupt)
	errVersion  = fmt.Errorf("%w: unknown version", ErrCorrupt)
	errShort    = fmt.Errorf("%w: it is cut short", ErrCorrupt)
	errChecksum = fmt.Errorf("%w: the checksum does not match", ErrCorrupt)
	errFlags    = fmt.Errorf("%w: unknown flags", ErrCorrupt)
	errNumber   = fmt.Errorf("%w: malformed number", ErrCorrupt)
)

// NoExpiry as a TTL says that the record has no end. It equals driver.NoExpiry.
const NoExpiry time.Duration = math.MaxInt64

// Kind says what a frame stands for.
type Kind uint8

// The kinds of frames. Their numbers are part of the format.
const (
	Value    Kind = 0 // the payload is an encoded value
	Nil      Kind = 1 // the function returned nil; no payload is needed
	NotFound Kind = 2 // the function found nothing; no payload is needed
	Loading  Kind = 3 // somebody is computing the value; the payload is the frame of an old one, or nothing

	lastKind = Loading
)

// Header is what a frame says about its payload.
type Header struct {
	// Kind says what the frame stands for. The zero value is [Value].
	Kind Kind

	// Codec names the codec that made the payload. Bytes of another codec are
	// not to be decoded. May be empty.
	Codec string

	// Created is when the value was computed, in milliseconds since 1970 (UTC) by
	// the clock of the process that computed it.
	Created int64

	// Cost is how long computing it took.
	Cost time.Duration

	// TTL is the time to live that the record was saved with, or [NoExpiry].
	TTL time.Duration
}

const (
	magic0, magic1 = 0xCA, 0xCF
	version        = 1

	flagNoTTL = 0x80

	prefixLen   = 4 // magic, version, flags
	checksumLen = 4
	minLen      = prefixLen + 4 + checksumLen - 1 // created, cost, codec; ttl may be absent
)

// checksum is CRC-32C. Its table is made by the first call, not by every program that
// links this package.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Append appends the frame of h and payload to dst. Every field of h survives as it
// is, durations below zero too. It panics if h.Kind is none of the kinds: [Parse]
// could not tell what was meant.
func Append(dst []byte, h Header, payload []byte) []byte {
	start := len(dst)
	dst = appendHeader(dst, h)
	dst = append(dst, payload...)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// appendHeader appends all from the magic to the codec.
func appendHeader(dst []byte, h Header) []byte {
	if h.Kind > lastKind {
		panic(fmt.Sprintf("envelope: unknown kind %d", h.Kind))
	}
	flags := byte(h.Kind)
	if h.TTL == NoExpiry {
		flags |= flagNoTTL
	}
	dst = append(dst, magic0, magic1, version, flags)
	dst = binary.AppendVarint(dst, h.Created)
	dst = binary.AppendUvarint(dst, uint64(h.Cost))
	if h.TTL != NoExpiry {
		dst = binary.AppendUvarint(dst, uint64(h.TTL))
	}
	dst = binary.AppendUvarint(dst, uint64(len(h.Codec)))
	return append(dst, h.Codec...)
}

// Parse takes a frame apart. The payload is a part of b, not a copy. An error wraps
// [ErrCorrupt]; the header and the payload are then zero.
func Parse(b []byte) (Header, []byte, error) {
	switch {
	case len(b) < 2 || b[0] != magic0 || b[1] != magic1:
		return Header{}, nil, errForeign
	case len(b) < minLen:
		return Header{}, nil, errShort
	case b[2] != version: // before the checksum, which another version may not have
		return Header{}, nil, errVersion
	}
	body := b[:len(b)-checksumLen]
	if checksum(body) != binary.LittleEndian.Uint32(b[len(body):]) {
		return Header{}, nil, errChecksum
	}
	h, rest, err := parseHeader(body)
	if err != nil {
		return Header{}, nil, err
	}
	return h, slices.Clip(rest), nil
}

// parseHeader undoes appendHeader, and returns what follows. The magic and the version
// have been looked at.
func parseHeader(b []byte) (Header, []byte, error) {
	flags := b[3]
	h := Header{Kind: Kind(flags &^ flagNoTTL), TTL: NoExpiry}
	if h.Kind > lastKind {
		return Header{}, nil, errFlags
	}
	r := reader{rest: b[prefixLen:]}
	h.Created = r.varint()
	h.Cost = time.Duration(r.uvarint())
	if flags&flagNoTTL == 0 {
		if h.TTL = time.Duration(r.uvarint()); h.TTL == NoExpiry {
			return Header{}, nil, errNumber // the flag says this
		}
	}
	h.Codec = string(r.bytes(r.uvarint()))
	if r.err != nil {
		return Header{}, nil, r.err
	}
	return h, r.rest, nil
}

// reader takes fields from the front of rest until the first error.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.rest)
	switch {
	case n <= 0, n > 1 && r.rest[n-1] == 0: // none, too large, superfluous bytes
		r.fail(errNumber)
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

// varint undoes the zigzag of binary.AppendVarint.
func (r *reader) varint() int64 {
	u := r.uvarint()
	x := int64(u >> 1)
	if u&1 != 0 {
		x = ^x
	}
	return x
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail(errShort)
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}
