package redisstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/internal/core"
)

// Defaults of [NearCache].
const (
	DefaultNearBytes  = 64 << 20
	DefaultNearMaxAge = time.Minute
)

// NearCache says how many records a [Store] keeps copies of in its own process, so
// that a hit costs no round trip. The server tells when one of them has changed
// (server-assisted invalidation: CLIENT TRACKING), and the copy is dropped.
//
// Of what this store wrote or deleted itself it never returns an older copy. What
// others wrote it sees when the server's message arrives: as a rule less than a
// millisecond after their write. If a connection breaks, all copies are dropped at
// once; if it goes silent, that is noticed after about ten seconds, and until then a
// copy may be out of date. Leases are never copied.
//
// The idea of the copies, and of the order between a fill and a message, is that of
// rueidis' client-side caching, which does the tracking.
type NearCache struct {
	// MaxBytes bounds the copies, keys and values together. Positive. Defaults to
	// 64 MiB.
	MaxBytes int

	// MaxAge is how long a copy is used at most, however long the record lasts.
	// Positive. Defaults to a minute.
	MaxAge time.Duration
}

// withDefaults returns a checked copy with all fields set.
func (n NearCache) withDefaults() (NearCache, error) {
	if n.MaxBytes < 0 || n.MaxAge < 0 {
		return n, fmt.Errorf("redisstore: %w: NearCache{MaxBytes: %d, MaxAge: %v}: both must be positive, or 0 for the default", driver.ErrInvalid, n.MaxBytes, n.MaxAge)
	}
	if n.MaxBytes == 0 {
		n.MaxBytes = DefaultNearBytes
	}
	if n.MaxAge == 0 {
		n.MaxAge = DefaultNearMaxAge
	}
	return n, nil
}

// use makes the copies, and a client that keeps them.
func (n NearCache) use(opt *rueidis.ClientOption) (*near, error) {
	n, err := n.withDefaults()
	if err != nil {
		return nil, err
	}
	if opt.AlwaysRESP2 {
		return nil, fmt.Errorf("redisstore: %w: Options.NearCache with protocol=2: the server's messages need protocol 3", driver.ErrInvalid)
	}
	copies := newNear(n)
	opt.DisableCache = false
	opt.NewCacheStoreFn = func(rueidis.CacheStoreOption) rueidis.CacheStore { return copies }
	return copies, nil
}

// near is the copies. It is the cache of each of the client's connections
// ([rueidis.CacheStore]): a fill that is under way is there from Flight to Update
// or Cancel, and the client calls Update and Delete in the order in which the
// server has sent reply and message.
//
// There is one connection to each server, see clientOption. So when the answer to a
// write comes, each fill that the server has done before it is over, and once wrote
// has dropped its copy there is none that is older.
type near struct {
	copies *otter.Cache[string, nearCopy]

	mu    sync.Mutex
	fills map[string]*fill
}

// nearCopy is a record, and when it ends by the local clock; zero: never.
type nearCopy struct {
	record driver.Record
	ends   time.Time
}

// fill is one read on its way. Who wants the same waits for it.
type fill struct {
	begun time.Time
	done  chan struct{}
	reply rueidis.RedisMessage
	err   error
}

// Wait waits for the fill.
func (f *fill) Wait(ctx context.Context) (rueidis.RedisMessage, error) {
	select {
	case <-f.done:
		return f.reply, f.err
	case <-ctx.Done():
		return rueidis.RedisMessage{}, ctx.Err()
	}
}

// copyOverhead is about what a copy takes beside key and value.
const copyOverhead = 200

func newNear(opts NearCache) *near {
	copies := otter.Must(&otter.Options[string, nearCopy]{
		MaximumWeight: uint64(opts.MaxBytes),
		Weigher: func(key string, c nearCopy) uint32 {
			return uint32(min(len(key)+len(c.record.Value)+copyOverhead, 1<<31))
		},
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, nearCopy]) time.Duration {
			if e.Value.ends.IsZero() {
				return opts.MaxAge
			}
			return max(min(opts.MaxAge, time.Until(e.Value.ends)), 1)
		}),
	})
	return &near{copies: copies, fills: make(map[string]*fill)}
}

// stop is called when no connection uses the copies any more.
func (n *near) stop() {
	if n != nil {
		n.copies.StopAllGoroutines()
	}
}

