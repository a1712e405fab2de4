package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	redsyncrueidis "github.com/go-redsync/redsync/v4/redis/rueidis"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidiscompat"
	"github.com/redis/rueidis/rueidislock"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

// redisPeer is one way to lock on Redis. Each is used as its README says, with the
// settings that recommends for one server, and its defaults otherwise.
type redisPeer struct {
	name    string
	kind    kind
	module  string // whose version is shown
	connect func(*lab, *redisServer) redisClient

	// direct are the commands that it sends by itself, other than those that only
	// clients can send. See redisServer.commands.
	direct []string

	// polls is the longest pause between two attempts of a waiter. 0: it is woken.
	polls time.Duration
}

// redisClient is one client of a peer: a process of its own, as far as Redis can tell.
type redisClient interface {
	// lock acquires key, waiting as long as ctx lasts. unlock works after its end, too.
	lock(ctx context.Context, key string) (unlock func() error, err error)
	// try acquires key, which is known to be free.
	try(ctx context.Context, key string) (unlock func() error, err error)
}

const leaseTime = 30 * time.Second // where a peer has no default

const (
	rueidisModule   = "github.com/redis/rueidis"
	goRedisModule   = "github.com/redis/go-redis/v9"
	redislockModule = "github.com/bsm/redislock"
	redsyncModule   = "github.com/go-redsync/redsync/v4"
)

var (
	rawPeer     = &redisPeer{name: "raw SET NX PX + DEL", kind: limit, module: rueidisModule, connect: connectRaw}
	tunedPeer   = &redisPeer{name: "raw, client set as cachify's", kind: limit, module: rueidisModule, connect: connectRawTuned}
	emptyPeer   = &redisPeer{name: "two empty scripts of one key, likewise", kind: limit, module: rueidisModule, connect: connectEmpty(1)}
	fourPeer    = &redisPeer{name: "two empty scripts of four keys, likewise", kind: limit, module: rueidisModule, connect: connectEmpty(4)}
	barePeer    = &redisPeer{name: "cachify's two commands, sent bare", kind: limit, module: rueidisModule, connect: connectBare}
	cachifyPeer = &redisPeer{name: "cachify", kind: ours, connect: connectCachify}
	lockPeers   = []*redisPeer{
		{name: "rueidislock", kind: peer, module: rueidisModule, connect: connectRueidislock},
		{name: "redislock", kind: peer, module: redislockModule, connect: connectRedislock, polls: 50 * time.Millisecond},
		{name: "redsync", kind: peer, module: redsyncModule, connect: connectRedsync, direct: []string{"set"}, polls: 250 * time.Millisecond},
	}
	// redsync on the client that cachify uses rather than on that of its README.
	redsyncRueidisPeer = &redisPeer{name: "redsync on rueidis", kind: peer, module: redsyncModule, connect: connectRedsyncRueidis, direct: []string{"set"}, polls: 250 * time.Millisecond}
)

func newRueidis(l *lab, s *redisServer) rueidis.Client {
	opt := s.option()
	opt.DisableCache = true
	client, err := rueidis.NewClient(opt)
	l.must(err)
	l.atEnd(client.Close)
	return client
}

func newGoRedis(l *lab, s *redisServer) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: s.addr})
	l.atEnd(func() { _ = client.Close() })
	return client
}

// newTuned returns a client with the settings that redisstore gives its own.
func newTuned(l *lab, s *redisServer) rueidis.Client {
	opt := s.option()
	opt.DisableCache, opt.MaxFlushDelay, opt.PipelineMultiplex = true, 20*time.Microsecond, -1
	client, err := rueidis.NewClient(opt)
	l.must(err)
	l.atEnd(client.Close)
	return client
}

// connectRawTuned is connectRaw with the settings that redisstore gives its clients.
func connectRawTuned(l *lab, s *redisServer) redisClient {
	return &rawClient{newTuned(l, s), driver.NewClient()}
}

