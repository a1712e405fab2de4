// Package sim runs clients, the faults of a store and the store itself in one process
// and on virtual time: a schedule takes milliseconds, and everything about it is drawn
// from a seed.
//
//	client 1: workload -> cachify -> faultstore -> seamlog \
//	client 2: workload -> cachify -> faultstore -> seamlog -> engine -> memstore
//	client 3: workload -> cachify -> faultstore -> seamlog /
//
// The log stands below the faults: it has what the store was asked and what it did, with
// the moment at which it did it, so that a model of the store can be held against it
// strictly. What faults make of that for a client shows in the users' events, which the
// other checks are about.
//
// # Replay
//
// A seed fixes the plan: the clients, what the nth operation of each goroutine is, the
// fate of the nth request of each kind by each client, when a client dies and when the
// store goes down. It does not fix which of two goroutines is first that are ready at the
// same virtual moment, nor the jitter of cachify's own retries. So a schedule run again
// is the same plan, and in about a fifth of all cases the same history to the last event,
// with one processor as with several. TestReplay runs it until what was wrong shows
// again: every violation that was ever found did so within a few runs.
//
// # What is excused
//
// A store that comes back empty breaks exclusion by its nature. So does an extension to
// less that arrives twice, or more than a second late, which is a known limit (see
// cachify's Lease.Extend). Schedules with such things are counted by themselves, with the
// overlaps in them; what the fences say counts in them as well.
//
// Virtual time cannot show a process that is frozen, since its timers would be frozen too.
// Instead a holder goes to sleep between its last look at the lease and its write.
package sim
