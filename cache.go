package cachify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/internal/envelope"
	"github.com/go-cachify/cachify/internal/lazyctx"
)

// cache reads and writes results of type R.
type cache[R any] struct {
	cacheSettings
	copyOf func(R) R // nil: callers share
}

func newCache[R any](on *Cachify, s cacheSettings) (cache[R], error) {
	if s.err != nil {
		return cache[R]{}, s.err
	}
	c := cache[R]{cacheSettings: s}
	if err := checkType[R](on, s.codec); err != nil {
		return c, err
	}
	if s.clone != nil {
		var ok bool
		if c.copyOf, ok = s.clone.(func(R) R); !ok {
			return c, fmt.Errorf("%w: Clone got a %T: this function needs a %T", ErrInvalid, s.clone, c.copyOf)
		}
	}
	return c, nil
}

// object is a result with what is to be known about it: what a store in the same
// process keeps as it is, and what others keep as an envelope. Immutable once it is
// in a store.
type object[R any] struct {
	kind    envelope.Kind
	value   R
	created time.Time
	cost    time.Duration
	ttl     time.Duration
	foreign bool // another program wrote it: created, cost and ttl are not known

	// What a reservation has inside; nil: nothing. See reserve.go.
	old    *object[R]
	oldRaw []byte

	raw []byte // its envelope, if that was made already
}

// Pinned keeps a reservation from being evicted: without it the result could not be
// stored.
func (o *object[R]) Pinned() bool { return o.kind == envelope.Loading }

// Unbox gives the user's value to whoever weighs it; nil if there is none.
func (o *object[R]) Unbox() any {
	switch {
	case o.kind == envelope.Value:
		return o.value
	case o.old != nil:
		return o.old.Unbox()
	}
	return nil
}

// current is the result in o, which may be inside a reservation; nil: none.
func (o *object[R]) current() *object[R] {
	if o.kind != envelope.Loading {
		return o
	}
	if o.old != nil && o.old.left() > 0 {
		return o.old
	}
	return nil
}

// left is how long a result still lasts that was made in this process.
func (o *object[R]) left() time.Duration {
	if o.ttl == NoExpiry {
		return NoExpiry
	}
	return max(o.ttl-time.Since(o.created), 0)
}

func (o *object[R]) encodedAs(raw []byte) *object[R] {
	other := *o
	other.raw = raw
	return &other
}

// err is what the caller of a function with that result gets.
func (o *object[R]) err() error {
	if o.kind == envelope.NotFound {
		return ErrNotFound
	}
	return nil
}

// sight is what a look into the store saw. Without an object there may still be
// something there: a reservation, or what cannot be read.
type sight[R any] struct {
	object  *object[R]
	version driver.Version // 0: nothing is there
	left    time.Duration  // how long object lasted at the time at, or longer
	at      time.Time
	raw     []byte // the object's envelope, if the store keeps bytes
	unread  error  // why what is there cannot be read
}

// leftNow is how long the object still lasts, rather less than more; 0: it is over, or
// there is none.
func (s *sight[R]) leftNow() time.Duration {
	switch {
	case s.object == nil:
		return 0
	case s.left == NoExpiry:
		return NoExpiry
	}
	return max(s.left-time.Since(s.at), 0)
}

// inProcess reports whether results are kept as they are.
func (c *cache[R]) inProcess(k *core) bool { return k.caps.Objects != nil && c.codec == nil }

// formatOn is how results are kept that are not kept as they are.
func (c *cache[R]) formatOn(k *core) format {
	if c.codec != nil {
		return formatOf(c.codec)
	}
	return formatOf(k.Codec)
}

// loadObject is the shortest way to a result that is kept as it is; nil: none.
func (c *cache[R]) loadObject(ctx context.Context, k *core, name string) *object[R] {
	v, _, err := k.caps.Objects.LoadObject(ctx, name)
	if err != nil {
		return nil
	}
	if o, ok := v.(*object[R]); ok {
		return o.current()
	}
	return nil
}

// look sees what is under name. A store that fails is an error; what cannot be read
// is not.
func (c *cache[R]) look(ctx context.Context, k *core, name string) (sight[R], error) {
	s, err := c.see(ctx, k, name)
	if errors.Is(err, driver.ErrNotFound) {
		return sight[R]{}, nil
	}
	return s, k.failure("load", name, err)
}

func (c *cache[R]) see(ctx context.Context, k *core, name string) (sight[R], error) {
	s := sight[R]{at: time.Now()}
	if c.inProcess(k) {
		v, version, err := k.caps.Objects.LoadObject(ctx, name)
		if err != nil {
			return sight[R]{}, err
		}
		s.version = version
		if o, ok := v.(*object[R]); !ok {
			s.unread = fmt.Errorf("it is a %T, not a %v", driver.Unbox(v), reflect.TypeFor[R]())
		} else if s.object = o.current(); s.object != nil {
			s.left = s.object.left()
		}
		return s, nil
	}
	var limited lazyctx.Context
	limited.Start(ctx, &k.limits)
	defer limited.Stop()
	rec, err := k.store.Load(&limited, name)
	if err != nil {
		return sight[R]{}, err
	}
	s.version, s.left, s.raw = rec.Version, rec.TTL, rec.Value
	s.unread = c.decode(c.formatOn(k), &s)
	return s, nil
}

