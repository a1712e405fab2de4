package goredis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-cachify/cachify/redisstore/internal/core"
)

// pingInterval is how often a connection that listens has to show that it lives.
const pingInterval = 3 * time.Second

var (
	errSilent   = errors.New("the server is silent")
	errReopened = errors.New("the client has opened the connection again") // and messages may have been missed
)

// subscriber is a connection of the client that hears what is published. The client
// would mend it by itself, but does not say when; so it is given up at the first
// error.
type subscriber struct {
	pubsub *redis.PubSub
	hear   func(channel, payload string)
	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc

	start sync.Once
	alive atomic.Bool   // it has heard something since the last ping
	ended chan struct{} // closed when err is set
	err   error
	lost  chan error

	mu       sync.Mutex
	awaited  redis.Subscription // kind and channel of the reply that Subscribe and Unsubscribe wait for
	answered chan struct{}
}

func (a adapter) Subscriber(hear func(channel, payload string)) core.Subscriber {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &subscriber{
		pubsub: a.client.Subscribe(ctx), hear: hear, ctx: ctx, cancel: cancel,
		ended: make(chan struct{}), lost: make(chan error, 1),
	}
	s.alive.Store(true)
	return s
}

func (s *subscriber) Subscribe(ctx context.Context, channels []string) error {
	return s.ask(ctx, s.pubsub.Subscribe, "subscribe", channels)
}

func (s *subscriber) Unsubscribe(ctx context.Context, channels []string) error {
	return s.ask(ctx, s.pubsub.Unsubscribe, "unsubscribe", channels)
}

// ask sends a request about channels and waits for the reply about the last of them.
func (s *subscriber) ask(ctx context.Context, send func(context.Context, ...string) error, kind string, channels []string) error {
	answered := make(chan struct{})
	s.mu.Lock()
	s.awaited = redis.Subscription{Kind: kind, Channel: channels[len(channels)-1]}
	s.answered = answered
	s.mu.Unlock()
	if err := send(ctx, channels...); err != nil {
		return err
	}
	s.start.Do(func() {
		go s.read()
		go s.watch()
	})
	select {
	case <-answered:
		return nil
	case <-s.ended:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read hears until the connection breaks or is closed.
func (s *subscriber) read() {
	for {
		m, err := s.pubsub.Receive(s.ctx)
		if err != nil {
			s.end(err)
			return
		}
		s.alive.Store(true)
		switch m := m.(type) {
		case *redis.Message:
			s.hear(m.Channel, m.Payload)
		case *redis.Subscription:
			if !s.answer(m) {
				s.end(errReopened)
				return
			}
		}
	}
}

// answer tells who waits for it. It reports whether somebody asked for what m says.
func (s *subscriber) answer(m *redis.Subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered == nil {
		return m.Kind != "subscribe"
	}
	if m.Kind == s.awaited.Kind && m.Channel == s.awaited.Channel {
		close(s.answered)
		s.answered = nil
	}
	return true
}

func (s *subscriber) end(err error) {
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	s.err = err
	close(s.ended)
	s.lost <- err
}

// watch gives the connection up when it has been silent for too long.
func (s *subscriber) watch() {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.ended:
			return
		}
		if !s.alive.Swap(false) {
			s.close(errSilent)
			return
		}
		_ = s.pubsub.Ping(s.ctx) // that it cannot be sent is seen at the next tick
	}
}

func (s *subscriber) Lost() <-chan error { return s.lost }

func (s *subscriber) Close() { s.close(redis.ErrClosed) }

func (s *subscriber) close(why error) {
	s.cancel(why) // first: the client may be about to open the connection again
	_ = s.pubsub.Close()
}
