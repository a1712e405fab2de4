package kvstore

import (
	"bytes"
	"strconv"
	"time"
)

// leaseMark begins each lease.
const leaseMark = "cachify-lease-1 "

// lease is what is written under the key of a held name:
//
//	cachify-lease-1 WRITE FENCE AGE TTL WALL CLOCK MONO HOLDER
//
// Times are in ns. Clock and write number together occur once only, so equal bytes
// mean the same write.
type lease struct {
	write  uint64
	fence  uint64        // 0: the client gives none, or the acquisition is not complete
	age    time.Duration // of the lease when it was written
	since  stamp
	holder string
}

func (s *Store) newLease(holder string, fence uint64, age, ttl time.Duration) lease {
	return lease{write: s.writes.Add(1), fence: fence, age: age, since: s.clock.stamp(ttl), holder: holder}
}

func (l lease) bytes() []byte {
	b := make([]byte, 0, 160+len(l.holder))
	b = append(b, leaseMark...)
	b = strconv.AppendUint(b, l.write, 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, l.fence, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(l.age), 10)
	b = append(b, ' ')
	b = l.since.append(b)
	b = append(b, ' ')
	return append(b, l.holder...)
}

// parseLease reports false for bytes that are not a lease of ours.
func parseLease(raw []byte) (lease, bool) {
	rest, ok := bytes.CutPrefix(raw, []byte(leaseMark))
	if !ok {
		return lease{}, false
	}
	f := fields{rest: rest}
	l := lease{
		write: f.uint(' '),
		fence: f.uint(' '),
		age:   time.Duration(f.int(' ')),
		since: f.stamp(' '),
	}
	l.holder = string(f.rest)
	return l, !f.bad && l.holder != "" && l.age >= 0
}
