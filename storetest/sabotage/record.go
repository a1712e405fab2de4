package sabotage

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/go-cachify/cachify/driver"
)

var recordSabotages = []Sabotage{
	{
		Name:     "version-reuse",
		Explains: "The version is a counter in the record, so after Delete it begins at one again: a stale writer overwrites a record that it never saw.",
		Rule:     "record-versions-differ",
		Wrap:     versionReuse,
	},
	{
		Name:     "if-absent-overwrites",
		Explains: "IfAbsent writes whatever is there, as where the test and the write are two steps.",
		Rule:     "record-if-absent",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
				if w.If == driver.IfAbsent && w.Validate() == nil {
					w.If = driver.Always
				}
				return in.Save(ctx, key, value, w)
			}
			return s
		},
	},
	{
		Name:     "if-version-ignored",
		Explains: "IfVersion writes over any version: updates are lost.",
		Rule:     "record-if-version",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
				if w.If == driver.IfVersion && w.Validate() == nil {
					w.If, w.Version = driver.Always, 0
				}
				return in.Save(ctx, key, value, w)
			}
			return s
		},
	},
	{
		Name:     "delete-version-ignored",
		Explains: "Delete removes whatever version is there, also one that was written after the caller looked.",
		Rule:     "record-delete-version",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.remove = func(ctx context.Context, key string, _ driver.Version) error {
				return in.Delete(ctx, key, 0)
			}
			return s
		},
	},
	{
		Name:     "ttl-lost-on-overwrite",
		Explains: "A record that is overwritten stays for ever, as where a plain set drops the expiry and nobody sets it again.",
		Rule:     "record-ttl-replaced",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
				if w.If != driver.IfAbsent && w.Validate() == nil {
					if _, err := in.Load(ctx, key); err == nil {
						w.TTL = driver.NoExpiry
					}
				}
				return in.Save(ctx, key, value, w)
			}
			return s
		},
	},
	{
		Name:     "record-never-expires",
		Explains: "Records stay until they are deleted, so a cache serves what is long out of date.",
		Rule:     "record-expires",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
				if w.Validate() == nil {
					w.TTL = driver.NoExpiry
				}
				return in.Save(ctx, key, value, w)
			}
			return s
		},
	},
	{
		Name:     "values-end-at-zero",
		Explains: "A value ends at its first zero byte, as where it is taken for text on the way.",
		Rule:     "record-values",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
				value, _, _ = bytes.Cut(value, []byte{0})
				return in.Save(ctx, key, value, w)
			}
			return s
		},
	},
	{
		Name:     "keys-in-lower-case",
		Explains: "Keys are compared without regard to case, as some collations do.",
		Rule:     "record-odd-keys",
		Wrap:     withKeys(strings.ToLower),
	},
	{
		Name:     "keys-cut-short",
		Explains: "Keys are cut at 255 bytes, the width of a column: long ones that begin alike are one.",
		Rule:     "record-odd-keys",
		Wrap:     withKeys(func(key string) string { return key[:min(len(key), 255)] }),
	},
	{
		Name:     "delete-complains",
		Explains: "Delete without a version is an error if there was nothing to delete.",
		Rule:     "record-delete",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.remove = func(ctx context.Context, key string, v driver.Version) error {
				if v == 0 && key != "" {
					if _, err := in.Load(ctx, key); errors.Is(err, driver.ErrNotFound) {
						return err
					}
				}
				return in.Delete(ctx, key, v)
			}
			return s
		},
	},
	{
		Name:     "empty-key-unknown",
		Explains: "An empty key is one that is not there, and not a mistake: a cache with a broken key misses for ever and nobody notices.",
		Rule:     "empty-key",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.load = func(ctx context.Context, key string) (driver.Record, error) {
				if key == "" {
					return driver.Record{}, driver.ErrNotFound
				}
				return in.Load(ctx, key)
			}
			return s
		},
	},
	{
		Name:     "reuses-buffers",
		Explains: "A record that is overwritten is changed in place, under the hands of those who have loaded it.",
		Rule:     "record-value-stays",
		Wrap:     reusesBuffers,
	},
	{
		Name:     "object-for-ever",
		Explains: "SaveObject takes a time to live of zero for none, though Save refuses it.",
		Rule:     "object-invalid",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.saveObject = func(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
				if w.TTL == 0 {
					w.TTL = driver.NoExpiry
				}
				return s.caps.Objects.SaveObject(ctx, key, value, w)
			}
			return s
		},
	},
	{
		Name:     "evict-deletes-records",
		Explains: "Evict deletes the record of the same name, because both were put under one key.",
		Rule:     "record-lease-apart",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.evict = func(ctx context.Context, name string) error {
				return errors.Join(in.Evict(ctx, name), in.Delete(ctx, name, 0))
			}
			return s
		},
	},
	{
		Name:     "objects-beside-records",
		Explains: "Objects are kept apart from records, so that a record and an object have the same key and neither knows of the other.",
		Rule:     "object-or-record",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			apart := func(key string) string {
				if key == "" {
					return ""
				}
				return key + "\x00object"
			}
			s.loadObject = func(ctx context.Context, key string) (any, driver.Version, error) {
				return s.caps.Objects.LoadObject(ctx, apart(key))
			}
			s.saveObject = func(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
				return s.caps.Objects.SaveObject(ctx, apart(key), value, w)
			}
			s.remove = func(ctx context.Context, key string, v driver.Version) error {
				err := in.Delete(ctx, key, v)
				if e := in.Delete(ctx, apart(key), v); v == 0 || e == nil {
					return e
				}
				return err
			}
			return s
		},
	},
	{
		Name:     "keeps-the-key",
		Explains: "LoadObject remembers the last key it was asked for, and its answer, without a copy of the key: when the caller uses the buffer again, the answer is another key's.",
		Rule:     "object-load-keeps-no-key",
		Wrap:     keepsTheKey,
	},
}

