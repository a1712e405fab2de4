package redisstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/redisstore/internal/core"
)

// nodeInterval is how often a store makes sure that the server it listens on still is
// one that hears what is pushed. It asks the client, which knows, and no server.
const nodeInterval = time.Second

// errAnotherServer ends a connection that is well, to a server that hears nothing any
// more: one that was a master, or has left its cluster.
var errAnotherServer = errors.New("redisstore: listening on another server")

func (c adapter) Subscriber(hear func(channel, payload string)) core.Subscriber {
	server, still := c.listeningPost()
	dedicated, _ := server.Dedicate()
	lost := dedicated.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { hear(m.Channel, m.Message) },
	})
	s := &subscriber{dedicated: dedicated, lost: lost, closed: make(chan struct{})}
	if still != nil {
		told := make(chan error, 1)
		s.lost = told
		go s.watch(still, lost, told)
	}
	return s
}

// listeningPost returns a server to subscribe on: any of a cluster, which passes on
// each message to all, or the master of the moment, or the only one. still tells later
// whether it is that yet; nil: it always is.
func (c adapter) listeningPost() (server rueidis.Client, still func() bool) {
	if c.client.Mode() == rueidis.ClientModeStandalone {
		return c.client, nil
	}
	for address, node := range c.client.Nodes() {
		return node, func() bool { return c.client.Nodes()[address] != nil }
	}
	return c.client, func() bool { return false } // it knows nobody just now
}

// subscriber is a connection that is not given back: it may have subscriptions.
type subscriber struct {
	dedicated rueidis.DedicatedClient
	lost      <-chan error
	close     sync.Once
	closed    chan struct{}
}

// watch tells when the connection breaks, or the server is no more what it was.
func (s *subscriber) watch(still func() bool, broken <-chan error, lost chan<- error) {
	check := time.NewTicker(nodeInterval)
	defer check.Stop()
	for {
		select {
		case err := <-broken:
			lost <- err
			return
		case <-check.C:
			if !still() {
				lost <- errAnotherServer
				return
			}
		case <-s.closed:
			return
		}
	}
}

// Subscribe returns when the server has confirmed the first channel. It has then done
// its part for all of them.
func (s *subscriber) Subscribe(ctx context.Context, channels []string) error {
	return s.dedicated.Do(undated{ctx}, s.dedicated.B().Subscribe().Channel(channels...).Build()).Error()
}

func (s *subscriber) Unsubscribe(ctx context.Context, channels []string) error {
	return s.dedicated.Do(undated{ctx}, s.dedicated.B().Unsubscribe().Channel(channels...).Build()).Error()
}

func (s *subscriber) Lost() <-chan error { return s.lost }

func (s *subscriber) Close() {
	s.close.Do(func() { close(s.closed) })
	s.dedicated.Close()
}
