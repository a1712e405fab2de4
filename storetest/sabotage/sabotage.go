// Package sabotage has stores that are broken on purpose, each in one way that real
// stores are broken in. They prove that a checker catches what it is made for: the
// rules of package storetest, a checker of histories, a test of your own.
//
// Each [Sabotage] wraps a sound store and breaks one promise. All else goes on to
// the sound store, so that a program works on it, most of the time; that is what
// makes such faults hard to find.
package sabotage

import "github.com/go-cachify/cachify/driver"

// Sabotage is one way to break a store.
type Sabotage struct {
	// Name is short and in lower case, with hyphens.
	Name string

	// Explains says what the broken store does, and where that comes from.
	Explains string

	// Rule is the name of the rule in package storetest that has to catch it.
	// Others may, too.
	Rule string

	// Wrap returns s with the fault. s is sound, has all capabilities that the fault
	// is about, and is used through the wrapper only.
	Wrap func(s driver.Store) driver.Store
}

// All returns all sabotages. The slice is the caller's.
func All() []Sabotage {
	var all []Sabotage
	for _, group := range [][]Sabotage{
		leaseSabotages, timeSabotages, limitSabotages, fenceSabotages, queueSabotages,
		pushSabotages, recordSabotages,
	} {
		all = append(all, group...)
	}
	return all
}
