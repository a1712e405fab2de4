package workload

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"time"
)

// plan is where one operation's choices come from.
type plan struct{ *rand.Rand }

func (cfg *Config) plan(worker, op int) plan {
	h := fnv.New64a()
	_, _ = h.Write([]byte(cfg.Client))
	return plan{rand.New(rand.NewPCG(uint64(cfg.Seed), h.Sum64()^uint64(worker)<<40^uint64(op)))}
}

// chance is true with a probability of percent.
func (p plan) chance(percent int) bool { return p.IntN(100) < percent }

// upTo returns a duration from 0 to most.
func (p plan) upTo(most time.Duration) time.Duration { return p.between(0, most) }

// between returns a duration, short ones being likelier than long ones, in whole
// milliseconds half of the time, so that things happen at the same moment too.
func (p plan) between(least, most time.Duration) time.Duration {
	x := p.Float64()
	d := least + time.Duration(x*x*float64(most-least))
	if p.chance(50) {
		d = max(d.Round(time.Millisecond), least)
	}
	return d
}

// pick returns an index, as often as its weight says.
func (p plan) pick(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	x := p.IntN(sum)
	for i, w := range weights {
		if x < w {
			return i
		}
		x -= w
	}
	panic("unreachable")
}

// key returns which key of a verb: the first is hot.
func (p plan) key(cfg *Config) int {
	hot := p.chance(50)
	k := p.IntN(cfg.Keys)
	if hot {
		return 0
	}
	return k
}

func (cfg *Config) name(verb string, key int) string { return cfg.Prefix + verb + strconv.Itoa(key) }
