package storetest

import (
	"context"
	"strings"

	"github.com/go-cachify/cachify/driver"
)

// Rule is one promise of package driver and the way to find out whether a store
// keeps it.
type Rule struct {
	// Name is short and in lower case, with hyphens.
	Name string

	// Explains says what is promised and why it matters.
	Explains string

	// Needs tells which stores the rule is for.
	Needs Need

	// Check returns nil if the store keeps the promise, or an error that says what
	// was expected and what happened instead. It leaves nothing running.
	Check func(ctx context.Context, e *Env) error
}

// Need is a set of what a store, or its harness, must have for a rule to apply.
type Need uint16

// What a rule can need. A rule that needs nothing is for every store.
const (
	NeedExtend  Need = 1 << iota // the store does not have LackExtend
	NeedLimits                   // the store does not have LackLimits
	NeedFences                   // the store does not have LackFences
	NeedQueue                    // driver.Queuer
	NeedObjects                  // driver.ObjectStore
	NeedInspect                  // driver.Inspector
	NeedPing                     // driver.Pinger
	NeedDoctor                   // driver.Doctor
	NeedClose                    // Harness.Close
	NeedSpaces                   // not Harness.SharedSpace

	// The store says that it lacks this, and has to say so in each answer.
	NeedNoExtend
	NeedNoLimits
	NeedNoFences
)

var needNames = [...]string{
	"extend", "limits", "fences", "queue", "objects", "inspect", "ping", "doctor", "close", "spaces",
	"no extend", "no limits", "no fences",
}

// String lists the needs, separated by commas.
func (n Need) String() string {
	var names []string
	for i, name := range needNames {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// offers returns the set of needs that a store with caps fulfils under h.
func offers(caps driver.Capabilities, h Harness) Need {
	var n Need
	add := func(ok bool, need Need) {
		if ok {
			n |= need
		}
	}
	lack := func(l driver.Lack, has, hasNot Need) {
		add(caps.Lacks&l == 0, has)
		add(caps.Lacks&l != 0, hasNot)
	}
	lack(driver.LackExtend, NeedExtend, NeedNoExtend)
	lack(driver.LackLimits, NeedLimits, NeedNoLimits)
	lack(driver.LackFences, NeedFences, NeedNoFences)
	add(caps.Queue != nil, NeedQueue)
	add(caps.Objects != nil, NeedObjects)
	add(caps.Inspect != nil, NeedInspect)
	add(caps.Ping != nil, NeedPing)
	add(caps.Doctor != nil, NeedDoctor)
	add(h.Close != nil, NeedClose)
	add(!h.SharedSpace, NeedSpaces)
	return n
}

// Rules returns all rules, in the order in which they are best read. The slice is
// the caller's.
func Rules() []Rule {
	var all []Rule
	for _, group := range [][]Rule{
		leaseRules, extendRules, expiryRules, limitRules, fenceRules, holdersRules,
		requestRules, recordRules, objectRules, queueRules, handOverRules, patienceRules,
		listenRules, contentionRules, inspectRules,
	} {
		all = append(all, group...)
	}
	return all
}
