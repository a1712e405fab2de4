package redisstore

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
)

// A record is value, version and sign. The version is random, of 64 bits, so that
// a write needs no script and no counter; that two of one key are the same does not
// happen.
const (
	versionLen = 8
	tailLen    = versionLen + len(tailSign)
	tailSign   = "\xc5cachify"
)

func appendTail(b []byte, v driver.Version) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(v)), tailSign...)
}

// split divides what is under a key into value and version.
func split(stored []byte) ([]byte, driver.Version) {
	if value, ok := bytes.CutSuffix(stored, []byte(tailSign)); ok && len(value) >= versionLen {
		n := len(value) - versionLen
		return value[:n:n], driver.Version(binary.BigEndian.Uint64(value[n:]))
	}
	sum := sha1.Sum(stored)
	return stored, driver.Version(binary.BigEndian.Uint64(sum[:versionLen]))
}

func newVersion() driver.Version { return driver.Version(max(rand.Uint64(), 1)) }

// Load returns the record under key.
func (s *Store) Load(ctx context.Context, key string) (driver.Record, error) {
	if err := s.readyFor(ctx, key); err != nil {
		return driver.Record{}, err
	}
	reply, err := s.exec(ctx, loadScript, []string{key}, nil)
	if rueidis.IsRedisNil(err) {
		return driver.Record{}, driver.ErrNotFound
	}
	if err != nil {
		return driver.Record{}, err
	}
	l := newList(reply)
	stored, left := l.bytes(), l.int()
	if err := l.end(); err != nil {
		return driver.Record{}, err
	}
	r := driver.Record{TTL: driver.NoExpiry}
	r.Value, r.Version = split(stored)
	if left >= 0 {
		r.TTL = max(time.Duration(left)*time.Millisecond, 1)
	}
	return r, nil
}

// Save writes a record.
func (s *Store) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	if err := s.readyFor(ctx, key); err != nil {
		return 0, err
	}
	if err := w.Validate(); err != nil {
		return 0, err
	}
	v := newVersion()
	stored := rueidis.BinaryString(appendTail(append(make([]byte, 0, len(value)+tailLen), value...), v))
	if w.If == driver.IfVersion {
		if err := s.swap(ctx, key, w.Version, stored, millis(w.TTL)); err != nil {
			return 0, err
		}
		return v, nil
	}
	_, err := s.send(ctx, s.set(key, stored, w))
	if rueidis.IsRedisNil(err) {
		return 0, driver.ErrConflict
	}
	if err != nil {
		return 0, err
	}
	return v, nil
}

// set is the SET of a write without a version.
func (s *Store) set(key, stored string, w driver.Write) rueidis.Completed {
	set := s.client.B().Set().Key(key).Value(stored)
	finite := w.TTL != driver.NoExpiry
	switch {
	case w.If == driver.IfAbsent && finite:
		return set.Nx().PxMilliseconds(ms(w.TTL)).Build()
	case w.If == driver.IfAbsent:
		return set.Nx().Build()
	case finite:
		return set.PxMilliseconds(ms(w.TTL)).Build()
	default:
		return set.Build()
	}
}

// Delete removes a record.
func (s *Store) Delete(ctx context.Context, key string, v driver.Version) error {
	if err := s.readyFor(ctx, key); err != nil {
		return err
	}
	if v != 0 {
		return s.swap(ctx, key, v)
	}
	_, err := s.send(ctx, s.client.B().Del().Key(key).Build())
	return err
}

// swap writes or deletes the record if it has the version v.
func (s *Store) swap(ctx context.Context, key string, v driver.Version, write ...string) error {
	args := make([]string, 0, 5)
	args = append(args,
		string(appendTail(nil, v)), tailSign, hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(v))))
	reply, err := s.exec(ctx, swapScript, []string{key}, append(args, write...))
	if err != nil {
		return err
	}
	written, err := reply.ToInt64()
	if err == nil && written == 0 {
		return driver.ErrConflict
	}
	return s.failure(ctx, err)
}
