package cachify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/internal/lazyctx"
	"github.com/go-cachify/cachify/memstore"
)

// Defaults of [Config], those of py-cachify 3.1.
const (
	DefaultPrefix             = "PYC-"
	DefaultLockExpiration     = 30 * time.Second
	DefaultPoolSlotExpiration = 600 * time.Second
	DefaultLockPollInterval   = 100 * time.Millisecond
)

// NoExpiry as an expiry or time to live means for ever.
const NoExpiry = driver.NoExpiry

// Config is what an instance does unless an option of a verb says otherwise. The
// zero value of each field means its default.
type Config struct {
	// Prefix stands before every key in the store, so that instances with
	// different prefixes never see each other's. Defaults to "PYC-".
	Prefix string

	// NoPrefix makes the prefix empty. Not together with Prefix.
	NoPrefix bool

	// LockExpiration is how long locks and once-guards last that were not given
	// an [Expiry]. From 1 ms to 100 years, or [NoExpiry]. Defaults to 30 s.
	LockExpiration time.Duration

	// PoolSlotExpiration is the same for pools, for [SlotExpiry]. Defaults to 600 s.
	PoolSlotExpiration time.Duration

	// CacheTTL is how long cached results last that were not given a [TTL].
	// Defaults to [NoExpiry].
	CacheTTL time.Duration

	// LockPollInterval is the longest time between two looks of those who wait
	// for one name. It bounds what a lost push costs, and is the interval of
	// [Events].Waiting. A release, and the end of the holder's lease, are noticed at
	// once without it; only on a store without queues it also bounds how late a
	// release by another instance is. An instance whose waiters want more than
	// 5,000 looks a second, because they wait for many names, makes just as many,
	// each name in its turn. From 1 ms. Defaults to 100 ms.
	LockPollInterval time.Duration

	// Codec encodes cached results for stores that keep bytes. A store in the
	// same process keeps them as they are. Defaults to [JSON].
	Codec Codec

	// Events tells what happens. Defaults to nothing.
	Events *Events
}

// withDefaults returns a checked copy in which every field is set.
func (cfg *Config) withDefaults() (Config, error) {
	var c Config
	if cfg != nil {
		c = *cfg
	}
	if c.NoPrefix && c.Prefix != "" {
		return c, fmt.Errorf("%w: Config: Prefix is %q and NoPrefix is set: choose one", ErrInvalid, c.Prefix)
	}
	if c.Prefix == "" && !c.NoPrefix {
		c.Prefix = DefaultPrefix
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		or    time.Duration
	}{
		{"LockExpiration", &c.LockExpiration, DefaultLockExpiration},
		{"PoolSlotExpiration", &c.PoolSlotExpiration, DefaultPoolSlotExpiration},
		{"CacheTTL", &c.CacheTTL, NoExpiry},
		{"LockPollInterval", &c.LockPollInterval, DefaultLockPollInterval},
	} {
		if *d.value == 0 {
			*d.value = d.or
		}
		if err := checkDuration("Config."+d.name, *d.value); err != nil {
			return c, err
		}
	}
	if c.LockPollInterval == NoExpiry {
		return c, fmt.Errorf("%w: Config.LockPollInterval is NoExpiry: it must be finite, what a lost push may cost", ErrInvalid)
	}
	if c.Codec == nil {
		c.Codec = JSON()
	}
	if c.Events == nil {
		c.Events = &Events{}
	}
	return c, nil
}

// Cachify is an instance: a store, a prefix and defaults. It is safe for
// concurrent use. Make one with [New] or [Init]; nil and [Global] are the global
// instance, looked up at each call.
type Cachify struct {
	core *core // nil: the global instance
}

// core is what an instance is made of.
type core struct {
	Config
	store  driver.Store
	caps   driver.Capabilities
	owned  func() error // closes a store that New made; nil otherwise
	client *driver.Client
	epoch  time.Time // where its clock begins, see clock.go
	lines  lines
	loads  flights
	limits lazyctx.Limits // of requests to the store

	closing    sync.Mutex
	closed     atomic.Bool
	background sync.WaitGroup // loads and clean-ups under way; none is added once closed
}

// New returns an instance on store. A nil store is a new in-memory one, which
// belongs to the instance; any other stays the caller's, and several instances can
// share it. A nil cfg means the defaults. The error wraps [ErrInvalid].
func New(store driver.Store, cfg *Config) (*Cachify, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	k := &core{Config: c, store: store, client: driver.NewClient(), epoch: time.Now(), limits: lazyctx.Limits{Length: storeTimeout}}
	if store == nil {
		mem, err := memstore.New(nil)
		if err != nil {
			return nil, err
		}
		k.store, k.owned = mem, mem.Close
	}
	k.caps = driver.CapabilitiesOf(k.store)
	return &Cachify{core: k}, nil
}

var global atomic.Pointer[core]

// Init is [New] for the global instance, which [Global] and a nil *Cachify stand
// for. It can be called again: then what is done from now on is done on the new
// instance, while leases that are held go on where they are. The old instance is
// not closed.
func Init(store driver.Store, cfg *Config) (*Cachify, error) {
	c, err := New(store, cfg)
	if err != nil {
		return nil, err
	}
	global.Store(c.core)
	return c, nil
}

// Global returns a handle on the global instance. It can be had before [Init]:
// only what is done with it needs one, and returns [ErrNotInitialized] otherwise.
func Global() *Cachify { return &Cachify{} }

// resolve finds the instance that a handle stands for.
func (c *Cachify) resolve() (*core, error) {
	if c != nil && c.core != nil {
		return c.core, nil
	}
	if k := global.Load(); k != nil {
		return k, nil
	}
	return nil, ErrNotInitialized
}

// Close ends the instance: who waits gets [ErrClosed], and so does who comes
// later. Leases that are held stay held, and can still be released as long as the
// store is open. Close returns when the cached functions and clean-ups of the
// instance that are under way have ended, or ctx has. A store that [New] made for the instance is closed, any other is
// not. A second Close does nothing.
func (c *Cachify) Close(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	k, err := c.resolve()
	if err != nil {
		return err
	}
	k.closing.Lock()
	again := k.closed.Swap(true)
	k.closing.Unlock()
	if again {
		return nil
	}
	k.lines.close()
	done := make(chan struct{})
	go func() {
		k.background.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if k.owned != nil {
		err = errors.Join(err, k.owned())
	}
	return err
}

// track counts something that Close waits for, until the function it returns is
// called.
func (k *core) track() func() {
	k.closing.Lock()
	defer k.closing.Unlock()
	if k.closed.Load() {
		return func() {}
	}
	k.background.Add(1)
	return k.background.Done
}

// Ping asks the store whether it answers. A store that cannot be asked counts as
// one that does.
func (c *Cachify) Ping(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	k, err := c.ready()
	if err != nil {
		return err
	}
	if k.caps.Ping == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return k.failure("ping", "", k.caps.Ping.Ping(ctx))
}

// ready is resolve for what a closed instance refuses.
func (c *Cachify) ready() (*core, error) {
	k, err := c.resolve()
	if err != nil {
		return nil, err
	}
	if k.closed.Load() {
		return nil, errInstanceClosed
	}
	return k, nil
}

// Must returns v, or panics with err. It is for package-level variables:
//
//	var getUser = cachify.Must(cachify.Cached(nil, "user-{id}", fetchUser))
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
