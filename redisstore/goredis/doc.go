// Package goredis is the store of package redisstore on a client of go-redis: for
// programs that have one already.
//
//	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
//	store, err := goredis.New(ctx, client)
//	...
//	c, err := cachify.New(store, nil)
//
// What it keeps in Redis, and what it promises, is that of redisstore: the scripts
// and keys are the same, and programs with either package, and those in Python that
// use py-cachify, exclude each other. The two modules are released together, and used
// in the same version.
//
// # The client
//
// It is a *redis.Client, from NewFailoverClient too, or a *redis.ClusterClient. Its
// options stay as they are, but for one: what a store sends is not sent again,
// whatever MaxRetries says. A request whose reply was lost may have been done, and
// only the package that asked for it knows what that means: a second Release would
// find nothing to release, and a second Evict would hit the next holder. Redirections
// of a cluster are followed, up to MaxRedirects: what was redirected was not done.
//
// A request returns when its ctx ends, also without ContextTimeoutEnabled; the
// connection that it was sent on is free again after ReadTimeout at the latest. So a
// server that hangs takes as many connections as the pool has, for that long.
//
// Listening takes one connection more than the pool has, for all names.
//
// # Which one
//
// A rueidis client sends what several goroutines ask for at the same time in one go,
// and needs a few connections for all of them. With go-redis each request takes a
// connection for a whole round trip, and PoolSize of them are under way at most. Where
// there is no client yet, redisstore.New is the faster store.
package goredis
