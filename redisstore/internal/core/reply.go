package core

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"

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

// bytesOf and stringOf share the memory, which nobody may change: a record's value
// is not copied on its way.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

var kinds = [...]string{Null: "null", Int: "a number", Text: "a string", Pair: "a list", List: "a list", Other: "something else"}

func (r Reply) isNot(wanted string) error {
	return fmt.Errorf("it is %s, not %s", kinds[r.Kind], wanted)
}

// list reads the elements of a reply one by one. The first that is not what it
// should be is the list's error.
type list struct {
	items []Reply
	err   error
}

func newList(r Reply) *list {
	items, err := r.items()
	return &list{items, err}
}

func (l *list) more() bool { return l.err == nil && len(l.items) > 0 }

func (l *list) next() Reply {
	if len(l.items) == 0 {
		l.fail(errors.New("it is too short"))
		return Reply{}
	}
	r := l.items[0]
	l.items = l.items[1:]
	return r
}

func (l *list) int() int64 {
	r := l.next()
	if l.err != nil {
		return 0
	}
	n, err := r.int()
	l.fail(err)
	return n
}

func (l *list) string() string {
	r := l.next()
	if l.err != nil {
		return ""
	}
	s, err := r.text()
	l.fail(err)
	return s
}

func (l *list) time() time.Duration { return micros(l.int()) }

func (l *list) fail(err error) {
	if l.err == nil && err != nil {
		l.err = err
	}
}

// end returns the list's error as the store's.
func (l *list) end() error { return misread(l.err) }

// misread returns err as the store's: a reply is not what a script returns.
func misread(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisstore: a reply that is not understood: %w", err)
}
