package demo

import (
	"fmt"
	"strings"
)

// Verdict is the outcome of one check.
type Verdict struct {
	Rule  string // what has to hold
	Seen  string // what it was checked on
	Fault string // what broke it; empty: it holds
}

// Check looks whether a history keeps the rules.
func Check(history []Event) []Verdict {
	locks, pools := turns(history, Lock), turns(history, Pool)
	return []Verdict{
		overlap("never two hold the lock", locks, 1),
		overlap(fmt.Sprintf("never more than %d are in the pool", PoolSize), pools, PoolSize),
		order(append(append([]*turn{}, locks...), pools...)),
		fences(locks, pools),
	}
}

// Passed reports whether all rules were kept.
func Passed(verdicts []Verdict) bool {
	for _, v := range verdicts {
		if v.Fault != "" {
			return false
		}
	}
	return true
}

// overlap checks that at most limit hold something at any time. A worker says that it
// is in when it is, and that it is out before it goes, so that the history shows it
// inside for less time than it is, never for more.
func overlap(rule string, all []*turn, limit int) Verdict {
	v := Verdict{Rule: rule}
	most, ins := 0, 0
	for _, t := range all {
		if t.in < 0 {
			continue
		}
		ins++
		var inside []string
		for _, other := range all {
			if other.in >= 0 && other.in <= t.in && (other.out < 0 || other.out > t.in) {
				inside = append(inside, other.worker)
			}
		}
		most = max(most, len(inside))
		if len(inside) > limit && v.Fault == "" {
			v.Fault = fmt.Sprintf("%s were inside at the same time, at %v", strings.Join(inside, " and "), seconds(t.inAt))
		}
	}
	if ins == 0 {
		v.Fault = "nobody ever got in"
	}
	v.Seen = fmt.Sprintf("%d times held, at most %d at a time", ins, most)
	return v
}

// order checks that who stood in the queue before another one came got in before it.
// The fences tell the order in which the store let them in.
func order(all []*turn) Verdict {
	v := Verdict{Rule: "first come, first served"}
	pairs := 0
	for _, first := range all {
		if first.queued < 0 || first.in < 0 && first.killed {
			continue
		}
		for _, later := range all {
			if later.what != first.what || later.in < 0 || later.wants < first.queued {
				continue
			}
			pairs++
			if first.in >= 0 && first.fence < later.fence || v.Fault != "" {
				continue
			}
			v.Fault = fmt.Sprintf("%s stood in the queue of the %s at %v, %s came at %v and got in before it",
				first.worker, first.what, seconds(first.wantsAt), later.worker, seconds(later.wantsAt))
		}
	}
	v.Seen = fmt.Sprintf("%d pairs of one who waited and one who came later", pairs)
	return v
}

// fences checks that each fence is larger than those before: for the lock in the order
// of the holders; for the pool, several of which can come in at once, among those who
// came when the other one was in.
func fences(locks, pools []*turn) Verdict {
	v := Verdict{Rule: "fences rise"}
	n := 0
	for _, all := range [][]*turn{locks, pools} {
		for _, one := range all {
			if one.in < 0 {
				continue
			}
			n++
			for _, other := range all {
				after := other.in > one.in && (one.what == Lock || other.wants > one.in)
				if v.Fault == "" && (after && other.fence <= one.fence || other != one && other.in >= 0 && other.fence == one.fence) {
					v.Fault = fmt.Sprintf("%s got the %s with the fence %d, after %s with %d",
						other.worker, one.what, other.fence, one.worker, one.fence)
				}
			}
			if one.fence == 0 && v.Fault == "" {
				v.Fault = fmt.Sprintf("%s got the %s without a fence", one.worker, one.what)
			}
		}
	}
	v.Seen = fmt.Sprintf("%d fences", n)
	return v
}
