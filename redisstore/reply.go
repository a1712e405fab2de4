package redisstore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
)

// millis writes a duration that is known to be valid for a script: in ms, rounded
// up; 0 is for ever.
func millis(d time.Duration) string {
	if d > driver.MaxTTL {
		return "0"
	}
	return strconv.FormatInt(ms(d), 10)
}

func ms(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

// micros reads a duration of a script: in µs; below 0 is for ever.
func micros(us int64) time.Duration {
	if us < 0 {
		return driver.NoExpiry
	}
	return time.Duration(us) * time.Microsecond
}

// list reads the elements of a reply one by one. The first that is not what it
// should be is the list's error.
type list struct {
	items []rueidis.RedisMessage
	err   error
}

func newList(m rueidis.RedisMessage) *list {
	items, err := m.ToArray()
	return &list{items, err}
}

func (l *list) more() bool { return l.err == nil && len(l.items) > 0 }

func (l *list) next() rueidis.RedisMessage {
	if len(l.items) == 0 {
		l.fail(fmt.Errorf("a reply is too short"))
		return rueidis.RedisMessage{}
	}
	m := l.items[0]
	l.items = l.items[1:]
	return m
}

func (l *list) int() int64 {
	m := l.next()
	if l.err != nil {
		return 0
	}
	n, err := m.ToInt64()
	l.fail(err)
	return n
}

func (l *list) string() string {
	m := l.next()
	if l.err != nil {
		return ""
	}
	s, err := m.ToString()
	l.fail(err)
	return s
}

func (l *list) bytes() []byte {
	m := l.next()
	if l.err != nil {
		return nil
	}
	b, err := m.AsBytes()
	l.fail(err)
	return b
}

func (l *list) time() time.Duration { return micros(l.int()) }

func (l *list) fail(err error) {
	if l.err == nil && err != nil {
		l.err = err
	}
}

// end returns the list's error as the store's.
func (l *list) end() error {
	if l.err != nil {
		return fmt.Errorf("redisstore: a reply that is not understood: %w", l.err)
	}
	return nil
}
