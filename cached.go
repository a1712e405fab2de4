package cachify

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// CachedFunc is a function whose results are remembered. Make it with [Cached].
type CachedFunc[A, R any] struct {
	cache[R]
	instance *Cachify
	keys     *keyMaker[A]
	fn       func(context.Context, A) (R, error)
	inner    *CachedFunc[A, R] // that fn is the Call of; nil: fn is the user's
}

// Cached wraps fn so that its result is computed once for each key and then
// remembered. The key is template, filled in from the argument as Python's
// str.format would:
//
//   - The argument is a string, a number, a boolean, a type with a text form
//     (encoding.TextAppender, encoding.TextMarshaler, fmt.Stringer), or a struct, or
//     a pointer to one, whose fields are the names: by the tag `cachify:"id"` or by
//     the field's name in any case. "{user.id}" goes into a nested struct.
//   - "{}" numbers the fields in order, "{0}" is the first; a scalar goes with any
//     one name; "{{" and "}}" are braces.
//   - With one placeholder the key is exactly Python's. With several, a value that
//     could be confused with the text behind it is percent-escaped, so that
//     different values of what the template names never share a key. Fields that
//     it leaves out do not count; "{}" alone for a struct of several is an error.
//
// c is the instance, bound now; nil or [Global] is the global one at the time of
// each call. In the store, "-cached" stands behind the key. The error wraps
// [ErrInvalid]: a template that names what the argument does not have, or nothing of
// an argument that is more than a struct{}; a bad option; a nil function.
//
// Concurrent calls that miss share one run of fn. Its ctx has the values of the
// first caller's, and ends when all callers who wait for it have left: one that
// leaves does not disturb the others. If fn panics, each of them panics with a
// [*PanicError]. If fn calls the cached function with the same key, under the ctx it
// was given, that call's error is [ErrInvalid]: it would wait for itself. Errors are
// not remembered, except by [NotFoundTTL]. A store that fails costs a run of fn, not
// the call.
func Cached[A, R any](c *Cachify, template string, fn func(context.Context, A) (R, error), opts ...CacheOption) (*CachedFunc[A, R], error) {
	if fn == nil {
		return nil, errNilFunc
	}
	ch, err := newCache[R](c, cacheSettingsOf(opts))
	if err != nil {
		return nil, err
	}
	keys, err := newKeyMaker[A](template, ch.keyFunc)
	if err != nil {
		return nil, err
	}
	if keys.constant() {
		return nil, fmt.Errorf("%w: the key template %q names nothing of the argument: all calls would get the result of the first; "+
			"name what it depends on, or take a struct{} if it depends on nothing", ErrInvalid, template)
	}
	return &CachedFunc[A, R]{cache: ch, instance: c, keys: keys, fn: fn}, nil
}

// CachedOver is [Cached] for a function that is cached already: inner's results are
// remembered a second time, on another instance, say, or for another time. Reset and
// Refresh of the outer one reset and refresh the inner one too.
func CachedOver[A, R any](c *Cachify, template string, inner *CachedFunc[A, R], opts ...CacheOption) (*CachedFunc[A, R], error) {
	if inner == nil {
		return nil, errNilFunc
	}
	f, err := Cached(c, template, inner.Call, opts...)
	if err != nil {
		return nil, err
	}
	f.inner = inner
	return f, nil
}

// Call returns the remembered result for arg, or runs the function and remembers
// what it returns. On a hit ctx is only looked at by the store; the end of ctx ends
// the call with ctx's error, not the run of the function if others wait for it.
func (f *CachedFunc[A, R]) Call(ctx context.Context, arg A) (R, error) {
	if ctx == nil {
		var none R
		return none, errNilContext
	}
	k, err := f.instance.ready()
	if err != nil {
		var none R
		return none, err
	}
	s := f.keys.pool.Get().(*keyScratch[A])
	name, err := f.appendName(s, k, arg)
	if err != nil {
		f.keys.pool.Put(s)
		var none R
		return none, err
	}
	if k.caps.Objects != nil && f.codec == nil {
		// A store in this process does not retain the key of a load, so the bytes
		// can be used again: a hit costs no allocation.
		if o := f.loadObject(ctx, k, unsafe.String(unsafe.SliceData(name), len(name))); o != nil {
			if k.Events.Hit != nil {
				k.Events.Hit(CacheEvent{Key: userKey(k, string(name))})
			}
			f.keys.pool.Put(s)
			return f.result(o)
		}
	}
	full := string(name)
	f.keys.pool.Put(s)
	return f.get(ctx, k, full, func(ctx context.Context) (R, error) { return f.fn(ctx, arg) })
}

