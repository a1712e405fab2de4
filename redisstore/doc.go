// Package redisstore keeps leases and records in Redis: version 6.2 or later, and
// what speaks its language.
//
// It has all that package driver knows of and Redis can do: hand-off queues, pools
// with weights, fences, records with versions, a list of what is held. Each method
// is one round trip; what has to be atomic is a script.
//
//	store, err := redisstore.New(ctx, redisstore.Options{URL: "redis://localhost:6379"})
//	...
//	c, err := cachify.New(store, nil)
//
// # What is in Redis
//
// A lock that is held is a string under the lock's own name, which expires with the
// lease. Its value is a pickle of the holder, so a program in Python that uses
// py-cachify 3.1 on the same Redis is kept out as it keeps out cachify, and each
// sees what the other holds. Any other value under the name of a lock is that of a
// foreign program, and the lock is held until it is gone; a foreign program that
// deletes the value takes the lease away from its holder.
//
// The queue of those who wait, and the leases of a pool, are in two keys beside it,
// "{name}:cachify:line" and "{name}:cachify:notes". They are there only as long as
// somebody waits or holds a slot, and expire with the last of them. Pools are not
// shared with Python.
//
// Fences come from the server's clock and are remembered for a day, one number for
// all names of a cluster slot, "{tag}:cachify:clock". So a fence is larger than all
// before it on the same name, also after FLUSHALL, a restart without data, or a
// fail-over that lost the last writes, as long as the clock of the server that
// gives it is ahead of those fences. That the clock is set back does no harm while
// the data is there, unless by more than a day.
//
// All keys of one name are in one slot of a cluster. A name with a hash tag of its
// own keeps it.
//
// A record is a string under its own key: the value, and behind it 16 bytes with
// its version. Python's pickle.loads does not mind them, so with the codec of package
// picklecodec cached results are shared with py-cachify, too. A value that another
// program wrote is a record as well; its version is a hash of its bytes, so writing
// the same bytes again does not change it.
//
// Lease names and record keys are one name space: that of Redis. A record under the
// name of a lock looks like a lock held by a foreign program, and evicting that
// holder deletes the record. So a lock "user-cached" and the results of a function
// cached under "user" are in each other's way. Names that end in ":cachify:line" and
// the like are this package's own.
//
// What evicts keys evicts locks: the server's maxmemory-policy should be
// noeviction, or the locks should have a server of their own. [Store.Examine] tells
// whether the server is set up safely, and docs/guides/redis.md how to do that.
//
// # Time
//
// Times to live are kept to the millisecond, rounded up, on the server's clock. A
// lease on a lock lasts up to one millisecond longer than it says.
//
// # Pushes
//
// A store that somebody listens on has one connection for the pushes of all names:
// to the server, to the master of the moment, or to any node of a cluster, which
// passes on each push to all of its nodes. If it breaks, or leads to a server that is
// no master or node any more, the store opens another one, subscribes again, and tells
// everybody to look.
//
// # Sentinel and clusters
//
// [Options].URL also leads to the master that sentinels watch, and to a cluster. While
// a master is gone, requests fail and waiters stay; when sentinels or nodes have
// agreed on another one, the store is there within a second or two.
//
// Replication is asynchronous, so what a master acknowledged last may be lost with
// it. A lease that is lost so is free for another while its holder works on, until
// the holder's next Extend or the end of its time: it is the fences that keep them
// apart, and they rise. A place in a queue that is lost is taken again at the next
// look. The other way round, a waiter that was served in time may still stand in the
// new master's queue: it is served once more, and its client, when it hears of it,
// gives that back.
//
// Sentinels leave an old master that is well, or comes back, in office for some
// seconds, and clients that do not know better stay with it. With
// min-replicas-to-write 1 and a short min-replicas-max-lag it soon refuses what
// would be lost.
//
// While a slot of a cluster moves, a name in it whose keys are not all on one side
// cannot be used: the node says TRYAGAIN, nothing is changed, and those who wait ask
// again.
package redisstore
