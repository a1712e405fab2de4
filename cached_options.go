package cachify

import (
	"fmt"
	"time"
)

// CacheOption is an option of [Cached], [CachedOver] and [Fetch].
type CacheOption interface {
	cacheOption(cacheSettings) cacheSettings
}

// cacheSettings is what the options of one cached function say together.
type cacheSettings struct {
	ttl         time.Duration // 0: the instance's default
	notFoundTTL time.Duration // 0: not cached
	codec       Codec         // nil: as they are if possible, else the instance's
	clone       any           // func(R) R
	keyFunc     any           // func(A) string
	loadLock    bool
	err         error
}

func (s cacheSettings) failed(err error) cacheSettings {
	if s.err == nil {
		s.err = err
	}
	return s
}

func cacheSettingsOf(opts []CacheOption) cacheSettings {
	var s cacheSettings
	for _, o := range opts {
		if o != nil {
			s = o.cacheOption(s)
		}
	}
	return s
}

// TTLOption is what [TTL] returns.
type TTLOption struct{ d time.Duration }

// TTL is how long a result is remembered. From 1 ms to 100 years, or [NoExpiry],
// which also overrules [Config].CacheTTL, the default. What the function says with
// [SetTTL] overrules both.
func TTL(d time.Duration) TTLOption { return TTLOption{d} }

func (o TTLOption) cacheOption(s cacheSettings) cacheSettings {
	if err := checkDuration("TTL", o.d); err != nil {
		return s.failed(err)
	}
	s.ttl = o.d
	return s
}

// NotFoundTTLOption is what [NotFoundTTL] returns.
type NotFoundTTLOption struct{ d time.Duration }

// NotFoundTTL makes the cache remember for d that the function returned an error
// which is [ErrNotFound]; callers then get [ErrNotFound]. Without it, that is an
// error like any other, and errors are not cached.
func NotFoundTTL(d time.Duration) NotFoundTTLOption { return NotFoundTTLOption{d} }

func (o NotFoundTTLOption) cacheOption(s cacheSettings) cacheSettings {
	if err := checkDuration("NotFoundTTL", o.d); err != nil {
		return s.failed(err)
	}
	s.notFoundTTL = o.d
	return s
}

// CodecOption is what [WithCodec] returns.
type CodecOption struct{ codec Codec }

// WithCodec encodes results with codec, also on a store that could keep them as
// they are. Defaults to [Config].Codec, and on a store in the same process to none.
func WithCodec(codec Codec) CodecOption { return CodecOption{codec} }

func (o CodecOption) cacheOption(s cacheSettings) cacheSettings {
	if o.codec == nil {
		return s.failed(fmt.Errorf("%w: WithCodec of nil", ErrInvalid))
	}
	s.codec = o.codec
	return s
}

// CloneOption is what [Clone] returns.
type CloneOption struct{ fn any }

// Clone makes each caller get a copy of its own of the result: for results with
// maps, slices or pointers that callers change, on stores that keep values as they
// are, and for callers that share one run of the function. That fn has the
// function's result type is checked when it is wrapped.
func Clone[R any](fn func(R) R) CloneOption {
	if fn == nil {
		return CloneOption{}
	}
	return CloneOption{fn}
}

func (o CloneOption) cacheOption(s cacheSettings) cacheSettings {
	if o.fn == nil {
		return s.failed(fmt.Errorf("%w: Clone of nil", ErrInvalid))
	}
	s.clone = o.fn
	return s
}

// LoadLockOption is what [LoadLock] returns.
type LoadLockOption struct{}

// LoadLock makes a miss run the function once over all processes, not only once in
// each: who loads holds a lock on the key, kept alive; who finds it held waits,
// and then takes the result that was stored. If the store cannot give the lock
// because it fails, the function runs without. On a store that cannot extend a
// lease, a load that takes longer than 30 s is not alone.
func LoadLock() LoadLockOption { return LoadLockOption{} }

func (LoadLockOption) cacheOption(s cacheSettings) cacheSettings {
	s.loadLock = true
	return s
}

func (o KeyFuncOption) cacheOption(s cacheSettings) cacheSettings {
	if o.fn == nil {
		return s.failed(fmt.Errorf("%w: KeyFunc of nil", ErrInvalid))
	}
	s.keyFunc = o.fn
	return s
}
