// Package driver is the seam between cachify and the stores it runs on.
//
// Applications do not use this package; they use the root package with a store
// that somebody wrote against this one. Who writes a store implements [Store],
// adds the optional capabilities that the engine can do well, and proves the
// result with the suite in package storetest.
//
// # What a store does, and what it does not
//
// A store does what has to be atomic on its engine, and nothing else. It never
// retries, never waits for a lease to come free, never renews by itself and
// never formats a key: all that lives once, in the root package. Every method
// is one question to the engine with one answer.
//
// There are two kinds of things in a store. A lease is the right to be one of at
// most Limit holders of a name until its time has run out; locks, once-guards
// and pools are all made of leases. A record is a value under a key, with a
// version and a time to live; caches are made of records. Lease names and record
// keys are different name spaces where the engine has room for two.
//
// # Time
//
// All arithmetic on times to live happens on the store's own clock. Across the
// seam go only durations: how long something still lasts, and readings of the
// store's clock ([Grant.At]) whose differences mean something and whose zero
// does not. A client's wall clock never matters.
//
// The shape (a concrete type above a small interface, growth by optional
// interfaces) is that of database/sql/driver and of gocloud.dev.
package driver
