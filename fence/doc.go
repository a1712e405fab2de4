// Package fence lets a resource refuse the holder of a lease that is over.
//
// A process can be frozen between looking at the clock and acting: by its garbage
// collector, its machine, its network. When it goes on, its lease may long be over, and
// another process may hold the lock. No lock can stop it then; what can is the thing it
// acts on. Each lease has a fencing token, a number larger than that of every earlier
// lease on the same key (cachify's Lease.Fence). Whoever writes sends it along, and the
// resource remembers the largest it has seen, and refuses who comes with a smaller one.
//
// [Gate] is that for a resource in Go. A database does the same by a condition, and
// needs no package:
//
//	UPDATE accounts SET balance = $3, fence = $1 WHERE id = $2 AND fence <= $1
//
// Where no row was changed, the fence is stale (or the row is not there). The guide
// docs/guides/fencing.md has this for SQL, files, object stores and HTTP, and
// examples/fenced-update is a program that does it.
//
// # What it is for
//
// Locks, once-guards, and pools of one: one valid lease at a time. In a pool of several
// the lease with the smaller fence is as valid as the others, so a gate would refuse
// who has every right to write. Leases on different keys have fences that mean nothing
// to each other: one resource is guarded by one key.
package fence
