package envelope

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrBare is the error of [ParseBehind] for bytes with no frame behind them. It is not
// [ErrCorrupt]: another program has written them, who knows of no frames.
var ErrBare = errors.New("no envelope behind it")

var errLength = fmt.Errorf("%w: the length is wrong", ErrCorrupt)

const (
	sign0, sign1 = magic1, magic0

	lengthLen = 4
	tailLen   = lengthLen + checksumLen + 2
	minBehind = minLen - checksumLen + tailLen
)

// AppendBehind appends the payload to dst, and behind it what is to be known of it: the
// fields of a frame from the magic to the codec, and then
//
//	length    4 bytes  of all that stands behind the payload, little endian
//	checksum  4 bytes  CRC-32C of all before it, the payload too, little endian
//	sign      2 bytes  0xCF 0xCA: no UTF-8 text and no pickle ends like this
//
// So programs that know the format of the payload, and ignore what follows its end,
// can read it. It panics as [Append] does.
func AppendBehind(dst []byte, h Header, payload []byte) []byte {
	start := len(dst)
	dst = append(dst, payload...)
	behind := len(dst)
	dst = appendHeader(dst, h)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(dst)-behind+tailLen))
	dst = binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
	return append(dst, sign0, sign1)
}

// ParseBehind takes apart what [AppendBehind] made. The payload is a part of b, not a
// copy. The error is [ErrBare] if b does not end in the sign, and else wraps
// [ErrCorrupt]; the header and the payload are then zero.
func ParseBehind(b []byte) (Header, []byte, error) {
	n := len(b)
	if n < 2 || b[n-2] != sign0 || b[n-1] != sign1 {
		return Header{}, nil, ErrBare
	}
	if n < minBehind {
		return Header{}, nil, errShort
	}
	summed := b[:n-checksumLen-2]
	if checksum(summed) != binary.LittleEndian.Uint32(b[len(summed):]) {
		return Header{}, nil, errChecksum
	}
	length := uint64(binary.LittleEndian.Uint32(b[n-tailLen:]))
	if length < minBehind || length > uint64(n) {
		return Header{}, nil, errLength
	}
	at := n - int(length)
	header := b[at : n-tailLen]
	switch {
	case header[0] != magic0 || header[1] != magic1:
		return Header{}, nil, errForeign
	case header[2] != version:
		return Header{}, nil, errVersion
	}
	h, rest, err := parseHeader(header)
	if err == nil && len(rest) != 0 {
		err = errLength
	}
	if err != nil {
		return Header{}, nil, err
	}
	return h, slices.Clip(b[:at]), nil
}
