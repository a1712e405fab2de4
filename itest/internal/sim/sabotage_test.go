package sim

import (
	"testing"

	"github.com/go-cachify/cachify/storetest/sabotage"
)

// Which rule catches which broken store. Where users see the damage, it is a rule about
// what users see; else it is the model of the store.
var caught = map[string]string{
	"resetting-fence":           "resource-fence",
	"same-fence-after-expiry":   "resource-fence",
	"fence-falls-on-evict":      "resource-fence",
	"lax-release":               "exclusion",
	"quiet-release":             "linearizable-leases",
	"release-by-fence":          "linearizable-leases",
	"double-grant":              "exclusion",
	"reacquire-refused":         "linearizable-leases",
	"limit-ignored":             "linearizable-leases",
	"limit-for-ever":            "linearizable-leases",
	"weight-of-one":             "exclusion",
	"one-too-many":              "exclusion",
	"look-counts-all":           "linearizable-leases",
	"barging":                   "fifo",
	"race-for-release":          "fifo",
	"hands-over-twice":          "exclusion",
	"last-in-first-out":         "fifo",
	"asks-twice-comes-last":     "linearizable-leases",
	"immortal-waiter":           "linearizable-leases",
	"impatient":                 "linearizable-leases",
	"look-renews-nothing":       "linearizable-leases",
	"leave-strands":             "linearizable-leases",
	"evict-drops-waiters":       "linearizable-leases",
	"handed-time-from-queueing": "exclusion",
	"version-reuse":             "cached-fresh",
	"if-absent-overwrites":      "linearizable-records",
	"if-version-ignored":        "cached-fresh",
	"delete-version-ignored":    "linearizable-records",
	"ttl-lost-on-overwrite":     "cached-fresh",
	"record-never-expires":      "cached-fresh",
	"values-end-at-zero":        "linearizable-records",
	"delete-complains":          "linearizable-records",
	"keeps-the-key":             "linearizable-records",
	"ttl-in-seconds":            "exclusion",
	"never-expires":             "ends",
	"reacquire-extends":         "linearizable-leases",
	"renewal-re-creates":        "linearizable-leases",
	"extend-adds":               "linearizable-leases",
	"extend-only-longer":        "linearizable-leases",
}

// What breaks nothing here, and why. The suite in package storetest catches all of it.
var harmless = map[string]string{
	"extend-echoes":          "the root package always passes on the grant that it got",
	"ignores-ctx":            "faults deliver requests that nobody waits for any more, and the root package undoes them",
	"trims-names":            "the workload's names have no blanks",
	"hasty-refusal":          "costs looks, and nothing else",
	"newest-first":           "the order of holders is for people",
	"endless-names":          "nobody lists names",
	"vague-when-closed":      "the store is not closed",
	"lost-wake-ups":          "pushes are hints: all is served by looks, later",
	"evict-wakes-nobody":     "as lost-wake-ups",
	"wakes-everybody":        "pushes are hints: the root package believes none that is not for it",
	"deaf-to-stop":           "pushes are hints: one too many does no harm",
	"quiet-shortening":       "as lost-wake-ups",
	"patience-of-zero":       "the root package asks for no such patience",
	"leave-complains":        "the clean-up ignores it",
	"keys-in-lower-case":     "the workload's keys are in lower case",
	"keys-cut-short":         "the workload's keys are short",
	"empty-key-unknown":      "the root package refuses an empty key",
	"reuses-buffers":         "the root package is done with a buffer when it asks for the next",
	"object-for-ever":        "the root package asks for no time to live of zero",
	"evict-deletes-records":  "no key is the name of a lease, too",
	"objects-beside-records": "a schedule's store has objects or bytes, not both under one key",
	"zero-is-for-ever":       "the root package asks for no time to live of zero",
	"sub-millisecond-taken":  "the root package asks for none",
	"frozen-clock":           "makes deadlines too early, never too late",
}

// A store with a planted bug is caught, soon and by the rule for it.
func TestSabotages(t *testing.T) {
	const most = 2000 // schedules; the slowest one needs some hundred
	for _, s := range sabotage.All() {
		rule := caught[s.Name]
		if (rule == "") == (harmless[s.Name] == "") {
			t.Errorf("%s has to be in one of the two tables", s.Name)
		}
		if rule == "" {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			for seed := int64(1); seed <= most; seed++ {
				for _, v := range judge(once(t, seed, s.Wrap)).Violations {
					if v.Rule == rule {
						t.Logf("caught in schedule %d: %s", seed, v.Text)
						return
					}
				}
			}
			t.Errorf("%d schedules have not shown that %s", most, s.Explains)
		})
	}
}
