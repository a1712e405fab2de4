// Command bench compares cachify with what it stands on and with its peers. Every
// number the project states about speed comes from here: `make bench` runs all of it
// and writes docs/benchmarks.md, its charts, and what was measured as JSON.
//
// What is compared takes turns within one run, A B C A B C, so that a machine whose
// speed drifts slows down all of it; ratios are taken between neighbours, round by
// round; and what they are given to is measured twice a round, so that the ratio of
// the two (A/A) tells what a ratio is worth.
//
// A group of measurements is a function that is named in groups (groups.go). A store
// that is added later is one more file with such functions.
package main
