package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/itest/internal/workload"
)

// Plan is a schedule before it is run: all that a seed decides, besides the single
// choices of the workload.
type Plan struct {
	Seed    int64
	Clients int
	Poll    time.Duration // LockPollInterval
	Rates   faultstore.Rates
	Breaks  []Break
	Load    workload.Config // of each client, but for its name

	// Objects: the store keeps cached results as they are.
	Objects bool

	// DuplicateExtend makes extensions arrive twice, too.
	DuplicateExtend bool

	// MayLose: what is done to this schedule can break exclusion.
	MayLose bool

	// Excused is why, for the count.
	Excused string
}

// Break is one thing that is broken for a while.
type Break struct {
	Kind   BreakKind
	Client int // for Kill and Cut
	At     time.Duration
	For    time.Duration // for all but Kill
}

// BreakKind is what is broken.
type BreakKind string

// The kinds of breaks.
const (
	Kill    BreakKind = "kill"    // a client is gone, from one moment to the next, and another one comes for it
	Cut     BreakKind = "cut"     // a client does not reach the store, nor the store it: requests hang, pushes are lost
	Down    BreakKind = "down"    // the store is away and comes back as it was
	Restart BreakKind = "restart" // the store is away and comes back empty
	Excuse            = "late-extend"
)

// draw makes the plan of a seed.
func draw(seed int64) Plan {
	r := dice{rand.New(rand.NewPCG(uint64(seed), 0x5eed))}
	p := Plan{Seed: seed, Clients: 2 + r.IntN(3)}
	p.Objects = r.IntN(2) == 0
	p.Poll = r.among(20, 50, 100, 300)
	workers := 1 + r.IntN(3)
	p.Load = workload.Config{
		Seed: seed, Workers: workers, Keys: 1 + r.IntN(3),
		Duration:   r.among(500, 1000, 2000),
		Operations: max(2, (20+r.IntN(40))/(p.Clients*workers)),
		MinExpiry:  r.among(5, 20, 50), MaxExpiry: r.among(100, 300, 1000),
		MaxHold: r.among(20, 100, 300), MaxPause: r.among(5, 20, 100), MaxWait: r.among(50, 300, 1000),
		Mix: r.mix(),
	}
	if r.IntN(10) > 0 {
		p.Rates = r.rates()
	}
	p.Breaks = r.breaks(p)
	p.excuse(r)
	return p
}

// excuse decides whether leases are shortened. That is safe unless such a request
// arrives twice, or more than a second late: the one limit that is known and documented.
// Schedules that go beyond it are few, and are counted by themselves.
func (p *Plan) excuse(r dice) {
	switch x := r.IntN(100); {
	case x < 25:
		p.Load.Shorten = true
	case x < 28:
		p.Load.Shorten, p.DuplicateExtend = true, true
		p.Rates.Duplicate, p.Rates.MaxDelay = 0.1, 3*time.Second
		p.MayLose, p.Excused = true, Excuse
	default:
		p.DuplicateExtend = true
	}
	for _, b := range p.Breaks {
		if b.Kind == Restart {
			p.MayLose, p.Excused = true, string(Restart)
		}
	}
}

// dice draws what a plan is made of.
type dice struct{ *rand.Rand }

func (r dice) among(ms ...int) time.Duration {
	return time.Duration(ms[r.IntN(len(ms))]) * time.Millisecond
}

// mix is all verbs, or mainly one of them.
func (r dice) mix() workload.Mix {
	m := workload.DefaultMix
	switch r.IntN(5) {
	case 0:
		m.Pool, m.Once, m.Cached = 0, 0, 0
	case 1:
		m.Lock, m.Once, m.Cached = 0, 0, 0
	case 2:
		m.Lock, m.Pool, m.Once, m.Force = 0, 0, 0, 0
	}
	if r.IntN(3) > 0 {
		m.Force = 0
	}
	return m
}

// rates has each kind of fault or not.
func (r dice) rates() faultstore.Rates {
	rate := func(most float64) float64 {
		if r.IntN(2) == 0 {
			return 0
		}
		x := r.Float64()
		return x * x * most
	}
	return faultstore.Rates{
		Fail: rate(0.2), LoseReply: rate(0.15), Hang: rate(0.05), HangReply: rate(0.05),
		Late: rate(0.05), Stray: rate(0.1), Duplicate: rate(0.2),
		DropPush: rate(0.5), DuplicatePush: rate(0.5), Delay: rate(0.4),
		MaxDelay: r.among(2, 20, 100, 500, 900),
	}
}

func (r dice) breaks(p Plan) []Break {
	var all []Break
	at := func() time.Duration { return time.Duration(r.Float64() * float64(p.Load.Duration)) }
	if r.IntN(3) == 0 {
		all = append(all, Break{Kind: Kill, Client: r.IntN(p.Clients), At: at()})
	}
	if r.IntN(4) == 0 {
		all = append(all, Break{Kind: Cut, Client: r.IntN(p.Clients), At: at(), For: r.among(30, 200, 1000)})
	}
	if r.IntN(6) == 0 {
		all = append(all, Break{Kind: Down, At: at(), For: r.among(20, 100, 500)})
	} else if r.IntN(10) == 0 {
		all = append(all, Break{Kind: Restart, At: at(), For: r.among(20, 100, 500)})
	}
	slices.SortFunc(all, func(a, b Break) int { return cmp.Compare(a.At, b.At) })
	return all
}

// String is the plan in a few lines.
func (p Plan) String() string {
	var b strings.Builder
	w := p.Load
	fmt.Fprintf(&b, "seed %d: %d clients x %d goroutines x %d operations, %d keys, within %v; poll %v\n",
		p.Seed, p.Clients, w.Workers, w.Operations, w.Keys, w.Duration, p.Poll)
	fmt.Fprintf(&b, "expiry %v..%v, hold %v, wait %v, mix %+v, shorten %v\n", w.MinExpiry, w.MaxExpiry, w.MaxHold, w.MaxWait, w.Mix, w.Shorten)
	fmt.Fprintf(&b, "faults %+v", p.Rates)
	for _, k := range p.Breaks {
		fmt.Fprintf(&b, "\n%s at %v for %v (client %d)", k.Kind, k.At, k.For, k.Client+1)
	}
	if p.MayLose {
		fmt.Fprintf(&b, "\noverlaps are excused: %s", p.Excused)
	}
	return b.String()
}
