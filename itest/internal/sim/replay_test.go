package sim

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// A seed is a plan; and often comes to the same history, too.
func TestSeedIsAPlan(t *testing.T) {
	const seeds = 60
	for _, procs := range []int{runtime.GOMAXPROCS(0), 1} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		same := 0
		for seed := firstSeed(); seed < firstSeed()+seeds; seed++ {
			if !reflect.DeepEqual(draw(seed), draw(seed)) {
				t.Fatalf("seed %d makes two plans:\n%v\n%v", seed, draw(seed), draw(seed))
			}
			a, b := once(t, seed, nil), once(t, seed, nil)
			if fmt.Sprint(anonymous(a.Events)) == fmt.Sprint(anonymous(b.Events)) {
				same++
			}
		}
		t.Logf("%d of %d seeds had the same history twice, with GOMAXPROCS %d", same, seeds, procs)
		if same == 0 {
			t.Error("no seed had the same history twice")
		}
	}
}

// anonymous replaces the names of holders, which are random, by numbers.
func anonymous(events []history.Event) []history.Event {
	names := map[string]string{}
	name := func(holder string) string {
		if holder != "" && names[holder] == "" {
			names[holder] = fmt.Sprintf("h%d", len(names))
		}
		return names[holder]
	}
	for i := range events {
		e := &events[i]
		e.Holder = name(e.Holder)
		e.Value = name(e.Value) // an encoded one has times in it
		for j := range e.Grants {
			e.Grants[j].Holder = name(e.Grants[j].Holder)
		}
	}
	return events
}