// connectEmpty sends two scripts that do nothing but name keys, with the settings of
// redisstore: what is atomic on Redis is a script, so this is the limit of what can be
// a lock. cachify's scripts name four keys: the lease, the last fence, the queue, and
// notes on it.
func connectEmpty(keys int) func(*lab, *redisServer) redisClient {
	return func(l *lab, s *redisServer) redisClient {
		return &emptyClient{newTuned(l, s), rueidis.NewLuaScript("return 1"), keys}
	}
}

type emptyClient struct {
	rueidis.Client
	script *rueidis.Lua
	keys   int
}

func (c *emptyClient) try(ctx context.Context, key string) (func() error, error) {
	keys := make([]string, c.keys)
	for i := range keys {
		keys[i] = "{" + key + "}" + strconv.Itoa(i)
	}
	do := func() error { return c.script.Exec(ctx, c, keys, nil).Error() }
	return do, do()
}

func (c *emptyClient) lock(ctx context.Context, key string) (func() error, error) {
	return c.try(ctx, key)
}

// connectBare sends what cachify's store sends for a pair, word by word, with the
// settings of redisstore: all that is left of cachify in it is its scripts on the server.
func connectBare(l *lab, s *redisServer) redisClient {
	c := &bareClient{Client: newTuned(l, s), pairs: make(map[string]*pair)}
	store, err := redisstore.NewFromClient(l.ctx, c)
	l.must(err)
	l.atEnd(func() { _ = store.Close() })
	c.store = store
	return c
}

// pair is the words of the two commands that acquire a key and release it.
type pair struct{ acquire, release []string }

// bareClient learns from the store what it sends, once for each key.
type bareClient struct {
	rueidis.Client
	store *redisstore.Store

	mu    sync.Mutex
	pairs map[string]*pair
	last  []string // what the store has sent last, while it is listened to
}

func (c *bareClient) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	c.last = slices.Clone(cmd.Commands())
	return c.Client.Do(ctx, cmd)
}

func (c *bareClient) learn(ctx context.Context, key string) (*pair, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pairs[key]; p != nil {
		return p, nil
	}
	p := &pair{}
	grant, err := c.store.Acquire(ctx, driver.AcquireRequest{
		Name: key, Holder: driver.NewClient().NewHolder(), Limit: 1, Slots: 1, TTL: leaseTime,
	})
	if err != nil {
		return nil, err
	}
	p.acquire = c.last
	if err := c.store.Release(ctx, grant); err != nil {
		return nil, err
	}
	p.release = c.last
	c.pairs[key] = p
	return p, nil
}

// send fails if there was nothing to acquire or release.
func (c *bareClient) send(ctx context.Context, words []string) error {
	n, err := c.Client.Do(ctx, c.B().Arbitrary(words...).Build()).AsInt64()
	if err == nil && n == 0 {
		err = errors.New("it was not done")
	}
	return err
}

func (c *bareClient) try(ctx context.Context, key string) (func() error, error) {
	p, err := c.learn(ctx, key)
	if err != nil {
		return nil, err
	}
	return func() error { return c.send(ctx, p.release) }, c.send(ctx, p.acquire)
}

func (c *bareClient) lock(ctx context.Context, key string) (func() error, error) {
	return c.try(ctx, key)
}

// rawClient is no lock: it is the least that one can send.
type rawClient struct {
	rueidis.Client
	me *driver.Client
}

func connectRaw(l *lab, s *redisServer) redisClient {
	return &rawClient{newRueidis(l, s), driver.NewClient()}
}

func (c *rawClient) try(ctx context.Context, key string) (func() error, error) {
	err := c.Do(ctx, c.B().Set().Key(key).Value(c.me.NewHolder()).Nx().PxMilliseconds(leaseTime.Milliseconds()).Build()).Error()
	return func() error { return c.Do(ctx, c.B().Del().Key(key).Build()).Error() }, err
}

func (c *rawClient) lock(ctx context.Context, key string) (func() error, error) {
	return c.try(ctx, key)
}

