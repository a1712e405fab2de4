// Package itest proves a store, and cachify on it, by breaking things. A program of three
// lines makes a run on an engine of your own:
//
//	func main() { itest.Main(itest.Engine{Name: "mine", Start: start, Open: open}) }
//
// The run starts client processes, which are the same program once more, and lets them
// lock, count, compute once and remember on a few hot keys, with leases of milliseconds.
// Meanwhile it kills clients with -9, stops them for longer than their leases, sets their
// wall clocks an hour ahead and back, and does to the engine what its [Fault]s say: kills
// it, stops it, cuts its connections, fills its disk. Each client writes down all that it
// asks and hears; a process beside them, which the locks guard, writes down which fences
// it let pass. Round by round a checker then decides from these histories alone whether
// every promise was kept. The guide docs/guides/proof.md tells how to run it, what is
// checked, and how to read a report.
//
// It runs on Linux.
package itest
