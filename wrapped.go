package cachify

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/go-cachify/cachify/internal/keytemplate"
)

// keyMaker makes keys of arguments: by a template, or by a template that is filled
// with what a function makes of the argument.
type keyMaker[A any] struct {
	template *keytemplate.Template[A]
	viaFunc  *keytemplate.Template[string]
	fn       func(A) string
	pool     sync.Pool // of *keyScratch[A]
}

// keyScratch is the memory that making a key takes.
type keyScratch[A any] struct {
	direct  *keytemplate.Scratch[A]
	viaFunc *keytemplate.Scratch[string]
	buf     []byte
}

func newKeyMaker[A any](template string, keyFunc any) (*keyMaker[A], error) {
	m := &keyMaker[A]{}
	var err error
	if keyFunc == nil {
		m.template, err = keytemplate.Compile[A](template)
	} else {
		var ok bool
		if m.fn, ok = keyFunc.(func(A) string); !ok {
			return nil, fmt.Errorf("%w: KeyFunc got a %T: this function needs a %T", ErrInvalid, keyFunc, m.fn)
		}
		m.viaFunc, err = keytemplate.Compile[string](template)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if template == "" {
		return nil, fmt.Errorf("%w: the key template is empty", ErrInvalid)
	}
	m.pool.New = func() any { return m.newScratch() }
	return m, nil
}

// constant reports whether all arguments get the same key, although they can differ.
func (m *keyMaker[A]) constant() bool {
	constant := m.template.Constant
	if m.fn != nil {
		constant = m.viaFunc.Constant
	}
	_, fixed := constant()
	return fixed && reflect.TypeFor[A]() != reflect.TypeFor[struct{}]()
}

func (m *keyMaker[A]) newScratch() *keyScratch[A] {
	s := &keyScratch[A]{buf: make([]byte, 0, 128)}
	if m.fn != nil {
		s.viaFunc = m.viaFunc.NewScratch()
	} else {
		s.direct = m.template.NewScratch()
	}
	return s
}

// append appends the key of arg to dst.
func (m *keyMaker[A]) append(s *keyScratch[A], dst []byte, arg A) ([]byte, error) {
	before := len(dst)
	var err error
	if m.fn != nil {
		dst, err = s.viaFunc.Append(dst, m.fn(arg))
	} else {
		dst, err = s.direct.Append(dst, arg)
	}
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(dst) == before {
		return dst, fmt.Errorf("%w: the key is empty: what fills the template is", ErrInvalid)
	}
	return dst, nil
}

// key returns the key of arg.
func (m *keyMaker[A]) key(arg A) (string, error) {
	s := m.pool.Get().(*keyScratch[A])
	defer m.pool.Put(s)
	buf, err := m.append(s, s.buf[:0], arg)
	s.buf = buf[:0]
	return string(buf), err
}

// wrapped is what the wrapped forms of lock, once and pool have in common.
type wrapped[A any] struct {
	keys *keyMaker[A]
	base subject // all but the key
}

func newWrapped[A any](c *Cachify, verb Verb, template, suffix string, limit int, s settings) (wrapped[A], error) {
	if s.err != nil {
		return wrapped[A]{}, s.err
	}
	longest := s.expiry
	if longest == 0 {
		longest = NoExpiry // the instance's default, which is known when there is one
	}
	if err := s.check(longest); err != nil {
		return wrapped[A]{}, err
	}
	keys, err := newKeyMaker[A](template, s.keyFunc)
	if err != nil {
		return wrapped[A]{}, err
	}
	w := wrapped[A]{keys, newSubject(c, verb, "", suffix, limit, s)}
	if c != nil && c.core != nil {
		err = s.check(w.base.expiry(c.core)) // else the defaults are not known yet
	}
	return w, err
}

// Key returns the key for arg, as events tell it: the template, filled in, without
// what stands before and behind it in the store.
func (w *wrapped[A]) Key(arg A) (string, error) { return w.keys.key(arg) }

func (w *wrapped[A]) on(arg A) subject {
	s := w.base
	s.key, s.err = w.keys.key(arg)
	return s
}

func (w *wrapped[A]) acquire(ctx context.Context, arg A) (*Lease, error) {
	s := w.on(arg)
	return s.acquire(ctx)
}

func (w *wrapped[A]) isLocked(ctx context.Context, arg A) (bool, error) {
	s := w.on(arg)
	return s.isLocked(ctx)
}

func (w *wrapped[A]) holder(ctx context.Context, arg A) (Holder, bool, error) {
	s := w.on(arg)
	return s.holder(ctx)
}

func (w *wrapped[A]) forceRelease(ctx context.Context, arg A) error {
	s := w.on(arg)
	return s.forceRelease(ctx)
}

// call runs fn under lease, and returns what both say.
func call[A, R any](ctx context.Context, lease *Lease, fn func(context.Context, A) (R, error), arg A) (r R, err error) {
	err = lease.run(ctx, func(ctx context.Context) (err error) {
		r, err = fn(ctx, arg)
		return err
	})
	return r, err
}
