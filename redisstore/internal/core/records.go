package core

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

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
	if err != nil {
		return driver.Record{}, err
	}
	return RecordOf(reply)
}

// LoadBy is Load with another way to read: read returns what the script does, a pair of
// the stored bytes and the milliseconds that they last, or null.
func (s *Store) LoadBy(ctx context.Context, key string, read func() (Reply, error)) (driver.Record, error) {
	if err := s.readyFor(ctx, key); err != nil {
		return driver.Record{}, err
	}
	reply, err := guarded(ctx, read)
	if err != nil {
		return driver.Record{}, s.failure(ctx, err)
	}
	return RecordOf(reply)
}

// RecordOf reads the reply of a load.
func RecordOf(reply Reply) (driver.Record, error) {
	switch reply.Kind {
	case Pair:
	case Null:
		return driver.Record{}, driver.ErrNotFound
	default:
		return driver.Record{}, misread(reply.isNot("a value and its time to live"))
	}
	r := driver.Record{TTL: driver.NoExpiry}
	r.Value, r.Version = split(bytesOf(reply.Text))
	if left := reply.Int; left >= 0 {
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
	stored := stringOf(appendTail(append(make([]byte, 0, len(value)+tailLen), value...), v))
	if w.If == driver.IfVersion {
		if err := s.swap(ctx, key, w.Version, stored, millis(w.TTL)); err != nil {
			return 0, err
		}
		return v, nil
	}
	reply, err := s.send(ctx, set(key, stored, w))
	if err != nil {
		return 0, err
	}
	if reply.Kind == Null {
		return 0, driver.ErrConflict
	}
	return v, nil
}

// set is the SET of a write without a version.
func set(key, stored string, w driver.Write) Command {
	args := append(make([]string, 0, 4), stored)
	if w.If == driver.IfAbsent {
		args = append(args, "NX")
	}
	if w.TTL != driver.NoExpiry {
		args = append(args, "PX", millis(w.TTL))
	}
	return Command{Name: "SET", Key: key, Args: args}
}

// Delete removes a record.
func (s *Store) Delete(ctx context.Context, key string, v driver.Version) error {
	if err := s.readyFor(ctx, key); err != nil {
		return err
	}
	if v != 0 {
		return s.swap(ctx, key, v)
	}
	_, err := s.send(ctx, Command{Name: "DEL", Key: key})
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
	written, err := reply.int()
	if err == nil && written == 0 {
		return driver.ErrConflict
	}
	return misread(err)
}
