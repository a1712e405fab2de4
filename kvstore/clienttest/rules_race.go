package clienttest

import (
	"fmt"
	"strconv"
	"sync"
)

// racers is how many goroutines take part in a race.
const racers = 8

// expiring is for how many keys a race is run for a value that has run out.
const expiring = 20

var raceRules = []Rule{
	{
		Name:     "race-set",
		Explains: "Of many that set a value under one key at the same time exactly one succeeds, and its value is there.",
		check: func(p *probe) {
			for range p.Rounds {
				p.raceToSet(p.key(""))
			}
		},
	},
	{
		Name:     "race-set-expired",
		Explains: "Of many that set a value at the same time where one has run out exactly one succeeds: clearing the old one away and setting the new one are one step.",
		check: func(p *probe) {
			keys, ttl := make([]string, min(p.Rounds, expiring)), p.ttl()
			s := during(func() {
				for i := range keys {
					keys[i] = p.key("")
					p.sets(keys[i], []byte("old"), ttl)
				}
			})
			p.sleepUntilOver(s, ttl)
			for _, key := range keys {
				p.raceToSet(key)
			}
		},
	},
	{
		Name:     "race-delete",
		Explains: "Of many that delete one value at the same time exactly one succeeds.",
		check: func(p *probe) {
			for range p.Rounds {
				key := p.key("")
				p.sets(key, []byte("old"), long)
				p.oneOf("CompareAndDelete of one value", func(p *probe, _ int) bool { return p.remove(key, []byte("old")) })
				p.absent(key, "after CompareAndDelete")
			}
		},
	},
	{
		Name:     "race-delete-set",
		Explains: "Comparing and deleting are one step: a delete that found the old value does not remove the one that has been set since. A get and then a delete does, and frees a lock that somebody else has just acquired.",
		check: func(p *probe) {
			for range p.Rounds {
				key := p.key("")
				p.sets(key, []byte("old"), long)
				winner := p.oneOf("CompareAndDelete of one value", func(p *probe, i int) bool {
					if !p.remove(key, []byte("old")) {
						return false
					}
					p.sets(key, own(i), long)
					return true
				})
				p.has(key, own(winner), "set after CompareAndDelete of the value before, which others tried to delete too")
			}
		},
	},
	{
		Name:     "race-swap",
		Explains: "Of many that replace one value at the same time exactly one succeeds, and its value is there.",
		Swaps:    true,
		check: func(p *probe) {
			for range p.Rounds {
				key := p.key("")
				p.sets(key, []byte("old"), long)
				winner := p.oneOf("CompareAndSwap of one value", func(p *probe, i int) bool {
					return p.swap(key, []byte("old"), own(i), long)
				})
				p.has(key, own(winner), "after CompareAndSwap")
			}
		},
	},
	{
		Name:     "race-swap-count",
		Explains: "A number that many raise by get, and compare and swap, grows by one with each success: no update is lost.",
		Swaps:    true,
		check:    func(p *probe) { p.count() },
	},
	{
		Name:     "race-swap-delete",
		Explains: "Of many that replace or delete one value at the same time exactly one succeeds. If it was a swap, the new value is there: a delete does not remove what it did not compare with. If it was a delete, a swap does not bring the value back.",
		Swaps:    true,
		check: func(p *probe) {
			for round := range p.Rounds {
				p.raceSwapDelete(round)
			}
		},
	},
}

// own is the value of one racer.
func own(i int) []byte { return fmt.Appendf(nil, "new %d", i) }

// oneOf runs f for all racers at once, checks that it is true for exactly one of
// them, and returns which.
func (p *probe) oneOf(what string, f func(p *probe, i int) bool) int {
	var mu sync.Mutex
	var winners []int
	p.together(racers, func(p *probe, i int) {
		if f(p, i) {
			mu.Lock()
			defer mu.Unlock()
			winners = append(winners, i)
		}
	})
	if len(winners) != 1 {
		p.failf("%s by %d at the same time returns true to %d, want to exactly one", what, racers, len(winners))
	}
	return winners[0]
}

func (p *probe) raceToSet(key string) {
	winner := p.oneOf("SetIfAbsent under one key", func(p *probe, i int) bool { return p.set(key, own(i), long) })
	p.has(key, own(winner), "after SetIfAbsent")
}

// raceSwapDelete lets half of the racers swap and the others delete: the other half
// in the next round, since a scheduler may always let the same one go first.
func (p *probe) raceSwapDelete(round int) {
	key := p.key("")
	p.sets(key, []byte("old"), long)
	deletes := func(i int) bool { return (i/2+round)%2 == 1 } // on both clients
	winner := p.oneOf("CompareAndSwap or CompareAndDelete of one value", func(p *probe, i int) bool {
		if deletes(i) {
			return p.remove(key, []byte("old"))
		}
		return p.swap(key, []byte("old"), own(i), long)
	})
	if deletes(winner) {
		p.absent(key, "after CompareAndDelete, which others tried to swap")
	} else {
		p.has(key, own(winner), "after CompareAndSwap, which others tried to delete")
	}
}

// count lets the racers raise a number and compares it with their successes.
func (p *probe) count() {
	key := p.key("")
	p.sets(key, []byte("0"), long)
	var mu sync.Mutex
	raised := 0
	p.together(racers, func(p *probe, _ int) {
		mine := 0
		for range p.Rounds {
			n := p.number(key)
			if p.swap(key, strconv.AppendInt(nil, int64(n), 10), strconv.AppendInt(nil, int64(n+1), 10), long) {
				mine++
			}
		}
		mu.Lock()
		defer mu.Unlock()
		raised += mine
	})
	if n := p.number(key); n != raised || n == 0 {
		p.failf("the number is %d after CompareAndSwap has returned true %d times, want as many and at least one", n, raised)
	}
}

// number returns the number under key.
func (p *probe) number(key string) int {
	raw, ok := p.get(key)
	n, err := strconv.Atoi(string(raw))
	if !ok || err != nil {
		p.failf("Get of a number returns %s and %v, want the number", show(raw), ok)
	}
	return n
}
