package core

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-cachify/cachify/driver"
)

// Acquire makes one attempt.
func (s *Store) Acquire(ctx context.Context, req driver.AcquireRequest) (driver.Grant, error) {
	return s.acquire(ctx, req, "")
}

// acquire is Acquire and, with a patience, Enqueue.
func (s *Store) acquire(ctx context.Context, req driver.AcquireRequest, patience string) (driver.Grant, error) {
	if err := s.ready(ctx); err != nil {
		return driver.Grant{}, err
	}
	if err := req.Validate(); err != nil {
		return driver.Grant{}, err
	}
	args := []string{valueEnd(req.Holder), millis(req.TTL), patience, "", ""}
	switch {
	case req.Limit > 1:
		args[3], args[4] = strconv.Itoa(req.Limit), strconv.Itoa(req.Slots)
	case patience != "":
		args = args[:3]
	default:
		args = args[:2]
	}
	reply, err := s.run(ctx, acquireScript, req.Name, args...)
	if err != nil {
		return driver.Grant{}, err
	}
	if reply.Kind == Int {
		return shortGrant(req, reply.Int), nil
	}
	return answer(req, newList(reply))
}

// valueEnd is how the value of a lock ends that holder has: the last part of the
// pickle that head.lua describes. So the short way of a script need not build it.
func valueEnd(holder string) string {
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(holder)))
	return "0X" + string(length[:]) + holder + "."
}

// shortGrant reads the reply of the common case: one number, fence and time.
func shortGrant(req driver.AcquireRequest, now int64) driver.Grant {
	g := driver.Grant{
		Name: req.Name, Holder: req.Holder, Fence: uint64(now), Slots: req.Slots, TTL: driver.NoExpiry, At: micros(now),
	}
	if req.TTL != driver.NoExpiry {
		g.TTL = time.Duration(ms(req.TTL)) * time.Millisecond
	}
	return g
}

// answer reads any other reply to an attempt.
func answer(req driver.AcquireRequest, l *list) (driver.Grant, error) {
	switch l.int() {
	case 0:
		held := &driver.HeldError{Name: req.Name, At: l.time(), RetryAfter: l.time(), Holder: l.string()}
		if err := l.end(); err != nil {
			return driver.Grant{}, err
		}
		return driver.Grant{}, held
	case 2:
		limit := &driver.LimitError{Name: req.Name, Want: req.Limit, Have: int(l.int())}
		if err := l.end(); err != nil {
			return driver.Grant{}, err
		}
		return driver.Grant{}, limit
	}
	return readGrant(req.Name, req.Holder, l)
}

func readGrant(name, holder string, l *list) (driver.Grant, error) {
	g := driver.Grant{
		Name: name, Holder: holder, Fence: uint64(l.int()), Slots: int(l.int()), TTL: l.time(), At: l.time(),
	}
	if err := l.end(); err != nil {
		return driver.Grant{}, err
	}
	return g, nil
}

// Extend sets a new end.
func (s *Store) Extend(ctx context.Context, g driver.Grant, ttl time.Duration) (driver.Grant, error) {
	if err := s.readyForLease(ctx, g.Name, g.Holder); err != nil {
		return driver.Grant{}, err
	}
	if err := driver.ValidateTTL(ttl); err != nil {
		return driver.Grant{}, err
	}
	reply, err := s.run(ctx, extendScript, g.Name, g.Holder, millis(ttl))
	if err != nil {
		return driver.Grant{}, err
	}
	if reply.Kind == Int {
		return driver.Grant{}, driver.ErrLost
	}
	return readGrant(g.Name, g.Holder, newList(reply))
}

// Release ends a lease.
func (s *Store) Release(ctx context.Context, g driver.Grant) error {
	if err := s.readyForLease(ctx, g.Name, g.Holder); err != nil {
		return err
	}
	reply, err := s.run(ctx, releaseScript, g.Name, valueEnd(g.Holder))
	if err != nil {
		return err
	}
	ended, err := reply.int()
	if err == nil && ended == 0 {
		return driver.ErrLost
	}
	return misread(err)
}

// Evict frees name by force, also from a foreign program.
func (s *Store) Evict(ctx context.Context, name string) error {
	if err := s.readyFor(ctx, name); err != nil {
		return err
	}
	_, err := s.run(ctx, evictScript, name)
	return err
}

// Holders tells who holds name. Of a foreign holder it tells how long the value
// stays and, if that is text, the value.
func (s *Store) Holders(ctx context.Context, name string) (driver.Occupancy, error) {
	if err := s.readyFor(ctx, name); err != nil {
		return driver.Occupancy{}, err
	}
	reply, err := s.run(ctx, holdersScript, name)
	if err != nil {
		return driver.Occupancy{}, err
	}
	l := newList(reply)
	_ = l.int() // the time
	o := driver.Occupancy{Limit: int(l.int()), Waiting: int(l.int())}
	for l.more() {
		h := driver.Holder{
			ID: l.string(), Fence: uint64(l.int()), Slots: int(l.int()), Age: l.time(), TTL: l.time(), Foreign: l.int() == 1,
		}
		if h.Foreign && !isText(h.ID) {
			h.ID = ""
		}
		o.Holders = append(o.Holders, h)
	}
	if err := l.end(); err != nil {
		return driver.Occupancy{}, err
	}
	slices.SortFunc(o.Holders, func(a, b driver.Holder) int {
		if a.Fence < b.Fence {
			return -1
		}
		return 1
	})
	return o, nil
}

// isText reports whether a person could read s.
func isText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func (s *Store) readyForLease(ctx context.Context, name, holder string) error {
	if err := s.readyFor(ctx, name); err != nil {
		return err
	}
	if holder == "" {
		return fmt.Errorf("%w: the holder is empty", driver.ErrInvalid)
	}
	return nil
}
