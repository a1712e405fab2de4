package kvstore

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const (
	// recordMark begins each record.
	recordMark = "cachify-record-1 "

	// tombstoneMark begins what is not a record, but stands where one was deleted.
	tombstoneMark = "cachify-deleted-1 "

	// tombstoneTTL is how late a write that is between its two steps can come and
	// still find out that the record was deleted.
	tombstoneTTL = 10 * time.Second
)

// record is what is written under the key of a record: a line, and the value.
//
//	cachify-record-1 VERSION TTL WALL CLOCK MONO\n
//
// Versions are random numbers of 64 bits, so that none occurs twice under a key even
// if nothing is left of what was there before, and equal bytes mean the same write.
type record struct {
	version driver.Version
	since   stamp
	value   []byte
}

func (s *Store) newRecord(value []byte, ttl time.Duration) record {
	v := rand.Uint64()
	for v == 0 {
		v = rand.Uint64()
	}
	return record{version: driver.Version(v), since: s.clock.stamp(ttl), value: value}
}

func (r record) bytes() []byte {
	b := make([]byte, 0, 128+len(r.value))
	b = append(b, recordMark...)
	b = strconv.AppendUint(b, uint64(r.version), 10)
	b = append(b, ' ')
	b = r.since.append(b)
	b = append(b, '\n')
	return append(b, r.value...)
}

// parseRecord reports false for bytes that are not a record of ours.
func parseRecord(raw []byte) (record, bool) {
	rest, ok := bytes.CutPrefix(raw, []byte(recordMark))
	if !ok {
		return record{}, false
	}
	f := fields{rest: rest}
	r := record{version: driver.Version(f.uint(' ')), since: f.stamp('\n')}
	r.value = f.rest
	return r, !f.bad && r.version != 0
}

// tombstone returns what a Delete leaves behind for a while if the client cannot
// swap: without it, a conditional write that has removed the old record and not yet
// set the new one would go on as if nothing had happened.
func (s *Store) tombstone() []byte {
	b := append([]byte(nil), tombstoneMark...)
	b = strconv.AppendUint(b, s.writes.Add(1), 10)
	b = append(b, ' ')
	return append(b, s.clock.id...)
}
