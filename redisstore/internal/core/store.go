package core

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Store is a store on Redis, but for the client and its end. Make it with [New]. All
// methods are safe for concurrent use.
//
// An error that is neither one of package driver's nor the ctx's own wraps that of
// the client; what became of the request is then unknown.
type Store struct {
	client Client
	pushes *pushes
	closed atomic.Bool
	heeds  bool // the client heeds a request's ctx, once it is connected

	answered atomic.Int32 // requests since one was not answered, up to enoughAnswers
	last     atomic.Int64 // when the last of them was answered, since made
	made     time.Time
}

// What a Store offers beyond the least.
var (
	_ driver.Queuer    = (*Store)(nil)
	_ driver.Inspector = (*Store)(nil)
	_ driver.Pinger    = (*Store)(nil)
)

// New returns a store that works through client. The error says that the server does
// not answer, or is too old.
func New(ctx context.Context, client Client) (*Store, error) {
	if err := checkServer(ctx, client); err != nil {
		return nil, err
	}
	if err := preload(ctx, client); err != nil {
		return nil, err
	}
	clocks() // made here rather than during the first request
	return &Store{client: client, heeds: client.HeedsCtx(), pushes: newPushes(client), made: time.Now()}, nil
}

// Close ends the store, but not its client, which is still open while Close is at
// work. It reports whether the store was open.
func (s *Store) Close() bool {
	if s.closed.Swap(true) {
		return false
	}
	s.pushes.close()
	return true
}

// Ping returns nil if the server answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	_, err := s.send(ctx, Command{Name: "PING"})
	return err
}

// ready is what every method asks first.
func (s *Store) ready(ctx context.Context) error {
	if s.closed.Load() {
		return driver.ErrClosed
	}
	return ctx.Err()
}

// Ready is what every method about a key asks first.
func (s *Store) Ready(ctx context.Context, key string) error { return s.readyFor(ctx, key) }

func (s *Store) readyFor(ctx context.Context, key string) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return driver.ValidateKey(key)
}

// run executes a script about name.
func (s *Store) run(ctx context.Context, script *Script, name string, args ...string) (Reply, error) {
	return s.exec(ctx, script, keysOf(name), args)
}

// exec executes a script.
func (s *Store) exec(ctx context.Context, script *Script, keys, args []string) (Reply, error) {
	if s.connected() {
		r, err := s.client.Run(ctx, script, keys, args)
		return r, s.noted(ctx, err)
	}
	r, err := guarded(ctx, func() (Reply, error) { return s.client.Run(ctx, script, keys, args) })
	return r, s.noted(ctx, err)
}

// send sends one command.
func (s *Store) send(ctx context.Context, c Command) (Reply, error) {
	if s.connected() {
		r, err := s.client.Do(ctx, c)
		return r, s.noted(ctx, err)
	}
	r, err := guarded(ctx, func() (Reply, error) { return s.client.Do(ctx, c) })
	return r, s.noted(ctx, err)
}

// enoughAnswers is how many answers in a row say that the client is connected: it
// may spread requests over a few connections at random, and open each when it is
// first needed.
const enoughAnswers = 64

// idle is the time after which a connection that was well may be gone, unnoticed.
const idle = 100 * time.Millisecond

// connected reports whether requests end with their ctx by themselves.
func (s *Store) connected() bool {
	return s.heeds && s.answered.Load() >= enoughAnswers && time.Since(s.made)-time.Duration(s.last.Load()) < idle
}

// guarded calls do and does not wait for it longer than ctx. Some clients heed a
// request's ctx once they are connected, but not while they connect: then the
// requests wait for the first one, and that for its dial. A goroutine for each
// request would be too dear when all is well. Others never do.
func guarded[T any](ctx context.Context, do func() (T, error)) (T, error) {
	if ctx.Done() == nil {
		return do()
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := do()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// noted notes whether the server answers, and makes the store's error of the
// client's.
func (s *Store) noted(ctx context.Context, err error) error {
	switch {
	case err != nil && !s.client.IsReply(err):
		s.answered.Store(0)
	case s.heeds:
		s.last.Store(int64(time.Since(s.made)))
		if s.answered.Load() < enoughAnswers {
			s.answered.Add(1)
		}
	}
	return s.failure(ctx, err)
}

// failure wraps what the client says of a request that has failed.
func (s *Store) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if s.closed.Load() {
		return driver.ErrClosed
	}
	if e := ended(ctx); e != nil {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		// Another request's ctx, which ended while that was connecting for all, or a
		// time limit of the client's own. It must not look like the caller's.
		return fmt.Errorf("redisstore: connecting: %s", err.Error())
	}
	return fmt.Errorf("redisstore: %w", err)
}

func cause(ctx context.Context, err error) error {
	if e := ended(ctx); e != nil {
		return e
	}
	return err
}

// ended is ctx.Err, but for the moment in which the deadline is over and ctx does not
// know yet: a client that has set the same deadline on its connection may be first.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return nil
}
