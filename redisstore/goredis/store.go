package goredis

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/internal/core"
)

// Store is a store on Redis. Make it with [New]. All methods are safe for concurrent
// use.
//
// It is a [driver.Queuer], [driver.Inspector], [driver.Pinger] and [driver.Doctor]: its
// methods are those that package driver describes, and Close. Holders tells of a
// foreign holder how long its value stays and, if that is text, the value. Names goes
// through all keys of the database, of a cluster on all masters, without blocking a
// server for long: something for a person, not for each request.
//
// An error that is neither one of package driver's nor the ctx's own wraps that of
// the client; what became of the request is then unknown.
type Store struct{ *store }

type store = core.Store

// What a Store offers beyond the least.
var (
	_ driver.Queuer    = (*Store)(nil)
	_ driver.Inspector = (*Store)(nil)
	_ driver.Pinger    = (*Store)(nil)
	_ driver.Doctor    = (*Store)(nil)
)

// New returns a store that works through client, and never closes it. The client has
// to stay open as long as the store.
//
// client is a [*redis.Client] or a [*redis.ClusterClient], and its requests go to
// masters: the error wraps [driver.ErrInvalid] for any other client, such as a
// [*redis.Ring], which knows nothing of a lease when a server is gone, and for a cluster's
// ReadOnly, RouteByLatency and RouteRandomly. Otherwise it says that the server
// does not answer, is a replica, or is too old: it must be Redis 6.2 or later. ctx
// bounds the asking.
func New(ctx context.Context, client redis.UniversalClient) (*Store, error) {
	a, err := adapt(client)
	if err != nil {
		return nil, err
	}
	if a.cluster == nil {
		if err := core.CheckMaster(ctx, a); err != nil {
			return nil, err
		}
	}
	s, err := core.New(ctx, a)
	if err != nil {
		return nil, err
	}
	return &Store{s}, nil
}

// Close ends the one connection on which the store listens, but never the client.
// Every method returns [driver.ErrClosed] from now on, and who listens is woken.
// Leases and places stay in Redis until they run out. A second Close does nothing.
// The error is always nil.
func (s *Store) Close() error {
	s.store.Close()
	return nil
}

// adapt refuses clients that cannot keep a store's promises.
func adapt(client redis.UniversalClient) (adapter, error) {
	switch c := client.(type) {
	case *redis.Client:
		if c != nil {
			return adapter{conn: conn{c}}, nil
		}
	case *redis.ClusterClient:
		if c == nil {
			break
		}
		if o := c.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return adapter{}, invalid("the client reads from replicas, which learn late who holds what: ReadOnly, RouteByLatency and RouteRandomly must be off")
		}
		return adapter{conn: conn{c}, cluster: c}, nil
	case *redis.Ring:
		return adapter{}, invalid("the client is a Ring: when one of its servers is gone another takes its keys and knows of no lease; it must be a *redis.Client or a *redis.ClusterClient")
	case *redis.AutoPipeliner:
		return adapter{}, invalid("the client is an AutoPipeliner: it must be the client that it was made of")
	case nil:
	default:
		return adapter{}, invalid(fmt.Sprintf("the client is a %T: it must be a *redis.Client or a *redis.ClusterClient, which hooks can extend", client))
	}
	return adapter{}, invalid("the client is nil")
}

func invalid(why string) error { return fmt.Errorf("redisstore: %w: %s", driver.ErrInvalid, why) }
