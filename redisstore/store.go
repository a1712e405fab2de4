package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
)

// Store is a store on Redis. Make it with [New] or [NewFromClient]. All methods are
// safe for concurrent use.
//
// An error that is neither one of package driver's nor the ctx's own wraps that of
// the client; what became of the request is then unknown.
type Store struct {
	client rueidis.Client
	owned  bool
	pushes *pushes
	closed atomic.Bool

	answered atomic.Int32 // requests since one was not answered, up to enoughAnswers
}

// What a Store offers beyond the least.
var (
	_ driver.Queuer    = (*Store)(nil)
	_ driver.Inspector = (*Store)(nil)
	_ driver.Pinger    = (*Store)(nil)
)

// Close ends the store's connections, but never a client that was given to
// [NewFromClient]. Every method returns [driver.ErrClosed] from now on, and who
// listens is woken. Leases and places stay in Redis until they run out. A second
// Close does nothing. The error is always nil.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.pushes.close()
	if s.owned {
		s.client.Close()
	}
	return nil
}

// Ping returns nil if the server answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	_, err := s.send(ctx, s.client.B().Ping().Build())
	return err
}

// ready is what every method asks first.
func (s *Store) ready(ctx context.Context) error {
	if s.closed.Load() {
		return driver.ErrClosed
	}
	return ctx.Err()
}

func (s *Store) readyFor(ctx context.Context, key string) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return driver.ValidateKey(key)
}

// run executes a script about name.
func (s *Store) run(ctx context.Context, l *rueidis.Lua, name string, args ...string) (rueidis.RedisMessage, error) {
	return s.exec(ctx, l, keysOf(name), args)
}

// exec executes a script. The error may be that of a nil reply, which Load has to
// tell apart.
func (s *Store) exec(ctx context.Context, l *rueidis.Lua, keys, args []string) (rueidis.RedisMessage, error) {
	if s.connected() {
		return s.read(ctx, l.Exec(undated{ctx}, s.client, keys, args))
	}
	return s.read(ctx, guarded(ctx, func() rueidis.RedisResult { return l.Exec(undated{ctx}, s.client, keys, args) }))
}

// send sends one command. The error may be that of a nil reply.
func (s *Store) send(ctx context.Context, cmd rueidis.Completed) (rueidis.RedisMessage, error) {
	if s.connected() {
		return s.read(ctx, s.client.Do(undated{ctx}, cmd))
	}
	return s.read(ctx, guarded(ctx, func() rueidis.RedisResult { return s.client.Do(undated{ctx}, cmd) }))
}

// enoughAnswers is how many answers in a row say that the client is connected: it
// spreads requests over a few connections at random, and opens each when it is
// first needed.
const enoughAnswers = 64

func (s *Store) connected() bool { return s.answered.Load() >= enoughAnswers }

// guarded calls do and does not wait for it longer than ctx. The client heeds a
// request's ctx once it is connected, but not while it connects: then the requests
// wait for the first one, and that for its dial. A goroutine for each request
// would be too dear when all is well.
func guarded(ctx context.Context, do func() rueidis.RedisResult) rueidis.RedisResult {
	if ctx.Done() == nil {
		return do()
	}
	done := make(chan rueidis.RedisResult, 1)
	go func() { done <- do() }()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return rueidis.NewErrorResult(ctx.Err())
	}
}

// read reads a result, and notes whether the server answers.
func (s *Store) read(ctx context.Context, r rueidis.RedisResult) (rueidis.RedisMessage, error) {
	m, err := r.ToMessage()
	_, isReply := rueidis.IsRedisErr(err)
	if err != nil && !isReply {
		s.answered.Store(0)
	} else if !s.connected() {
		s.answered.Add(1)
	}
	if rueidis.IsRedisNil(err) {
		return m, err
	}
	return m, s.failure(ctx, err)
}

// failure wraps what the client says of a request that has failed.
func (s *Store) failure(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case s.closed.Load():
		return driver.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Another request's ctx, which ended while that was connecting for all, or a
		// time limit of the client's own. It must not look like the caller's.
		return fmt.Errorf("redisstore: connecting: %s", err.Error())
	}
	return fmt.Errorf("redisstore: %w", err)
}

func cause(ctx context.Context, err error) error {
	if e := ctx.Err(); e != nil {
		return e
	}
	return err
}

// undated is a ctx that ends at its deadline but does not tell it. The client sets
// a deadline that it knows on the connection itself, and then does not notice an
// earlier end of the ctx; and when it passes, the connection is lost with all the
// requests of others on it.
type undated struct{ context.Context }

func (undated) Deadline() (time.Time, bool) { return time.Time{}, false }