type cachifyClient struct{ *cachify.Cachify }

func connectCachify(l *lab, s *redisServer) redisClient {
	return cachifyClient{l.onRedis(redisstore.Options{URL: s.url()})}
}

// onRedis returns an instance on Redis.
func (l *lab) onRedis(opts redisstore.Options) *cachify.Cachify {
	store, err := redisstore.New(l.ctx, opts)
	l.must(err)
	l.atEnd(func() { _ = store.Close() })
	c, err := cachify.New(store, nil)
	l.must(err)
	l.atEnd(func() { _ = c.Close(context.Background()) })
	return c
}

func (c cachifyClient) try(ctx context.Context, key string) (func() error, error) {
	lease, err := c.Lock(key).Acquire(ctx)
	return func() error { return lease.Release(ctx) }, err
}

func (c cachifyClient) lock(ctx context.Context, key string) (func() error, error) {
	lease, err := c.Lock(key, cachify.Wait(cachify.Forever)).Acquire(ctx)
	return func() error { return lease.Release(ctx) }, err
}

type rueidislockClient struct{ rueidislock.Locker }

func connectRueidislock(l *lab, s *redisServer) redisClient {
	locker, err := rueidislock.NewLocker(rueidislock.LockerOption{
		ClientOption: s.option(), KeyMajority: 1, NoLoopTracking: true, // as the README says for one server
		TryNextAfter: time.Second, // what an attempt may take at most: 20 ms are not always enough on a busy machine
	})
	l.must(err)
	l.atEnd(locker.Close)
	return rueidislockClient{locker}
}

func (c rueidislockClient) try(ctx context.Context, key string) (func() error, error) {
	_, cancel, err := c.TryWithContext(ctx, key)
	return func() error { cancel(); return nil }, err
}

func (c rueidislockClient) lock(ctx context.Context, key string) (func() error, error) {
	_, cancel, err := c.WithContext(ctx, key)
	return func() error { cancel(); return nil }, err
}

type redislockClient struct{ *redislock.Client }

func connectRedislock(l *lab, s *redisServer) redisClient {
	return redislockClient{redislock.New(newGoRedis(l, s))}
}

func (c redislockClient) obtain(ctx context.Context, key string, opt *redislock.Options) (func() error, error) {
	lock, err := c.Obtain(ctx, key, leaseTime, opt)
	return func() error { return lock.Release(context.WithoutCancel(ctx)) }, err
}

func (c redislockClient) try(ctx context.Context, key string) (func() error, error) {
	return c.obtain(ctx, key, nil)
}

// lock retries twice as often as the shortest pause in the examples of redislock,
// which waits for nobody by default.
func (c redislockClient) lock(ctx context.Context, key string) (func() error, error) {
	return c.obtain(ctx, key, &redislock.Options{RetryStrategy: redislock.LinearBackoff(50 * time.Millisecond)})
}

type redsyncClient struct{ *redsync.Redsync }

func connectRedsync(l *lab, s *redisServer) redisClient {
	return redsyncClient{redsync.New(goredis.NewPool(newGoRedis(l, s)))}
}

func connectRedsyncRueidis(l *lab, s *redisServer) redisClient {
	return redsyncClient{redsync.New(redsyncrueidis.NewPool(rueidiscompat.NewAdapter(newRueidis(l, s))))}
}

func (c redsyncClient) mutex(ctx context.Context, key string, opts ...redsync.Option) (func() error, error) {
	m := c.NewMutex(key, opts...)
	err := m.LockContext(ctx)
	return func() error { _, err := m.UnlockContext(context.WithoutCancel(ctx)); return err }, err
}

func (c redsyncClient) try(ctx context.Context, key string) (func() error, error) {
	return c.mutex(ctx, key)
}

// lock has the pauses of redsync, 50 to 250 ms, but not its end after 32 attempts.
func (c redsyncClient) lock(ctx context.Context, key string) (func() error, error) {
	return c.mutex(ctx, key, redsync.WithTries(1<<30))
}
