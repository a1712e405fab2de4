package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Options say which file to use.
type Options struct {
	// Path is the name of the file. If there is none, or an empty one, it is made,
	// readable for its owner alone; the directory has to be there, and to be writable:
	// while the file is in use there are others beside it, whose names begin with its
	// name. Not empty.
	Path string

	// MustExist keeps New from making the file: if there is none, the error wraps
	// [fs.ErrNotExist]. For who only looks. Defaults to false.
	MustExist bool

	// AllowNetwork lets the file be on a network file system, or on FUSE, where
	// exclusion depends on what that file system does. Only for one that is known to
	// keep locks and shared memory for all that use it, on one machine. Defaults to
	// false: [ErrNetwork].
	AllowNetwork bool
}

// Store is a store in a file. Make it with [New]. All methods are safe for
// concurrent use.
//
// An error that is neither one of package driver's nor the ctx's own wraps one of
// this package, where there is one for it, and that of the engine. Nothing was
// changed then.
type Store struct {
	path   string
	system func() systemTime
	file   *os.File // to know which one it is, for as long as it is open
	pushes *pushes

	// One request of this process writes at a time, and one uses the connection. So
	// while a writer waits for other processes, the connection is there for readers.
	writing chan struct{}
	conns   chan *conn
	family  family // of who has the connection

	done   chan struct{} // closed by Close
	closed sync.Once
}

// What a Store offers beyond the least.
var (
	_ driver.Queuer    = (*Store)(nil)
	_ driver.Inspector = (*Store)(nil)
	_ driver.Pinger    = (*Store)(nil)
)

// New opens the file, or makes it, and returns a store on it. Any number of stores,
// in this process and others of this machine, may be open on one file.
//
// ctx bounds the waiting for other processes. The error wraps [driver.ErrInvalid] if
// the options are wrong, or says what is wrong with the file: [ErrForeign],
// [ErrVersion], [ErrDamaged], [ErrReadOnly], [ErrFull], [ErrNetwork].
func New(ctx context.Context, opts Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := validatePath(opts.Path); err != nil {
		return nil, err
	}
	path, err := prepare(opts)
	if err != nil {
		return nil, err
	}
	if err := access(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, failure(path, err)
	}
	c, err := dial(path)
	if err != nil {
		return nil, errors.Join(failure(path, err), file.Close())
	}
	family, err := newFamily(file)
	if err != nil {
		return nil, errors.Join(failure(path, err), c.close(), file.Close())
	}
	s := &Store{
		path: path, system: newSystem(), file: file, family: family,
		writing: make(chan struct{}, 1), conns: make(chan *conn, 1), done: make(chan struct{}),
	}
	s.conns <- c
	s.pushes = newPushes(s)
	err = s.patiently(ctx, func() error {
		return s.with(ctx, func(c *conn) error { return c.durable(false) })
	})
	if err != nil {
		return nil, errors.Join(s.failure(err), s.Close())
	}
	return s, nil
}

// Close closes the file. Every method returns [driver.ErrClosed] from now on, and
// who listens is woken. Leases and places stay in the file until they run out. A
// second Close does nothing.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		close(s.done)
		s.pushes.close()
		err = errors.Join((<-s.conns).close(), s.file.Close())
	})
	if err != nil {
		return failure(s.path, err)
	}
	return nil
}

// Ping returns nil if the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, func(*turn) {})
}

// ready is what every method asks first.
func (s *Store) ready(ctx context.Context) error {
	select {
	case <-s.done:
		return driver.ErrClosed
	default:
		return ctx.Err()
	}
}

func (s *Store) readyFor(ctx context.Context, key string) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return driver.ValidateKey(key)
}

func (s *Store) readyForLease(ctx context.Context, name, holder string) error {
	if err := s.readyFor(ctx, name); err != nil {
		return err
	}
	if holder == "" {
		return fmt.Errorf("%w: the holder is empty", driver.ErrInvalid)
	}
	return nil
}

// write runs do in a transaction that writes, and sends what it has to tell when
// that is over. do may run several times, and nothing but the last one counts.
func (s *Store) write(ctx context.Context, do func(*turn)) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return driver.ErrClosed
	}
	defer func() { <-s.writing }()
	return s.try(ctx, turn{begin: "begin"}, do)
}

// read runs do in a transaction that reads.
func (s *Store) read(ctx context.Context, do func(*turn)) error {
	return s.try(ctx, turn{begin: "begin-read"}, do)
}

// try runs a transaction, again as long as other processes are in the way.
func (s *Store) try(ctx context.Context, t turn, do func(*turn)) error {
	for {
		var pushes []push
		err := s.patiently(ctx, func() (err error) {
			pushes, err = s.once(ctx, t, do)
			return err
		})
		switch {
		case err == nil:
			s.pushes.send(pushes)
			return nil
		case !errors.Is(err, errCeiling):
			return s.failure(err)
		}
		if err := s.try(ctx, turn{begin: "begin", durable: true}, (*turn).raise); err != nil {
			return err
		}
	}
}

// patiently calls do until no other process is in the way.
func (s *Store) patiently(ctx context.Context, do func() error) error {
	for tries := 0; ; tries++ {
		if err := do(); !isBusy(err) {
			return err
		}
		if err := s.pause(ctx, tries); err != nil {
			return err
		}
	}
}

// once runs one transaction.
func (s *Store) once(ctx context.Context, t turn, do func(*turn)) ([]push, error) {
	err := s.with(ctx, func(c *conn) error {
		if s.family.isBroken(s.path) { // what new ones of those names say cannot be known
			return ErrRemoved
		}
		t.conn, t.system = c, s.system
		err := t.do(do)
		if err == nil {
			s.family.complete(s.path)
		}
		return err
	})
	return t.pushes, err
}

// with takes the connection for as long as use runs.
func (s *Store) with(ctx context.Context, use func(*conn) error) error {
	var c *conn
	select {
	case c = <-s.conns:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return driver.ErrClosed
	}
	defer func() { s.conns <- c }()
	if err := s.ready(ctx); err != nil {
		return err
	}
	return use(c)
}

// The pauses of one that waits for other processes: a few tries at once, since a
// transaction takes some 10 µs, and a few again after each pause. The first pause is
// short; then come longer ones, so that a crowd does not wear itself out; and who has
// waited for that long already has short ones again, or it would never get its turn.
const (
	triesAtOnce = 3
	shortPause  = 40 * time.Microsecond
	longPause   = 400 * time.Microsecond
	longPauses  = 7
)

// pause waits before the next try.
func (s *Store) pause(ctx context.Context, tries int) error {
	if (tries+1)%triesAtOnce != 0 {
		return s.ready(ctx)
	}
	d := shortPause
	if n := tries / triesAtOnce; n > 0 && n <= longPauses {
		d = longPause
	}
	nap(d/2 + rand.N(d))
	return s.ready(ctx)
}

// failure leaves errors that are no fault of the file as they are.
func (s *Store) failure(err error) error {
	for _, plain := range []error{driver.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, plain) {
			return err
		}
	}
	return failure(s.path, err)
}
