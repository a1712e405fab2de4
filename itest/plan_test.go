package itest

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

var someKinds = []kind{
	{name: killClient, client: true, longest: time.Second},
	{name: stopClient, client: true, longest: maxStop},
	{name: wallClock, client: true, longest: 2 * time.Second},
	{name: "cut", longest: time.Millisecond},
	{name: "wipe", loses: true, longest: time.Second},
}

// A round's plan comes from the seed and its number, and from nothing else.
func TestPlanReplays(t *testing.T) {
	for n := 1; n <= 50; n++ {
		a, b := newPlan(7, n, 4, 12*time.Second, someKinds), newPlan(7, n, 4, 12*time.Second, someKinds)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("round %d: two plans:\n%+v\n%+v", n, a, b)
		}
	}
	if reflect.DeepEqual(newPlan(7, 3, 4, 12*time.Second, someKinds).seed, newPlan(8, 3, 4, 12*time.Second, someKinds).seed) {
		t.Error("another seed has the same plan")
	}
}

// The first round has all that loses nothing, the second all, and in the long run there
// are calm rounds, rounds of one kind and of some; most of them lose nothing.
func TestPlanKinds(t *testing.T) {
	const rounds = 300
	sizes, loses, shifted := make(map[int]int), 0, 0
	for n := 1; n <= rounds; n++ {
		p := newPlan(1, n, 4, 12*time.Second, someKinds)
		sizes[min(len(p.kinds), 2)]++
		if p.loses {
			loses++
		}
		if p.shifted >= 0 {
			shifted++
		}
		for _, name := range p.kinds {
			if n == 1 && name == "wipe" {
				t.Error("the first round loses data")
			}
			if !slices.ContainsFunc(p.breaks, func(b breakage) bool { return b.kind.name == name }) {
				t.Errorf("round %d has no %s, which it tells of", n, name)
			}
		}
		if n == 2 && len(p.kinds) != len(someKinds) {
			t.Errorf("the second round has only %q", p.kinds)
		}
	}
	if sizes[0] == 0 || sizes[1] == 0 || sizes[2] == 0 || shifted == 0 || loses == 0 || loses > rounds/2 {
		t.Errorf("rounds with no, one, and more kinds: %v; that lose: %d; with a wrong clock from the start: %d", sizes, loses, shifted)
	}
}

// All that is planned begins in the round, hits a client that there is, and comes in order.
func TestPlanTimes(t *testing.T) {
	const length, clients = 12 * time.Second, 3
	for n := 1; n <= 300; n++ {
		p := newPlan(2, n, clients, length, someKinds)
		for i, b := range p.breaks {
			if b.at < length/10 || b.at >= length || b.last < 0 || b.last >= b.kind.longest || b.target < 0 || b.target >= clients {
				t.Errorf("round %d: %+v", n, b)
			}
			if i > 0 && b.at < p.breaks[i-1].at {
				t.Errorf("round %d: %v comes after %v", n, p.breaks[i-1], b)
			}
		}
	}
	if p := newPlan(2, 1, clients, length, nil); len(p.breaks) != 0 || p.loses {
		t.Errorf("without kinds there are %v", p.breaks)
	}
}
