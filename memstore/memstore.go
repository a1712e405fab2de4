// Package memstore is the in-process store: cachify's default, for one process
// and for tests.
//
// It has everything package driver knows of: hand-off queues, pools with weights,
// fences, objects that are kept without encoding. It starts no goroutine and holds
// no timer, so it needs no Close, and time in it is that of the time package: in a
// [testing/synctest] bubble it is virtual.
//
// Leases and records are kept apart. Records live in a bounded cache with an
// admission policy (W-TinyLFU, by the otter library) and can be evicted; leases
// cannot. A lease that nobody releases costs memory until it has expired and the
// store has grown to twice its size since it last swept.
package memstore

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/go-cachify/cachify/driver"
)

// DefaultMaxEntries is how many records a store holds unless told otherwise.
const DefaultMaxEntries = 100_000

// Options configure a store. nil and the zero value mean the defaults.
type Options struct {
	// MaxEntries is the largest number of records. When it is reached, records
	// that are least likely to be used again make room. 0: [DefaultMaxEntries],
	// unless MaxWeight is set. Not together with MaxWeight.
	MaxEntries int

	// MaxWeight bounds the sum of the records' weights instead of their number.
	// It needs Weigh. 0: no bound by weight.
	MaxWeight uint64

	// Weigh returns the weight of a record, in a unit of your own. value is the
	// encoded record, a []byte, or, for values that are kept as they are, the value
	// itself. It is called once for each write and must not call the store. A
	// record of weight 0 is never evicted to make room. A "not found", which has no
	// value, weighs 1, and a load under way, which has to stay, 0.
	Weigh func(key string, value any) uint32
}

func (o *Options) validate() error {
	switch {
	case o.MaxEntries < 0:
		return fmt.Errorf("memstore: %w: MaxEntries is %d: it must be positive, or 0 for the default", driver.ErrInvalid, o.MaxEntries)
	case o.MaxWeight > 0 && o.MaxEntries > 0:
		return fmt.Errorf("memstore: %w: MaxEntries and MaxWeight are both set: choose one", driver.ErrInvalid)
	case o.MaxWeight > 0 && o.Weigh == nil:
		return fmt.Errorf("memstore: %w: MaxWeight needs Weigh", driver.ErrInvalid)
	case o.MaxWeight == 0 && o.Weigh != nil:
		return fmt.Errorf("memstore: %w: Weigh needs MaxWeight", driver.ErrInvalid)
	}
	return nil
}

// Store is the in-process store. Make it with [New].
type Store struct {
	clock   clock
	seed    maphash.Seed
	shards  [shardCount]shard
	fence   atomic.Uint64 // the largest one given
	version atomic.Uint64 // the last one given
	cache   *otter.Cache[string, *record]
	closed  atomic.Bool
}

// What a Store offers beyond the least.
var (
	_ driver.Queuer      = (*Store)(nil)
	_ driver.ObjectStore = (*Store)(nil)
	_ driver.Inspector   = (*Store)(nil)
	_ driver.Pinger      = (*Store)(nil)
)

// New returns an empty store. The error wraps [driver.ErrInvalid]: options that
// are negative or contradict each other.
func New(opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	s := &Store{clock: newClock(), seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].init()
	}
	cache, err := newCache(opts, s.clock)
	if err != nil {
		return nil, fmt.Errorf("memstore: %w: %w", driver.ErrInvalid, err)
	}
	s.cache = cache
	return s, nil
}

// Close ends the store: whatever it held is gone, and every method returns
// [driver.ErrClosed] from now on. Waiters are told. A second Close does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	for i := range s.shards {
		s.shards[i].close()
	}
	s.cache.InvalidateAll()
	return nil
}

// Ping returns nil unless the store is closed or ctx has ended.
func (s *Store) Ping(ctx context.Context) error { return s.ready(ctx) }

// ready is what every method asks first.
func (s *Store) ready(ctx context.Context) error {
	if s.closed.Load() {
		return driver.ErrClosed
	}
	return ctx.Err()
}

// Names returns the names that are held or waited for.
func (s *Store) Names(ctx context.Context, prefix string, limit int) ([]string, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, fmt.Errorf("%w: a limit of %d names: it must be positive", driver.ErrInvalid, limit)
	}
	var names []string
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		now := s.clock.now()
		for name, p := range sh.names {
			if strings.HasPrefix(name, prefix) && p.busy(now) {
				names = append(names, name)
			}
		}
		sh.mu.Unlock()
	}
	slices.Sort(names)
	return names[:min(limit, len(names))], nil
}

// nextFence returns a fence larger than all before it, of any name: so nothing
// has to be remembered of a name that nobody holds.
func (s *Store) nextFence(now time.Duration) uint64 {
	for {
		last := s.fence.Load()
		next := max(last+1, s.clock.micros(now))
		if s.fence.CompareAndSwap(last, next) {
			return next
		}
	}
}
