// Package kvstore turns a plain key-value client into a store for cachify.
//
// A [Client] needs three operations: get, set if absent, and compare and delete.
// That is enough for locks, once-guards and caches. A client that can also compare
// and swap ([CompareAndSwapper]) gets leases that can be extended, and fences.
//
// All exclusion rests on the client: that it compares, in the same step in which it
// deletes, sets or swaps, and that values last for their time to live. Two tests prove
// that a client and the store on it are right. Package clienttest, in a directory
// below, asks the client itself, with races; package storetest asks the store, through
// which a client that does not compare can look sound.
//
// # What it offers
//
//   - Leases with one slot. Pools with more slots are refused with
//     [driver.ErrUnsupported]: without an operation on several keys, or a clock
//     that all clients share, there is no sound way to count slots.
//   - No queue: the root package polls for it.
//   - Extend and fences only with compare and swap. Without it an extension would
//     need a moment in which the lease is gone, and a fence could not be tied to
//     the lease it is for.
//   - Records, with conditions and versions.
//
// # Keys
//
// A lease is under "lease/" and its name, the counter that the fences of that name
// come from is under "fence/" and its name, a record is under "record/" and its
// key. A lease is a line of text, made to be read by a person; a record is such a
// line and the value after it. A value under "lease/" that this package did not
// write means that a foreign program holds the name. One under "record/" counts as
// no record, and may be overwritten.
//
// # Time
//
// When a lease or a record ends is decided by the client's engine alone, which gets
// the time to live with each write. As a plain client cannot be asked how much of
// that is left, this package writes down when the time began, on two clocks of the
// writing process: the monotonic one, by which the same Store computes what is left
// without regard to the wall clock, and the wall clock, for all others. So what a
// store tells about leases and records that another process wrote (Holder.TTL and
// Age, HeldError.RetryAfter, Record.TTL) is off by the difference of the two wall
// clocks, and never outside of what is possible. It is information: no exclusion
// depends on it.
//
// [driver.Grant.At] is read before the request that made the grant is sent, so the
// lease never ends in the engine before At plus TTL.
//
// # Fences
//
// The lease is taken first, with a short time to live and without a fence. Then the
// counter is raised to max(previous+1, wall clock in µs), by compare and swap. Then
// the fence is swapped into the lease, which also gives it its full time to live:
// that this succeeds proves that the name was ours all the time, so the next holder
// raises the counter after us. Nobody gets a lease without that proof.
//
// The counter expires when a name is not used for [Options.FenceMemory], 24 hours
// by default. A fence never goes back as long as the wall clocks of the clients
// differ by less than that; a counter that is ahead of the clock that raises it is
// kept for longer by the difference.
//
// # Without compare and swap
//
// A write to a record that exists removes it first and then sets it. In between
// others find no record, and IfAbsent can succeed. Of several writers that ask for
// the same version still only one succeeds; it can be told [driver.ErrConflict],
// and the old record be gone, if somebody else wrote in between.
//
// So that a Delete without a version stops a write that is in between, it leaves a
// tombstone for ten seconds, which counts as no record. What remains: a write with
// IfVersion can succeed although the record was deleted meanwhile, if it took longer
// than that between its two steps, or if a third client replaced the tombstone, or
// created and deleted a record, in just that time. Who cannot accept this needs a
// client with compare and swap.
package kvstore
