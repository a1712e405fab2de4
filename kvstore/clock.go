package kvstore

import (
	"strconv"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// clock is the monotonic clock of one store, with an id by which the store knows its
// own readings.
type clock struct {
	base time.Time
	id   string
}

func (c *clock) now() time.Duration { return time.Since(c.base) }

// stamp is when a time to live began, on both clocks of the process that wrote it.
type stamp struct {
	ttl   time.Duration
	wall  int64 // Unix time in ns
	clock string
	mono  time.Duration // what the clock of that id showed
}

func (c *clock) stamp(ttl time.Duration) stamp {
	now := time.Now()
	return stamp{ttl: ttl, wall: now.UnixNano(), clock: c.id, mono: now.Sub(c.base)}
}

// passed returns the time since the stamp was made, exactly if c made it.
func (c *clock) passed(s stamp) time.Duration {
	if s.clock == c.id {
		return c.now() - s.mono
	}
	return max(time.Duration(time.Now().UnixNano()-s.wall), 0)
}

// left returns what is left of the time to live, which is negative if the engine is
// late, or if the writer's wall clock is behind ours.
func (c *clock) left(s stamp) time.Duration {
	if s.ttl == driver.NoExpiry {
		return driver.NoExpiry
	}
	return s.ttl - c.passed(s)
}

// retryAfter turns what is left into advice for one who waits. If the noted end has
// passed, we do not know when it will really come: the further it lies back, the
// later we advise to look, as one who doubles his pauses does.
func retryAfter(left time.Duration) time.Duration {
	if left > 0 {
		return left
	}
	return max(-left, time.Millisecond)
}

func (s stamp) append(b []byte) []byte {
	b = strconv.AppendInt(b, int64(s.ttl), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, s.wall, 10)
	b = append(b, ' ')
	b = append(b, s.clock...)
	b = append(b, ' ')
	return strconv.AppendInt(b, int64(s.mono), 10)
}

// fields takes apart a line of fields with one space after each. A field that is
// missing or malformed makes bad true.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) next(end byte) []byte {
	for i, c := range f.rest {
		if c == end {
			field := f.rest[:i]
			f.rest = f.rest[i+1:]
			return field
		}
	}
	f.bad = true
	return nil
}

func (f *fields) uint(end byte) uint64 {
	n, err := strconv.ParseUint(string(f.next(end)), 10, 64)
	f.bad = f.bad || err != nil
	return n
}

func (f *fields) int(end byte) int64 {
	n, err := strconv.ParseInt(string(f.next(end)), 10, 64)
	f.bad = f.bad || err != nil
	return n
}

func (f *fields) stamp(end byte) stamp {
	s := stamp{
		ttl:   time.Duration(f.int(' ')),
		wall:  f.int(' '),
		clock: string(f.next(' ')),
		mono:  time.Duration(f.int(end)),
	}
	f.bad = f.bad || s.ttl <= 0
	return s
}
