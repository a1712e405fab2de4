package kvstore

import (
	"context"

	"github.com/go-cachify/cachify/driver"
)

const recordPrefix = "record/"

// Load implements [driver.Store]. Whether a record is there is the engine's word; if
// its noted end has passed, the time left is given as [driver.MinTTL].
func (s *Store) Load(ctx context.Context, key string) (driver.Record, error) {
	if err := s.beginKey(ctx, key); err != nil {
		return driver.Record{}, err
	}
	_, r, ok, err := s.load(ctx, key)
	if err != nil {
		return driver.Record{}, err
	}
	if !ok {
		return driver.Record{}, driver.ErrNotFound
	}
	left := min(max(s.clock.left(r.since), driver.MinTTL), r.since.ttl)
	return driver.Record{Value: r.value, Version: r.version, TTL: left}, nil
}

// load returns the bytes under key, nil if there are none, and the record that they
// are, if they are one.
func (s *Store) load(ctx context.Context, key string) (raw []byte, r record, ok bool, err error) {
	raw, found, err := s.client.Get(ctx, recordPrefix+key)
	if err != nil || !found {
		return nil, record{}, false, err
	}
	if raw == nil {
		raw = []byte{}
	}
	r, ok = parseRecord(raw)
	return raw, r, ok, nil
}

// Save implements [driver.Store].
func (s *Store) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	if err := s.beginKey(ctx, key); err != nil {
		return 0, err
	}
	if err := w.Validate(); err != nil {
		return 0, err
	}
	return rounds(ctx, func() (driver.Version, bool, error) {
		old, r, ok, err := s.load(ctx, key)
		switch {
		case err != nil:
			return 0, false, err
		case w.If == driver.IfAbsent && ok, w.If == driver.IfVersion && (!ok || r.version != w.Version):
			return 0, false, driver.ErrConflict
		}
		made := s.newRecord(value, w.TTL)
		done, err := s.replace(ctx, key, old, made)
		if err == nil && !done && w.If == driver.IfVersion {
			// The bytes we compared with are gone, and with them that version.
			err = driver.ErrConflict
		}
		return made.version, done, err
	})
}

// replace writes r if old is what is there; nil stands for nothing.
func (s *Store) replace(ctx context.Context, key string, old []byte, r record) (bool, error) {
	key = recordPrefix + key
	ttl := r.since.ttl
	if old != nil && s.swapper != nil {
		return s.swapper.CompareAndSwap(ctx, key, old, r.bytes(), ttl)
	}
	if old != nil {
		if ok, err := s.client.CompareAndDelete(ctx, key, old); err != nil || !ok {
			return false, err
		}
	}
	return s.client.SetIfAbsent(ctx, key, r.bytes(), ttl)
}

// Delete implements [driver.Store].
func (s *Store) Delete(ctx context.Context, key string, v driver.Version) error {
	if err := s.beginKey(ctx, key); err != nil {
		return err
	}
	_, err := rounds(ctx, func() (struct{}, bool, error) {
		done, err := s.delete(ctx, key, v)
		return struct{}{}, done, err
	})
	return err
}

// delete reports false if another write came in between.
func (s *Store) delete(ctx context.Context, key string, v driver.Version) (bool, error) {
	raw, r, ok, err := s.load(ctx, key)
	if err != nil {
		return false, err
	}
	if v != 0 && (!ok || r.version != v) {
		return false, driver.ErrConflict
	}
	if raw != nil {
		ok, err := s.client.CompareAndDelete(ctx, recordPrefix+key, raw)
		if err == nil && !ok && v != 0 {
			err = driver.ErrConflict
		}
		if err != nil || !ok {
			return false, err
		}
	}
	if v != 0 || s.swapper != nil {
		return true, nil
	}
	return s.client.SetIfAbsent(ctx, recordPrefix+key, s.tombstone(), tombstoneTTL)
}
