package faultstore

import (
	"math"
	"strings"
	"testing"
	"time"
)

// kindsOf returns what the script gives to calls of op, the first to the nth.
func kindsOf(s Script, op Op, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(s(Call{Op: op, Name: "n", N: i + 1}).Kind.String()[:1])
	}
	return b.String()
}

func TestReadyMadeScripts(t *testing.T) {
	fail, late := Fault{Kind: Fail}, Fault{Kind: Late}
	tests := []struct {
		name   string
		script Script
		want   string // for six Acquires; n is none
	}{
		{"always", Always(fail), "ffffff"},
		{"nth", Nth(2, fail), "nfnnnn"},
		{"every", Every(3, fail), "nnfnnf"},
		{"every one", Every(1, fail), "ffffff"},
		{"only", Only(Acquire, Nth(1, fail)), "fnnnnn"},
		{"only another", Only(Release, Always(fail)), "nnnnnn"},
		{"named", Named("n", Nth(3, fail)), "nnfnnn"},
		{"named otherwise", Named("m", Always(fail)), "nnnnnn"},
		{"sequence", Sequence(fail, Fault{}, late), "fnlnnn"},
		{"first", First(Nth(2, late), Every(2, fail), Only(Release, Always(fail))), "nlnfnf"},
		{"first of none", First(), "nnnnnn"},
	}
	for _, test := range tests {
		if got := kindsOf(test.script, Acquire, 6); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestRandomDependsOnSeedOpAndNumberOnly(t *testing.T) {
	r := Rates{Fail: 0.2, Late: 0.2, Delay: 0.5, DropPush: 0.3}
	a, b := Random(1, r), Random(1, r)
	for n := 1000; n > 0; n-- { // the other way round, and with others in between
		b(Call{Op: Release, N: n})
		c := Call{Op: Acquire, Name: "x", Holder: "y", N: n}
		if got, want := b(c), a(Call{Op: Acquire, N: n}); got != want {
			t.Fatalf("call %d: got %+v, want %+v", n, got, want)
		}
	}
	if kindsOf(a, Acquire, 100) == kindsOf(a, Release, 100) {
		t.Error("two operations have the same stream")
	}
	if kindsOf(a, Acquire, 100) == kindsOf(Random(2, r), Acquire, 100) {
		t.Error("two seeds have the same stream")
	}
}

func TestRandomKeepsItsRates(t *testing.T) {
	r := Rates{
		Fail: 0.1, LoseReply: 0.1, Hang: 0.05, HangReply: 0.05, Late: 0.1, Stray: 0.1, Duplicate: 0.1,
		DropPush: 0.3, DuplicatePush: 0.2, Delay: 0.25, MaxDelay: time.Second,
	}
	const n = 20_000
	// Along one stream, and across the first calls of many seeds.
	along := Random(7, r)
	for what, call := range map[string]func(op Op, i int) Fault{
		"calls": func(op Op, i int) Fault { return along(Call{Op: op, N: i + 1}) },
		"seeds": func(op Op, i int) Fault { return Random(uint64(i), r)(Call{Op: op, N: 1}) },
	} {
		for _, op := range []Op{Save, Push} {
			got := make(map[Kind]float64)
			var before, sum float64
			for i := range n {
				f := call(op, i)
				got[f.Kind] += 1.0 / n
				if f.Before < 0 || f.Before > time.Second || f.After < 0 || f.After > time.Second {
					t.Fatalf("delays of %+v", f)
				}
				if f.Before > 0 {
					before += 1.0 / n
					sum += f.Before.Seconds() / n
				}
			}
			calls, pushes := r.weights()
			if op == Push {
				calls = pushes
			}
			for _, w := range calls {
				if math.Abs(got[w.kind]-w.rate) > 0.02 {
					t.Errorf("%s, %v, %v: rate %v, want %v", what, op, w.kind, got[w.kind], w.rate)
				}
			}
			if math.Abs(before-r.Delay) > 0.02 || math.Abs(sum/before-0.5) > 0.03 {
				t.Errorf("%s, %v: %v delayed, by %v s on average", what, op, before, sum/before)
			}
		}
	}
}

func TestRandomWithoutRatesDoesNothing(t *testing.T) {
	s := Random(3, Rates{})
	for op := range ops {
		for n := range 100 {
			if f := s(Call{Op: op, N: n + 1}); f != (Fault{}) {
				t.Fatalf("got %+v", f)
			}
		}
	}
}

func TestBadScriptsPanic(t *testing.T) {
	for name, script := range map[string]func(){
		"negative":     func() { Random(0, Rates{Fail: -0.1}) },
		"not a number": func() { Random(0, Rates{Late: math.NaN()}) },
		"sum":          func() { Random(0, Rates{Fail: 0.6, Stray: 0.6}) },
		"pushes":       func() { Random(0, Rates{DropPush: 0.6, DuplicatePush: 0.6}) },
		"delay":        func() { Random(0, Rates{Delay: 2}) },
		"max delay":    func() { Random(0, Rates{MaxDelay: -1}) },
		"every 0":      func() { Every(0, Fault{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			script()
		}()
	}
}

func TestCounts(t *testing.T) {
	var c Counts
	if got, want := c.String(), "calls: none; faults: none; delayed 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.calls[Acquire], c.calls[Release], c.faults[Fail], c.faults[Late], c.delayed = 3, 1, 1, 1, 2
	if got, want := c.String(), "calls: Acquire 3, Release 1; faults: fail 1, late 1; delayed 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	d := c.Add(c)
	if d.Calls(Acquire) != 6 || d.Faults(Late) != 2 || d.Delayed() != 4 || d.Injected() != 4 || c.Calls(Acquire) != 3 {
		t.Errorf("the sum is %v", d)
	}
	if c.Calls(ops) != 0 || c.Faults(kinds) != 0 {
		t.Error("unknown ones are counted")
	}
	for op := range ops {
		if op.String() == "" {
			t.Errorf("operation %d has no name", op)
		}
	}
	for k := range kinds {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
	if ops.String() != "op 18" || kinds.String() != "kind 9" {
		t.Errorf("unknown ones are called %v and %v", ops, kinds)
	}
}

func BenchmarkRandom(b *testing.B) {
	s := Random(1, Rates{Fail: 0.1, Late: 0.1, Delay: 0.2})
	b.ReportAllocs()
	for n := range b.N {
		s(Call{Op: Acquire, N: n + 1})
	}
}