// get returns the copy of a record with the time that it has left.
func (n *near) get(key string) (driver.Record, bool) {
	c, ok := n.copies.GetIfPresent(key)
	if !ok {
		return driver.Record{}, false
	}
	r := c.record
	if !c.ends.IsZero() {
		if r.TTL = time.Until(c.ends); r.TTL <= 0 {
			return driver.Record{}, false
		}
	}
	return r, true
}

// wrote drops the copy of a key that this store has written, or may have.
func (n *near) wrote(key string) { n.copies.Invalidate(key) }

// Flight begins a fill, or returns the one under way.
func (n *near) Flight(key, _ string, _ time.Duration, _ time.Time) (rueidis.RedisMessage, rueidis.CacheEntry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f := n.fills[key]; f != nil {
		return rueidis.RedisMessage{}, f
	}
	n.fills[key] = &fill{begun: time.Now(), done: make(chan struct{})}
	return rueidis.RedisMessage{}, nil
}

// Update ends a fill.
func (n *near) Update(key, _ string, reply rueidis.RedisMessage) (pxat int64) {
	pxat = max(reply.CachePXAT(), 0)
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.end(key)
	if f == nil {
		return pxat
	}
	if r, err := core.RecordOf(nearReply(reply)); err == nil {
		c := nearCopy{record: r}
		if r.TTL != driver.NoExpiry {
			c.ends = f.begun.Add(r.TTL) // never later than the record's own end
		}
		n.copies.Set(key, c)
	}
	f.reply = reply
	close(f.done)
	return pxat
}

// Cancel ends a fill that has failed.
func (n *near) Cancel(key, _ string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f := n.end(key); f != nil {
		f.err = err
		close(f.done)
	}
}

// end takes a fill out. With n.mu held.
func (n *near) end(key string) *fill {
	f := n.fills[key]
	delete(n.fills, key)
	return f
}

// Delete drops the copies of keys of which the server says that they have changed;
// of nil, all.
func (n *near) Delete(keys []rueidis.RedisMessage) {
	if keys == nil {
		n.copies.InvalidateAll()
		return
	}
	for _, k := range keys {
		if key, err := k.ToString(); err == nil {
			n.copies.Invalidate(key)
		}
	}
}

// Close drops everything, since a connection is gone and with it the messages.
// Fills of other connections end by themselves; those of this one are cancelled by
// the client as it fails their requests.
func (n *near) Close(error) { n.copies.InvalidateAll() }

// nearReply is the reply to a load, as the store knows it, of one that the client has
// made with the time that is left.
func nearReply(m rueidis.RedisMessage) core.Reply {
	if m.IsNil() {
		return core.Reply{}
	}
	r := replyOf(&m)
	if r.Kind == core.Text {
		r.Kind, r.Int = core.Pair, m.CachePTTL()
	}
	return r
}

// forEver is longer than any record lasts that the client keeps: the copies have limits
// of their own.
const forEver = 1000 * 24 * time.Hour

// fill reads a record from the server, which from then on tells when it changes. The
// caller's end does not end the request: others wait for it too, and a reply that
// nobody knows any more could not be told from the next one.
func (n *near) fill(client rueidis.Client, key string) (core.Reply, error) {
	r := client.DoCache(context.Background(), client.B().Get().Key(key).Cache(), forEver)
	m, err := r.ToMessage()
	if rueidis.IsRedisNil(err) {
		return core.Reply{}, nil
	}
	if err != nil {
		return core.Reply{}, err
	}
	return nearReply(m), nil
}

// Load returns the record under key, from the copies if it is there.
func (s *Store) Load(ctx context.Context, key string) (driver.Record, error) {
	if s.near == nil {
		return s.store.Load(ctx, key)
	}
	if err := s.Ready(ctx, key); err != nil {
		return driver.Record{}, err
	}
	if r, ok := s.near.get(key); ok {
		return r, nil
	}
	return s.LoadBy(ctx, key, func() (core.Reply, error) { return s.near.fill(s.client, key) })
}

// Save writes a record.
func (s *Store) Save(ctx context.Context, key string, value []byte, w driver.Write) (driver.Version, error) {
	if s.near != nil {
		defer s.near.wrote(key) // also if it failed: it may have been done
	}
	return s.store.Save(ctx, key, value, w)
}

// Delete removes a record.
func (s *Store) Delete(ctx context.Context, key string, v driver.Version) error {
	if s.near != nil {
		defer s.near.wrote(key)
	}
	return s.store.Delete(ctx, key, v)
}
