package redisstore

import (
	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/internal/core"
)

// Store is a store on Redis. Make it with [New] or [NewFromClient]. All methods are
// safe for concurrent use.
//
// It is a [driver.Queuer], [driver.Inspector], [driver.Pinger] and [driver.Doctor]: its
// methods are those that package driver describes, and Close. Holders tells of a
// foreign holder how long its value stays and, if that is text, the value. Names goes
// through all keys of the database, of a cluster on all masters, without blocking a
// server for long: something for a person, not for each request.
//
// An error that is neither one of package driver's nor the ctx's own wraps that of
// the client; what became of the request is then unknown.
type Store struct {
	*store
	client rueidis.Client
	owned  bool
	near   *near // nil: none
}

type store = core.Store

// What a Store offers beyond the least.
var (
	_ driver.Queuer    = (*Store)(nil)
	_ driver.Inspector = (*Store)(nil)
	_ driver.Pinger    = (*Store)(nil)
	_ driver.Doctor    = (*Store)(nil)
)

// Close ends the store's connections, but never a client that was given to
// [NewFromClient]. Every method returns [driver.ErrClosed] from now on, and who
// listens is woken. Leases and places stay in Redis until they run out. A second
// Close does nothing. The error is always nil.
func (s *Store) Close() error {
	if !s.store.Close() {
		return nil
	}
	if s.owned {
		s.client.Close()
	}
	s.near.stop()
	return nil
}
