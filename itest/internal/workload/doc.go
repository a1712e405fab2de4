// Package workload makes one client use an instance of cachify as programs do, in all
// ways that there are, and writes down what it saw. A simulation drives it with virtual
// time, and the processes of a real run with real time.
//
// What an operation does is drawn from the seed, the client's name, the worker and the
// operation's number, and from nothing else: with the same seed, the nth operation of a
// worker is the same, whatever happened to those before it.
//
// Of a once-guard there is no lease to be had, so a Run of one notes [history.Ended]
// under its own ID, and has no Acquire.
package workload
