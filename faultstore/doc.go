// Package faultstore wraps a store and makes it show, on request, what a real one can
// show: failures, lost replies, delays, hanging calls, requests that arrive when
// nobody waits for them any more, and pushes that are lost, late or repeated.
//
//	s := faultstore.New(inner, faultstore.Only(faultstore.Acquire,
//		faultstore.Nth(2, faultstore.Fault{Kind: faultstore.LoseReply})))
//
// What happens to a call is decided by a [Script], a function that gets the [Call]
// and returns a [Fault]. There are ready-made ones to start with: [Nth], [Every],
// [Sequence], [Random], and [Only], [Named], [First] to combine them.
//
// The wrapper does exactly what the script says, uses no randomness and no clock of
// its own, and no time but that of package time: in a [testing/synctest] bubble, and
// on a store that lives in the process, a run of one goroutine is the same each time.
// Make the Store within the bubble.
//
// A Store has the optional parts that the inner store has, and no others.
package faultstore