// decode reads what is in s.raw.
func (c *cache[R]) decode(f format, s *sight[R]) error {
	h, payload, foreign, err := f.parse(s.raw)
	if err == nil && h.Kind == envelope.Loading {
		if s.left != NoExpiry {
			s.left -= f.grace()
		}
		if bytes.Equal(payload, f.nothing) || s.left <= 0 {
			return nil
		}
		s.raw = payload
		h, payload, foreign, err = f.parse(s.raw)
	}
	if err != nil {
		return err
	}
	o := &object[R]{kind: h.Kind, created: time.UnixMilli(h.Created), cost: h.Cost, ttl: h.TTL, foreign: foreign}
	if h.Kind == envelope.Value {
		if h.Codec != f.name {
			return fmt.Errorf("it was encoded by %q, not by %q", h.Codec, f.name)
		}
		if err := f.codec.Decode(payload, &o.value); err != nil {
			return fmt.Errorf("decoding: %w", err)
		}
	}
	s.object = o
	return nil
}

// corrupt tells that what is under name cannot be read, if that is so.
func (k *core) corrupt(name string, err error) {
	if err != nil && k.Events.Corrupt != nil {
		k.Events.Corrupt(CacheEvent{Key: userKey(k, name), Err: err})
	}
}

// save stores a result.
func (c *cache[R]) save(ctx context.Context, k *core, name string, o *object[R], w driver.Write) error {
	kept := *o
	switch {
	case o.kind == envelope.NotFound:
		kept.value = *new(R)
	case c.inProcess(k):
		kept.value = c.copied(o.value)
	}
	_, err := c.write(ctx, k, name, &kept, w)
	return err
}

// write writes a result or a reservation.
func (c *cache[R]) write(ctx context.Context, k *core, name string, o *object[R], w driver.Write) (driver.Version, error) {
	if c.inProcess(k) {
		v, err := k.caps.Objects.SaveObject(ctx, name, o, w)
		return v, k.failure("save", name, err)
	}
	raw, err := c.encode(k, o)
	if err != nil {
		return 0, &CodecError{Key: userKey(k, name), Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	v, err := k.store.Save(ctx, name, raw, w)
	return v, k.failure("save", name, err)
}

func (c *cache[R]) encode(k *core, o *object[R]) ([]byte, error) {
	if o.raw != nil {
		return o.raw, nil
	}
	f := c.formatOn(k)
	h := envelope.Header{Kind: o.kind, Created: o.created.UnixMilli(), Cost: o.cost, TTL: o.ttl}
	switch {
	case o.kind == envelope.Loading && o.old != nil:
		return f.frame(h, o.oldRaw), nil
	case o.kind != envelope.Value:
		return f.frame(h, f.nothing), nil
	case isNil(o.value):
		h.Kind = envelope.Nil
		return f.frame(h, f.nothing), nil
	}
	payload, err := f.codec.Encode(o.value)
	if err != nil {
		return nil, err
	}
	h.Codec = f.name
	return f.frame(h, payload), nil
}

func isNil(v any) bool {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return r.IsNil()
	}
	return false
}

// result is what a caller gets of o.
func (c *cache[R]) result(o *object[R]) (R, error) { return c.copied(o.value), o.err() }

// copied is v, or the caller's own copy of it. There is none of nil.
func (c *cache[R]) copied(v R) R {
	if c.copyOf == nil || isNil(v) {
		return v
	}
	return c.copyOf(v)
}

func (c *cache[R]) peek(ctx context.Context, k *core, name string) (Entry[R], bool, error) {
	s, err := c.look(ctx, k, name)
	k.corrupt(name, s.unread)
	if err != nil || s.object == nil {
		return Entry[R]{}, false, err
	}
	o := s.object
	e := Entry[R]{NotFound: o.kind == envelope.NotFound, Foreign: o.foreign, TTL: s.left}
	if !o.foreign {
		e.Age, e.Cost = max(time.Since(o.created), 0), o.cost
	}
	if !e.NotFound {
		e.Value = c.copied(o.value)
	}
	return e, true, nil
}

// forget drops what is under name: first in the store, so that a load under way
// cannot store its result; then the load, so that nobody joins it any more.
func (k *core) forget(ctx context.Context, name string) error {
	storeCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := k.failure("delete", name, k.store.Delete(storeCtx, name, 0))
	k.loads.forget(name)
	if err == nil && k.Events.Reset != nil {
		k.Events.Reset(CacheEvent{Key: userKey(k, name)})
	}
	return err
}
