package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// decideWithin is how long porcupine may take for one name or key.
const decideWithin = 5 * time.Second

// request is one call in the seam, as a model sees it: what was asked and answered, and
// between which moments it was done.
type request struct {
	*op
	from, to time.Duration
	unknown  bool
}

// step is one of the things that a model can do: all next states that are possible.
type step[S any] func(state S, q *request) []S

// linearize holds the operations on one name against a model. They are in the order of
// their calls.
func linearize[S any](rule, key string, all []*op, start S, next step[S], equal func(a, b S) bool, r *Result) {
	if len(all) == 0 {
		return
	}
	r.Histories++
	model := (&porcupine.NondeterministicModel{
		Init: func() []any { return []any{start} },
		Step: func(state, in, _ any) []any {
			var states []any
			for _, s := range next(state.(S), in.(*request)) {
				states = append(states, s)
			}
			return states
		},
		Equal: func(a, b any) bool { return equal(a.(S), b.(S)) },
	}).ToModel()
	result, info := porcupine.CheckOperationsVerbose(model, operations(all), decideWithin)
	switch result {
	case porcupine.Unknown:
		r.Undecided = append(r.Undecided, rule+" "+key)
	case porcupine.Illegal:
		r.Violations = append(r.Violations, stuck(rule, key, all, info))
	}
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
