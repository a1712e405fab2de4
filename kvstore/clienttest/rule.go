package clienttest

import "slices"

// Rule is one promise of [kvstore.Client] or [kvstore.CompareAndSwapper], with the
// way to find out whether a client keeps it.
type Rule struct {
	// Name is short and in lower case, with hyphens.
	Name string

	// Explains says what is promised and why it matters.
	Explains string

	// Swaps says that the rule is only for clients that can compare and swap.
	Swaps bool

	check func(p *probe)
}

// Rules returns all rules, in the order in which they are best read. The slice is
// the caller's.
func Rules() []Rule {
	return slices.Concat(valueRules, deleteRules, swapRules, timeRules, raceRules)
}
