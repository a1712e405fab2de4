package sqlitestore

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// Load returns the record under key.
func (s *Store) Load(ctx context.Context, key string) (driver.Record, error) {
	if err := s.readyFor(ctx, key); err != nil {
		return driver.Record{}, err
	}
	var r driver.Record
	err := s.read(ctx, func(t *turn) {
		r = driver.Record{}
		t.run("load", func(s *sqlite3.Stmt) {
			if end := s.ColumnInt64(2); end > t.records {
				r = driver.Record{Value: s.ColumnBlob(0, []byte{}), Version: driver.Version(s.ColumnInt64(1)), TTL: until(t.records, end)}
			}
		}, key)
	})
	if err == nil && r.Version == 0 {
		err = driver.ErrNotFound
	}
	return r, err
}

// Save writes a record.
func (s *Store) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	if err := s.readyFor(ctx, key); err != nil {
		return 0, err
	}
	if err := w.Validate(); err != nil {
		return 0, err
	}
	var v driver.Version
	err := s.write(ctx, func(t *turn) { v = t.save(key, value, w) })
	if err == nil && v == 0 {
		err = driver.ErrConflict
	}
	return v, err
}

// save returns the new version; 0: the condition does not hold.
func (t *turn) save(key string, value []byte, w driver.Write) driver.Version {
	if w.If != driver.Always {
		v := t.version(key)
		if w.If == driver.IfAbsent && v != 0 || w.If == driver.IfVersion && v != w.Version {
			return 0
		}
	}
	t.sweep()
	v := t.number()
	t.run("save", nil, key, v, after(t.records, w.TTL), value)
	return driver.Version(v)
}

// version is that of the record under key; 0: there is none.
func (t *turn) version(key string) (v driver.Version) {
	t.run("version", func(s *sqlite3.Stmt) { v = driver.Version(s.ColumnInt64(0)) }, key, t.records)
	return v
}

// Delete removes a record.
func (s *Store) Delete(ctx context.Context, key string, v driver.Version) error {
	if err := s.readyFor(ctx, key); err != nil {
		return err
	}
	conflict := false
	err := s.write(ctx, func(t *turn) {
		if conflict = v != 0 && t.version(key) != v; !conflict {
			t.run("delete", nil, key)
		}
	})
	if err == nil && conflict {
		err = driver.ErrConflict
	}
	return err
}