// withKeys changes the keys of records and objects.
func withKeys(change func(string) string) func(driver.Store) driver.Store {
	return func(in driver.Store) driver.Store {
		s := over(in)
		s.load = func(ctx context.Context, key string) (driver.Record, error) {
			return in.Load(ctx, change(key))
		}
		s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
			return in.Save(ctx, change(key), value, w)
		}
		s.remove = func(ctx context.Context, key string, v driver.Version) error {
			return in.Delete(ctx, change(key), v)
		}
		s.loadObject = func(ctx context.Context, key string) (any, driver.Version, error) {
			return s.caps.Objects.LoadObject(ctx, change(strings.Clone(key)))
		}
		s.saveObject = func(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
			return s.caps.Objects.SaveObject(ctx, change(key), value, w)
		}
		return s
	}
}

// reusesBuffers keeps one buffer for each key and gives it to all who load it.
func reusesBuffers(in driver.Store) driver.Store {
	s := over(in)
	buffers := map[string][]byte{}
	s.load = func(ctx context.Context, key string) (driver.Record, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r, err := in.Load(ctx, key)
		if b, ok := buffers[key]; ok && err == nil {
			r.Value = b
		}
		return r, err
	}
	s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		v, err := in.Save(ctx, key, bytes.Clone(value), w)
		if err == nil {
			buffers[key] = append(buffers[key][:0], value...)
		}
		return v, err
	}
	return s
}

// versionReuse numbers the states of a record from one, and forgets the number when
// the record is deleted.
func versionReuse(in driver.Store) driver.Store {
	type state struct{ own, sound driver.Version }
	s := over(in)
	states := map[string]state{}

	// sound returns the sound store's version for one of ours, or one that cannot be.
	sound := func(key string, v driver.Version) driver.Version {
		switch st, ok := states[key]; {
		case v == 0:
			return 0
		case ok && st.own == v:
			return st.sound
		default:
			return ^driver.Version(0)
		}
	}
	s.load = func(ctx context.Context, key string) (driver.Record, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r, err := in.Load(ctx, key)
		if err == nil {
			r.Version = states[key].own
		}
		return r, err
	}
	s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.Validate() == nil {
			w.Version = sound(key, w.Version)
		}
		v, err := in.Save(ctx, key, value, w)
		if err != nil {
			return 0, err
		}
		states[key] = state{states[key].own + 1, v}
		return states[key].own, nil
	}
	s.remove = func(ctx context.Context, key string, v driver.Version) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := in.Delete(ctx, key, sound(key, v))
		if err == nil {
			delete(states, key)
		}
		return err
	}
	// Objects have the same versions.
	objects := s.caps.Objects
	s.loadObject = func(ctx context.Context, key string) (any, driver.Version, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		value, v, err := objects.LoadObject(ctx, key)
		if err == nil {
			v = states[key].own
		}
		return value, v, err
	}
	s.saveObject = func(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.Validate() == nil {
			w.Version = sound(key, w.Version)
		}
		v, err := objects.SaveObject(ctx, key, value, w)
		if err != nil {
			return 0, err
		}
		states[strings.Clone(key)] = state{states[key].own + 1, v}
		return states[key].own, nil
	}
	return s
}

// keepsTheKey answers from its memory if it is asked for the same key again.
func keepsTheKey(in driver.Store) driver.Store {
	s := over(in)
	var (
		known   bool
		last    string
		value   any
		version driver.Version
	)
	forget := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		known = false
	}
	objects := s.caps.Objects
	s.loadObject = func(ctx context.Context, key string) (any, driver.Version, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if known && key == last && ctx.Err() == nil {
			return value, version, nil
		}
		got, v, err := objects.LoadObject(ctx, key)
		if err == nil {
			known, last, value, version = true, key, got, v
		}
		return got, v, err
	}
	s.saveObject = func(ctx context.Context, key string, value any, w driver.Write) (driver.Version, error) {
		defer forget()
		return objects.SaveObject(ctx, key, value, w)
	}
	s.save = func(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
		defer forget()
		return in.Save(ctx, key, value, w)
	}
	s.remove = func(ctx context.Context, key string, v driver.Version) error {
		defer forget()
		return in.Delete(ctx, key, v)
	}
	return s
}
