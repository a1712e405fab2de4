// Package clienttest is the conformance suite for clients of package kvstore: it
// proves that a [kvstore.Client], and a [kvstore.CompareAndSwapper], keeps every
// promise of those interfaces.
//
// The suite in package storetest cannot do that. It asks a store, which calls its
// client only in certain ways: a client that deletes without comparing, say, looks
// sound through it until two processes meet. So the author of a client has two
// tests, this one for the client and storetest for the store on top of it:
//
//	func TestClient(t *testing.T) {
//		clienttest.Run(t, clienttest.Harness{
//			New: func(ctx context.Context) (kvstore.Client, func() error, error) {
//				c, err := myclient.Dial(ctx, url)
//				if err != nil {
//					return nil, nil, err
//				}
//				return c, c.Close, nil
//			},
//			Parallel: true,
//		})
//	}
//
// Each [Rule] is a subtest. Those about compare and swap run if the client is a
// [kvstore.CompareAndSwapper].
//
// # Time
//
// A client whose engine lives in the process is best tested on virtual time, where
// the suite is exact to the [Harness.Resolution] and takes no time: set Bubble to
// [testing/synctest.Test]. On a real engine the rules sleep for a few
// [Harness.Unit], and treat as wrong only what no delay in between can explain. A
// rule that was itself too slow to tell is tried again with a longer Unit.
//
// # Races
//
// Whether an operation takes effect at one moment shows when several goroutines call
// it at the same time, for [Harness.Rounds] rounds. A client that asks an engine over
// a network and then tells it what to do is caught in the first few of them. Within
// one process the moment in between can be so short that it takes more, and no
// number of rounds proves that there is none. A client that is atomic only because
// of a mutex of its own is caught if [Harness.Second] says how to get another one.
//
// # Keys
//
// All keys are new for each rule, and are removed after it, so an engine that others
// use at the same time is good enough.
//
// # Beyond go test
//
// [Check] runs the same rules without a testing.T and returns what they found.
package clienttest
