package faultstore

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Script decides what happens to a call. A Store calls its script for one call at a
// time, so that a script which serves one Store needs no lock. It must not call the
// store and should return soon.
type Script func(Call) Fault

// Always gives f to all calls.
func Always(f Fault) Script { return func(Call) Fault { return f } }

// Nth gives f to the nth call of each operation, counted from 1.
func Nth(n int, f Fault) Script {
	return func(c Call) Fault {
		if c.N == n {
			return f
		}
		return Fault{}
	}
}

// Every gives f to every nth call of each operation: with 3 to the third, the sixth,
// and so on. It panics if n is less than 1.
func Every(n int, f Fault) Script {
	if n < 1 {
		panic(fmt.Sprintf("faultstore: Every(%d): it must be 1 or more", n))
	}
	return func(c Call) Fault {
		if c.N%n == 0 {
			return f
		}
		return Fault{}
	}
}

// Only asks s about calls of op; others get no fault.
func Only(op Op, s Script) Script {
	return func(c Call) Fault {
		if c.Op == op {
			return s(c)
		}
		return Fault{}
	}
}

// Named asks s about calls for that name or key; others get no fault. N counts the
// calls for all names.
func Named(name string, s Script) Script {
	return func(c Call) Fault {
		if c.Name == name {
			return s(c)
		}
		return Fault{}
	}
}

// First asks the scripts in order and takes the first fault that is not zero. The
// scripts behind it are not asked.
func First(scripts ...Script) Script {
	return func(c Call) Fault {
		for _, s := range scripts {
			if f := s(c); f != (Fault{}) {
				return f
			}
		}
		return Fault{}
	}
}

// Sequence gives the first call it is asked about the first fault, and so on; those
// after the last get none. The zero Fault lets a call pass. Within [Only] it counts
// the calls of one operation.
func Sequence(faults ...Fault) Script {
	var asked atomic.Int64
	return func(Call) Fault {
		if i := asked.Add(1); i <= int64(len(faults)) {
			return faults[i-1]
		}
		return Fault{}
	}
}

// MaxDelayDefault is the default of [Rates.MaxDelay].
const MaxDelayDefault = 100 * time.Millisecond

// Rates say how often [Random] does what: from 0, never, to 1, always.
type Rates struct {
	// What calls get. At most one of them happens to a call, so their sum is at most
	// 1.
	Fail, LoseReply, Hang, HangReply, Late, Stray, Duplicate float64

	// What pushes get. Their sum is at most 1.
	DropPush, DuplicatePush float64

	// Delay is how often a call or push is delayed before, and how often a call is
	// delayed after, independently of each other and of the rest.
	Delay float64

	// MaxDelay bounds the delays, and the time after which the requests of Late,
	// Stray and Duplicate arrive: all are drawn from (0, MaxDelay]. 0:
	// [MaxDelayDefault].
	MaxDelay time.Duration
}

type weight struct {
	kind Kind
	rate float64
}

func (r Rates) weights() (calls, pushes []weight) {
	calls = []weight{
		{Fail, r.Fail}, {LoseReply, r.LoseReply}, {Hang, r.Hang}, {HangReply, r.HangReply},
		{Late, r.Late}, {Stray, r.Stray}, {Duplicate, r.Duplicate},
	}
	return calls, []weight{{Drop, r.DropPush}, {Duplicate, r.DuplicatePush}}
}

func checkRates(what string, weights ...weight) {
	sum := 0.0
	for _, w := range weights {
		if !(w.rate >= 0) {
			panic(fmt.Sprintf("faultstore: Rates: the rate of %v is %v: it must be from 0 to 1", w.kind, w.rate))
		}
		sum += w.rate
	}
	if sum > 1+1e-9 {
		panic(fmt.Sprintf("faultstore: Rates: those of %s add up to %v: the most is 1", what, sum))
	}
}

// Random gives faults at random. What a call gets depends on the seed, on its Op and
// on its N and nothing else: the nth Release has the same fate in each run with the
// same seed, whatever other operations come in between. Each Op has its own stream.
//
// It panics if the rates are not valid.
func Random(seed uint64, r Rates) Script {
	calls, pushes := r.weights()
	checkRates("calls", calls...)
	checkRates("pushes", pushes...)
	checkRates("delays", weight{None, r.Delay})
	if r.MaxDelay < 0 {
		panic(fmt.Sprintf("faultstore: Rates: a MaxDelay of %v: it must be positive, or 0 for the default", r.MaxDelay))
	}
	if r.MaxDelay == 0 {
		r.MaxDelay = MaxDelayDefault
	}
	return func(c Call) Fault {
		dice := rand.NewPCG(seed, uint64(c.Op)<<56|uint64(c.N))
		weights := calls
		if c.Op == Push {
			weights = pushes
		}
		f := Fault{Kind: draw(dice, weights)}
		if chance(dice) < r.Delay {
			f.Before = delay(dice, r.MaxDelay)
		}
		switch {
		case f.Kind == Late, f.Kind == Stray, f.Kind == Duplicate:
			f.After = delay(dice, r.MaxDelay)
		case c.Op != Push && chance(dice) < r.Delay:
			f.After = delay(dice, r.MaxDelay)
		}
		return f
	}
}

func draw(dice *rand.PCG, weights []weight) Kind {
	x := chance(dice)
	for _, w := range weights {
		if x < w.rate {
			return w.kind
		}
		x -= w.rate
	}
	return None
}

// chance returns a number in [0, 1).
func chance(dice *rand.PCG) float64 { return float64(dice.Uint64()>>11) / (1 << 53) }

// delay returns a duration in (0, most].
func delay(dice *rand.PCG, most time.Duration) time.Duration {
	return time.Duration(dice.Uint64()%uint64(most)) + 1
}
