// Package storetest is the conformance suite of the seam in package driver: it
// proves that a store keeps every promise of [driver.Store] and of the optional
// parts that it claims.
//
// The author of a store writes one test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			New: func(ctx context.Context) (driver.Store, func() error, error) {
//				s, err := mystore.Open(ctx, url)
//				if err != nil {
//					return nil, nil, err
//				}
//				return s, s.Close, nil
//			},
//			Parallel: true,
//		})
//	}
//
// Each [Rule] is a subtest. Which rules run follows from what the store claims
// ([driver.CapabilitiesOf]) and from what the [Harness] allows; a rule that does
// not apply is named in the log, and is never a skipped test.
//
// # Time
//
// Rules about time use package time, nothing else, and ask again within bounds.
// A store that lives in the process is best tested on virtual time, where the
// suite is exact to the [Harness.Resolution] and takes no time: set Bubble to
// [testing/synctest.Test]. On a real engine the rules sleep for a few
// [Harness.Unit], and treat as wrong only what no delay in between can explain: a
// lease that was seen to be over before its time, or to last longer than its
// time, the Resolution and the [Harness.Slack]. A rule that was itself too slow to
// tell is tried again with a longer Unit.
//
// # Names
//
// All names and keys are new for each rule, so an engine that others use at the
// same time is good enough, unless they remove what they do not know.
//
// # Beyond go test
//
// [Check] runs the same rules without a testing.T and returns what they found. A
// tool can offer it for an engine in production, and the tests of this suite use
// it on deliberately broken stores: those of package sabotage, each of which has
// to be caught by the rule that is meant for it.
package storetest
