package check

import (
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// Belief is the time in which a client believed that it held a lease, as the rule
// "exclusion" reckons it.
type Belief struct {
	Client, Key, Holder string
	Verb                history.Verb
	Fence               uint64
	From, To            time.Duration // To is [history.Forever] if there was no end
}

// Beliefs returns those of a history, of locks and pools.
func Beliefs(events []history.Event) []Belief {
	var all []Belief
	bySubject := holds(events)
	for _, s := range sortedKeys(bySubject) {
		for _, h := range bySubject[s] {
			o := h.first()
			all = append(all, Belief{
				Client: o.client, Key: o.key, Verb: o.verb, Holder: h.holder, Fence: h.fence, From: h.begin, To: max(h.begin, h.end),
			})
		}
	}
	return all
}

// Concerns reports whether an event is about what a violation is about: its key, under
// the name that the user knows or the store. Faults concern all.
func (v Violation) Concerns(e history.Event) bool {
	if e.Layer == history.Fault || e.Key == "" {
		return e.Layer == history.Fault
	}
	for _, shown := range v.Events {
		if e.Key == shown.Key || e.Layer == history.Seam && shown.Layer == history.User && names(e.Key, shown.Verb, shown.Key) ||
			e.Layer == history.User && shown.Layer == history.Seam && names(shown.Key, e.Verb, e.Key) {
			return true
		}
	}
	return false
}
