package itest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// What can happen to clients on any engine.
const (
	killClient = history.Kill // with -9, and another one is started in its place
	stopClient = "stop"       // SIGSTOP, for longer than leases last or not; later SIGCONT
	wallClock  = "clock"      // its wall clock is an hour off
)

// The leases of a run last from minExpiry to maxExpiry, and stopClients are for up to
// maxStop.
const (
	minExpiry = 50 * time.Millisecond
	maxExpiry = 1500 * time.Millisecond
	maxStop   = 3 * time.Second
)

// kind is what the plan has to know of a fault.
type kind struct {
	name    string
	loses   bool
	client  bool // it hits a client
	longest time.Duration
}

// plan is all that is to be done in a round. It comes from the seed and the kinds of
// faults alone.
type plan struct {
	round   int
	seed    uint64
	clients int
	workers int // of each client
	shifted int // the client whose wall clock is wrong from its start; -1: none
	kinds   []string
	loses   bool
	breaks  []breakage
}

// breakage is one fault of a plan.
type breakage struct {
	kind   kind
	at     time.Duration // since the round has begun
	last   time.Duration // until it is mended
	target int           // which client
	seed   uint64        // of what the fault draws itself
}

// The first round has all kinds that lose nothing, and the second all kinds: so a short
// run has seen everything. After that a round is calm, has one kind, or some.
func newPlan(runSeed uint64, round, clients int, length time.Duration, kinds []kind) plan {
	r := rand.New(rand.NewPCG(runSeed, uint64(round)))
	p := plan{round: round, seed: r.Uint64(), clients: clients, shifted: -1, workers: 2 + r.IntN(3)}
	chosen := choose(r, round, kinds)
	for _, k := range chosen {
		p.kinds = append(p.kinds, k.name)
		if k.name == wallClock && r.IntN(2) == 0 {
			p.shifted = r.IntN(clients)
		}
		most := 1 + int(length/(4*time.Second))
		if len(chosen) > 4 {
			most = 1 + most/2
		}
		for n := 1 + r.IntN(most); n > 0; n-- {
			p.loses = p.loses || k.loses
			p.breaks = append(p.breaks, breakage{
				kind:   k,
				at:     length/10 + time.Duration(r.Int64N(int64(length*7/10))),
				last:   time.Duration(r.Int64N(int64(k.longest))),
				target: r.IntN(clients), seed: r.Uint64(),
			})
		}
	}
	slices.SortStableFunc(p.breaks, func(a, b breakage) int { return int(a.at - b.at) })
	return p
}

func choose(r *rand.Rand, round int, kinds []kind) []kind {
	safe := slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return k.loses })
	if round > 2 && r.IntN(3) > 0 {
		kinds = safe // most rounds prove that nothing overlaps
	}
	switch dice := r.IntN(10); {
	case round == 1, len(kinds) == 0:
		return safe
	case round == 2:
		return kinds
	case dice == 0:
		return nil
	case dice < 4:
		return []kind{kinds[r.IntN(len(kinds))]}
	}
	some := slices.Clone(kinds)
	r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some[:min(len(some), 2+r.IntN(len(some)))]
}

func (b breakage) String() string {
	s := fmt.Sprintf("%6.2fs %s", b.at.Seconds(), b.kind.name)
	if b.kind.client {
		s += fmt.Sprintf(" client %d", b.target+1)
	}
	return s + fmt.Sprintf(" for %v", b.last.Round(time.Millisecond))
}
