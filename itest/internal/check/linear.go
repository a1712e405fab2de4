package check

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// decideWithin is how long porcupine may take for one name or key.
const decideWithin = 5 * time.Second

// budgetOfAKey is how much a model may make of one name or key: states, and the leases
// and places in them. It bounds the memory, of which there may be less than time: where
// many outcomes are unknown, the states in which a name can be multiply.
const budgetOfAKey = 3_000_000

// budget is what is left of that. A model that has used it up has no next states any
// more, so that the search ends soon; what it says then means nothing.
type budget struct{ left atomic.Int64 }

func newBudget() *budget {
	b := new(budget)
	b.left.Store(budgetOfAKey)
	return b
}

// spend takes n, and reports whether there was as much.
func (b *budget) spend(n int) bool { return b.left.Add(-int64(n)) >= 0 }

func (b *budget) spent() bool { return b.left.Load() < 0 }

// request is one call in the seam, as a model sees it: what was asked and answered, and
// between which moments it was done.
type request struct {
	*op
	from, to time.Duration
	unknown  bool
}

// model is what one name or key is held against.
type model[S any] struct {
	start  S
	step   func(state S, q *request) []S // all states that are possible next
	equal  func(a, b S) bool
	hash   func(S) uint64
	budget *budget
}

// linearize holds the operations on one name or key against a model. They are in the
// order of their calls.
func linearize[S any](rule, key string, all []*op, m model[S], r *Result) {
	if len(all) == 0 {
		return
	}
	r.Histories++
	result, info := porcupine.CheckOperationsVerbose(m.powerSet(), operations(all), decideWithin)
	switch {
	case result == porcupine.Ok:
	case result == porcupine.Unknown, m.budget.spent():
		r.Undecided = append(r.Undecided, rule+" "+key)
	default:
		r.Violations = append(r.Violations, stuck(rule, key, all, info))
	}
}

// powerSet is the model whose states are the sets of those in which m may be. It is that
// of porcupine.NondeterministicModel, which compares each state with each.
func (m model[S]) powerSet() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return []S{m.start} },
		Step: func(state, in, _ any) (bool, any) {
			var next []S
			seen := make(map[uint64][]S)
			for _, s := range state.([]S) {
				for _, t := range m.step(s, in.(*request)) {
					h := m.hash(t)
					if slices.ContainsFunc(seen[h], func(u S) bool { return m.equal(t, u) }) {
						continue
					}
					if !m.budget.spend(1) {
						return false, nil
					}
					seen[h] = append(seen[h], t)
					next = append(next, t)
				}
			}
			return len(next) > 0, next
		},
		Equal: func(a, b any) bool { return m.sameSet(a.([]S), b.([]S)) },
		Hash: func(state any) (sum uint64) {
			for _, s := range state.([]S) {
				sum += m.hash(s) // whatever the order
			}
			return sum
		},
	}
}

// sameSet compares sets: no state is twice in one.
func (m model[S]) sameSet(a, b []S) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(s S) bool {
		return !slices.ContainsFunc(b, func(t S) bool { return m.equal(s, t) })
	})
}

// operations puts them in the order of the history, which the times alone do not tell.
// What has an unknown outcome may be done until the end.
func operations(all []*op) []porcupine.Operation {
	end := 0
	for _, o := range all {
		end = max(end, o.callAt, o.retAt)
	}
	list := make([]porcupine.Operation, len(all))
	for i, o := range all {
		q := &request{op: o, from: o.call.T, to: o.end(), unknown: o.unknown()}
		list[i] = porcupine.Operation{Input: q, Call: int64(o.callAt), Return: int64(o.retAt)}
		if q.unknown {
			q.to, list[i].Return = history.Forever, int64(end+1)
		}
	}
	return list
}

// shownBefore is how many operations before the one that does not fit are shown.
const shownBefore = 12

// stuck makes a violation of a history that fits no order. The longest order that fits a
// beginning of it tells where it goes wrong: at the first operation that returned and is
// not in it.
func stuck(rule, key string, all []*op, info porcupine.LinearizationInfo) Violation {
	var longest []int
	for _, partials := range info.PartialLinearizations() {
		for _, p := range partials {
			if len(p) > len(longest) {
				longest = p
			}
		}
	}
	fits := make([]bool, len(all))
	for _, i := range longest {
		fits[i] = true
	}
	var culprit *op
	for i, o := range all {
		if !fits[i] && (culprit == nil || o.retAt < culprit.retAt) {
			culprit = o
		}
	}
	before := slices.DeleteFunc(slices.Clone(all), func(o *op) bool { return o.callAt >= culprit.retAt || o == culprit })
	slices.SortStableFunc(before, func(a, b *op) int { return cmp.Compare(a.callAt, b.callAt) })
	shown := before[max(0, len(before)-shownBefore):]
	v := violation(rule, key, gather(append(shown, culprit)...), "%d of %d operations fit the model in some order; no order explains this: %s",
		len(longest), len(all), culprit.text())
	v.From, v.To = culprit.call.T, culprit.end()
	return v
}
