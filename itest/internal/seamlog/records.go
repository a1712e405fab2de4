package seamlog

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// Load implements [driver.Store].
func (s *Store) Load(ctx context.Context, key string) (driver.Record, error) {
	return call(ctx, s, history.Event{Op: Load, Key: key},
		func() (driver.Record, error) { return s.inner.Load(ctx, key) },
		func(r driver.Record, e *history.Event) {
			e.Value, e.Version, e.TTL = digest(r.Value), uint64(r.Version), r.TTL
		})
}

// Save implements [driver.Store].
func (s *Store) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	return call(ctx, s, write(Save, key, digest(value), w),
		func() (driver.Version, error) { return s.inner.Save(ctx, key, value, w) }, written)
}

// Delete implements [driver.Store].
func (s *Store) Delete(ctx context.Context, key string, v driver.Version) error {
	e := history.Event{Op: Delete, Key: key, Version: uint64(v)}
	return call0(ctx, s, e, func() error { return s.inner.Delete(ctx, key, v) })
}

// LoadObject implements [driver.ObjectStore].
func (s *Store) LoadObject(ctx context.Context, key string) (any, driver.Version, error) {
	if s.caps.Objects == nil {
		return nil, 0, driver.ErrUnsupported
	}
	type object struct {
		value   any
		version driver.Version
	}
	key = string([]byte(key)) // the caller may reuse the bytes behind it
	o, err := call(ctx, s, history.Event{Op: LoadObject, Key: key}, func() (object, error) {
		v, version, err := s.caps.Objects.LoadObject(ctx, key)
		return object{v, version}, err
	}, func(o object, e *history.Event) { e.Value, e.Version = text(o.value), uint64(o.version) })
	return o.value, o.version, err
}

// SaveObject implements [driver.ObjectStore].
func (s *Store) SaveObject(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
	if s.caps.Objects == nil {
		return 0, driver.ErrUnsupported
	}
	return call(ctx, s, write(SaveObject, key, text(value), w),
		func() (driver.Version, error) { return s.caps.Objects.SaveObject(ctx, key, value, w) }, written)
}

func write(op history.Op, key, value string, w driver.Write) history.Event {
	e := history.Event{Op: op, Key: key, Value: value, Version: uint64(w.Version), TTL: w.TTL}
	switch w.If {
	case driver.Always:
		e.If = IfAlways
	case driver.IfAbsent:
		e.If = IfAbsent
	case driver.IfVersion:
		e.If = IfVersion
	} // else it is refused
	return e
}

func written(v driver.Version, e *history.Event) { e.Version = uint64(v) }

// digest tells encoded values apart.
func digest(b []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return strconv.FormatUint(h.Sum64(), 16)
}

// text tells objects apart as far as users' values are concerned: one without such a
// value, as a load under way, is "<nil>".
func text(v any) string {
	if s, ok := driver.Unbox(v).(string); ok {
		return s
	}
	return fmt.Sprint(driver.Unbox(v))
}

// Names implements [driver.Inspector]. It is not written down, as all that follows.
func (s *Store) Names(ctx context.Context, prefix string, limit int) ([]string, error) {
	if s.caps.Inspect == nil {
		return nil, driver.ErrUnsupported
	}
	return s.caps.Inspect.Names(ctx, prefix, limit)
}

// Ping implements [driver.Pinger].
func (s *Store) Ping(ctx context.Context) error {
	if s.caps.Ping == nil {
		return driver.ErrUnsupported
	}
	return s.caps.Ping.Ping(ctx)
}

// Examine implements [driver.Doctor].
func (s *Store) Examine(ctx context.Context) ([]driver.Finding, error) {
	if s.caps.Doctor == nil {
		return nil, driver.ErrUnsupported
	}
	return s.caps.Doctor.Examine(ctx)
}

// Close closes the inner store, if that can be closed.
func (s *Store) Close() error {
	if c, ok := s.inner.(interface{ Close() error }); ok {
		return c.Close()
	}
	return nil
}
