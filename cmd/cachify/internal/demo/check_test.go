package demo

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// history makes events of lines like "A in lock 5", a millisecond apart.
func history(lines ...string) []Event {
	var all []Event
	for i, line := range lines {
		f := strings.Fields(line)
		e := Event{At: time.Duration(i) * time.Millisecond, Worker: f[0], Kind: Kind(f[1])}
		if len(f) > 2 {
			e.What = f[2]
		}
		if len(f) > 3 {
			for _, digit := range f[3] {
				e.Fence = e.Fence*10 + uint64(digit-'0')
			}
		}
		all = append(all, e)
	}
	return all
}

// sound is a history in which nothing is wrong.
func sound() []Event {
	return history(
		"A wants lock", "A in lock 10", "B wants lock", "B queued lock", "C wants lock", "C queued lock",
		"A out lock", "B in lock 11", "B killed", "C in lock 12", "A wants lock", "A queued lock", "C out lock", "A in lock 13",
		"A out lock",
		"D wants pool", "E wants pool", "F wants pool", "E in pool 21", "D in pool 20", "F in pool 22",
		"G wants pool", "G queued pool", "H wants pool", "H queued pool",
		// Two slots come free at once, and the second in line is the first to say so.
		"D out pool", "E out pool", "H in pool 24", "G in pool 23", "H out pool", "G out pool", "F out pool",
	)
}

func TestCheckAcceptsSound(t *testing.T) {
	for _, v := range Check(sound()) {
		if v.Fault != "" || v.Seen == "" {
			t.Errorf("%+v", v)
		}
	}
}

// What is wrong is found, by the rule that it breaks, and by no other one
// but that something has to happen.
func TestCheckCatches(t *testing.T) {
	const lock, pool, order, rise = 0, 1, 2, 3
	for name, c := range map[string]struct {
		rules   []int
		fault   string
		history []Event
	}{
		"two hold the lock": {[]int{lock}, "A and B were inside at the same time, at 0.00s", history(
			"A wants lock", "B wants lock", "A in lock 1", "B in lock 2", "A out lock", "B out lock")},
		"one never gives it back": {[]int{lock}, "A and B were inside", history(
			"A wants lock", "A in lock 1", "B wants lock", "B in lock 2", "B out lock")},
		"the lock of one who lives is taken because another was killed": {[]int{lock}, "A and B were inside", history(
			"A wants lock", "C wants lock", "A in lock 1", "C killed", "B wants lock", "B in lock 2", "B out lock", "A out lock")},
		"four in the pool": {[]int{pool}, "A and B and C and D were inside", history(
			"A wants pool", "A in pool 1", "B wants pool", "B in pool 2", "C wants pool", "C in pool 3",
			"D wants pool", "D in pool 4", "A out pool", "B out pool", "C out pool", "D out pool")},
		"the fence falls": {[]int{rise}, "B got the lock with the fence 8, after A with 9", history(
			"A wants lock", "A in lock 9", "A out lock", "B wants lock", "B in lock 8", "B out lock")},
		"the fence stays": {[]int{rise}, "B got the lock with the fence 9, after A with 9", history(
			"A wants lock", "A in lock 9", "A out lock", "B wants lock", "B in lock 9", "B out lock")},
		"the fence falls later": {[]int{rise}, "C got the lock with the fence 5, after A with 5", history(
			"A wants lock", "A in lock 5", "A out lock", "B wants lock", "B in lock 9", "B out lock",
			"C wants lock", "C in lock 5", "C out lock")},
		"no fence": {[]int{rise}, "A got the lock without a fence", history(
			"A wants lock", "A in lock", "A out lock")},
		"the fence of the pool falls": {[]int{rise}, "B got the pool with the fence 3, after A with 4", history(
			"A wants pool", "A in pool 4", "B wants pool", "B in pool 3", "A out pool", "B out pool")},
		"the same fence twice in the pool": {[]int{rise}, "with the fence 4, after", history(
			"A wants pool", "B wants pool", "A in pool 4", "B in pool 4", "A out pool", "B out pool")},
		"overtaken": {[]int{order}, "B stood in the queue of the lock at 0.00s, C came at 0.00s and got in before it", history(
			"A wants lock", "A in lock 1", "B wants lock", "B queued lock", "C wants lock", "C queued lock", "A out lock",
			"C in lock 2", "C out lock", "B in lock 3", "B out lock")},
		"overtaken in the pool": {[]int{order}, "B stood in the queue of the pool", history(
			"A wants pool", "A in pool 1", "B wants pool", "B queued pool", "C wants pool", "C in pool 2", "B in pool 3")},
		"forgotten": {[]int{order}, "B stood in the queue of the lock", history(
			"A wants lock", "A in lock 1", "B wants lock", "B queued lock", "C wants lock", "A out lock", "C in lock 2", "C out lock")},
		"nothing": {[]int{lock, pool}, "nobody ever got in", nil},
	} {
		t.Run(name, func(t *testing.T) {
			verdicts := Check(c.history)
			if Passed(verdicts) {
				t.Fatal("it passed")
			}
			for i, v := range verdicts {
				switch expected := slices.Contains(c.rules, i); {
				case expected && !strings.Contains(v.Fault, c.fault):
					t.Errorf("%s: got the fault %q, want %q", v.Rule, v.Fault, c.fault)
				case !expected && v.Fault != "" && v.Fault != "nobody ever got in":
					t.Errorf("%s: got the fault %q, want none", v.Rule, v.Fault)
				}
			}
		})
	}
}