// appendName makes the name in the store of arg, in the scratch's memory.
func (f *CachedFunc[A, R]) appendName(s *keyScratch[A], k *core, arg A) ([]byte, error) {
	buf, err := f.keys.append(s, append(s.buf[:0], k.Prefix...), arg)
	if err == nil {
		buf = append(buf, suffixCached...)
	}
	s.buf = buf[:0]
	return buf, err
}

// on finds the instance and the name in its store.
func (f *CachedFunc[A, R]) on(ctx context.Context, arg A) (*core, string, error) {
	if ctx == nil {
		return nil, "", errNilContext
	}
	k, err := f.instance.ready()
	if err != nil {
		return nil, "", err
	}
	key, err := f.keys.key(arg)
	if err != nil {
		return nil, "", err
	}
	return k, cachedName(k, key), nil
}

// Key returns the key for arg, as [Cachify.Forget] takes it and events tell it: the
// template, filled in, without what stands before and behind it in the store.
func (f *CachedFunc[A, R]) Key(arg A) (string, error) { return f.keys.key(arg) }

// Reset forgets the result for arg. A run of the function that is under way,
// anywhere, is not stopped, but what it returns is not remembered, and who calls
// after Reset does not get it; only on another instance, a call that the store leaves
// without an answer may share a run there that began before. Of stacked caches the inner ones are reset first; all
// are, and the errors are joined.
func (f *CachedFunc[A, R]) Reset(ctx context.Context, arg A) error {
	var err error
	if f.inner != nil && ctx != nil {
		err = f.inner.Reset(ctx, arg)
	}
	k, name, onErr := f.on(ctx, arg)
	if onErr != nil {
		return errors.Join(err, onErr)
	}
	return errors.Join(err, k.forget(ctx, name))
}

// Refresh runs the function, whether or not there is a result, remembers what it
// returns and returns that. Until then, others get the old result, for as long as
// that has left. If the function fails, the old result stays. Of refreshes that
// overlap, the one that began last counts; the others return what they got, but it
// is not remembered. Of stacked caches the inner ones are refreshed too.
func (f *CachedFunc[A, R]) Refresh(ctx context.Context, arg A) (R, error) {
	k, name, err := f.on(ctx, arg)
	if err != nil {
		var none R
		return none, err
	}
	fn := f.fn
	if f.inner != nil {
		fn = f.inner.Refresh
	}
	return f.refresh(ctx, k, name, func(ctx context.Context) (R, error) { return fn(ctx, arg) })
}

// Peek returns what is remembered for arg, without running the function; false if
// there is nothing.
func (f *CachedFunc[A, R]) Peek(ctx context.Context, arg A) (Entry[R], bool, error) {
	k, name, err := f.on(ctx, arg)
	if err != nil {
		return Entry[R]{}, false, err
	}
	return f.peek(ctx, k, name)
}

// Entry is a remembered result.
type Entry[R any] struct {
	// Value is the result; the zero R if NotFound is set.
	Value    R
	NotFound bool

	// Age is how long ago it was computed, Cost how long that took. Both are 0 if
	// Foreign is set.
	Age  time.Duration
	Cost time.Duration

	// Foreign says that another program wrote it, of whom nothing more is known. Only
	// with a [SharedCodec].
	Foreign bool

	// TTL is how long it will still be remembered, or [NoExpiry].
	TTL time.Duration
}

// Fetch is a cached function that is used in one place: it returns what is
// remembered under key, or runs fn and remembers what it returns. Errors and
// concurrent calls are as for [Cached]. [KeyFunc] does nothing here.
func Fetch[R any](ctx context.Context, c *Cachify, key string, fn func(context.Context) (R, error), opts ...CacheOption) (R, error) {
	var none R
	switch {
	case ctx == nil:
		return none, errNilContext
	case fn == nil:
		return none, errNilFunc
	case key == "":
		return none, fmt.Errorf("%w: the cache key is empty", ErrInvalid)
	}
	ch, err := newCache[R](c, cacheSettingsOf(opts))
	if err != nil {
		return none, err
	}
	k, err := c.ready()
	if err != nil {
		return none, err
	}
	return ch.get(ctx, k, cachedName(k, key), fn)
}

// Forget drops what [Fetch], or a [Cached] function with that key, remembers under
// key, as Reset does.
func (c *Cachify) Forget(ctx context.Context, key string) error {
	if ctx == nil {
		return errNilContext
	}
	if key == "" {
		return fmt.Errorf("%w: the cache key is empty", ErrInvalid)
	}
	k, err := c.ready()
	if err != nil {
		return err
	}
	return k.forget(ctx, cachedName(k, key))
}

func cachedName(k *core, key string) string { return k.Prefix + key + suffixCached }

// userKey is the opposite of cachedName.
func userKey(k *core, name string) string { return name[len(k.Prefix) : len(name)-len(suffixCached)] }
