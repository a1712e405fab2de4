package faultstore

import (
	"fmt"
	"strings"
)

// Counts is what happened so far. The zero Counts is empty; values can be compared
// with ==.
type Counts struct {
	calls   [ops]int
	faults  [kinds]int
	delayed int
}

// Calls returns how many calls of op there were, those that got a fault included.
func (c Counts) Calls(op Op) int {
	if op < ops {
		return c.calls[op]
	}
	return 0
}

// Faults returns how many calls and pushes got a fault of that kind. Those that were
// only delayed are not under [None].
func (c Counts) Faults(k Kind) int {
	if k < kinds {
		return c.faults[k]
	}
	return 0
}

// Delayed returns how many calls and pushes had a delay, whatever else they got.
func (c Counts) Delayed() int { return c.delayed }

// Injected returns the sum of the faults of all kinds, without delays.
func (c Counts) Injected() int {
	n := 0
	for _, f := range c.faults {
		n += f
	}
	return n
}

// Add returns the sum of both, for a report about many stores.
func (c Counts) Add(d Counts) Counts {
	for i, n := range d.calls {
		c.calls[i] += n
	}
	for i, n := range d.faults {
		c.faults[i] += n
	}
	c.delayed += d.delayed
	return c
}

// String lists what is not zero, in the order of the constants:
//
//	calls: Acquire 3, Release 1; faults: fail 1, late 1; delayed 2
func (c Counts) String() string {
	var b strings.Builder
	list := func(title string, n int, name func(int) string, count func(int) int) {
		b.WriteString(title)
		sep := " "
		for i := range n {
			if count(i) != 0 {
				fmt.Fprintf(&b, "%s%s %d", sep, name(i), count(i))
				sep = ", "
			}
		}
		if sep == " " {
			b.WriteString(" none")
		}
	}
	list("calls:", len(c.calls), func(i int) string { return Op(i).String() }, func(i int) int { return c.calls[i] })
	list("; faults:", len(c.faults), func(i int) string { return Kind(i).String() }, func(i int) int { return c.faults[i] })
	fmt.Fprintf(&b, "; delayed %d", c.delayed)
	return b.String()
}
