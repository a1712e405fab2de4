package check

import (
	"slices"
	"testing"
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

const ms = time.Millisecond

// script is a history that is written by hand.
type script struct {
	events []history.Event
	ids    uint64
}

// do adds an operation, and returns its ID.
func (s *script) do(client string, from, to time.Duration, call, ret history.Event) uint64 {
	s.ids++
	if call.Layer == "" {
		call.Layer = history.User
	}
	call.T, call.Client, call.ID, call.Phase = from, client, s.ids, history.Call
	s.events = append(s.events, call)
	if to > 0 {
		ret.Layer, ret.Op, ret.Verb, ret.Key = call.Layer, call.Op, call.Verb, call.Key
		if ret.Outcome == "" {
			ret.Outcome = history.OK
		}
		ret.T, ret.Client, ret.ID, ret.Phase = to, client, s.ids, history.Return
		s.events = append(s.events, ret)
	}
	return s.ids
}

func (s *script) note(client string, at time.Duration, e history.Event) {
	s.ids++
	if e.Layer == "" {
		e.Layer = history.User
	}
	e.T, e.Client, e.ID, e.Phase = at, client, s.ids, history.Note
	s.events = append(s.events, e)
}

// lock acquires the lock k for 99 ms.
func (s *script) lock(client string, at time.Duration, fence uint64) uint64 {
	return s.lease(client, at, fence, history.Event{Verb: history.Lock, Key: "k", Limit: 1, Slots: 1})
}

func (s *script) lease(client string, at time.Duration, fence uint64, call history.Event) uint64 {
	call.Op, call.TTL = history.Acquire, 100*ms
	return s.do(client, at, at+ms, call, history.Event{Fence: fence, Holder: client + "/" + at.String(), Deadline: at + 99*ms})
}

func (s *script) release(client string, at time.Duration, lease uint64) {
	s.do(client, at, at+ms, history.Event{Op: history.Release, Verb: history.Lock, Key: "k", Lease: lease}, history.Event{})
}

// seam is a request to the store.
func (s *script) seam(client string, from, to time.Duration, call, ret history.Event) {
	call.Layer = history.Seam
	s.do(client, from, to, call, ret)
}

func want(holder string) history.Event {
	return history.Event{Op: opAcquire, Key: "k", Holder: holder, Limit: 1, Slots: 1, TTL: 100 * ms}
}

func queued(holder string) history.Event {
	e := want(holder)
	e.Op, e.Patience = opEnqueue, time.Second
	return e
}

func grant(fence uint64) history.Event {
	return history.Event{Fence: fence, Slots: 1, TTL: 100 * ms}
}

// handed is a grant that came 2 ms ago.
func handed(fence uint64) history.Event {
	return history.Event{Fence: fence, Slots: 1, TTL: 98 * ms}
}

var held = history.Event{Outcome: history.Held}

// Each of the histories breaks one promise, or none, and that rule says so which is
// named.
func TestPlanted(t *testing.T) {
	write := func(fence uint64, seq uint64, o history.Outcome) history.Event {
		return history.Event{Layer: history.Resource, Op: history.Write, Key: "k", Fence: fence, Holder: "h" + string(rune('0'+fence)), Seq: seq, Outcome: o}
	}
	save := func(value, cond string, version uint64) history.Event {
		return history.Event{Op: opSave, Key: "r", Value: value, If: cond, Version: version, TTL: 100 * ms}
	}
	load := history.Event{Op: opLoad, Key: "r"}
	run := history.Event{Op: history.Run, Verb: history.Cached, Key: "v"}
	get := history.Event{Op: history.Get, Verb: history.Cached, Key: "v", TTL: 100 * ms}
	reset := history.Event{Op: history.Reset, Verb: history.Cached, Key: "v"}
	once := history.Event{Op: history.Run, Verb: history.Once, Key: "o", TTL: 100 * ms}
	look := history.Event{Op: opLook, Key: "k", Holder: "a", Patience: time.Second}
	for _, c := range []struct {
		name string
		rule string // "": none
		cfg  Config
		play func(s *script)
	}{
		{"in turn", "", Config{}, func(s *script) {
			s.release("a", 50*ms, s.lock("a", 10*ms, 1))
			s.release("b", 70*ms, s.lock("b", 50*ms, 2))
			s.lock("c", 80*ms, 3)
			s.lock("d", 179*ms, 4) // c's was over then
		}},
		{"two at a time", "exclusion", Config{}, func(s *script) {
			s.lock("a", 10*ms, 1)
			s.lock("b", 50*ms, 2)
		}},
		{"two at a time, by loss", "", Config{MayLose: true}, func(s *script) {
			s.lock("a", 10*ms, 1)
			s.lock("b", 50*ms, 2)
		}},
		{"a renewal that came too late", "exclusion", Config{}, func(s *script) {
			id := s.lock("a", 10*ms, 1)
			s.note("a", 100*ms, history.Event{Op: history.Believe, Lease: id, Deadline: 200 * ms})
			s.lock("b", 150*ms, 2)
		}},
		{"shortened", "", Config{}, func(s *script) {
			id := s.lock("a", 10*ms, 1)
			s.do("a", 20*ms, 21*ms, history.Event{Op: history.Extend, Verb: history.Lock, Key: "k", Lease: id, TTL: 10 * ms}, history.Event{Deadline: 29 * ms})
			s.lock("b", 50*ms, 2)
		}},
		{"ended by force", "", Config{}, func(s *script) {
			s.lock("a", 10*ms, 1)
			s.do("c", 20*ms, 21*ms, history.Event{Op: history.Reset, Verb: history.Lock, Key: "k"}, history.Event{})
			s.lock("b", 50*ms, 2)
		}},
		{"told of its end", "", Config{}, func(s *script) {
			id := s.lock("a", 10*ms, 1)
			s.note("a", 40*ms, history.Event{Op: history.Ended, Verb: history.Lock, Key: "k", Lease: id, Outcome: history.Lost})
			s.lock("b", 50*ms, 2)
		}},
		{"a pool within its size", "", Config{}, func(s *script) {
			pool := history.Event{Verb: history.Pool, Key: "p", Limit: 3, Slots: 1}
			s.lease("a", 10*ms, 1, pool)
			pool.Slots = 2
			s.lease("b", 20*ms, 2, pool)
		}},
		{"a pool beyond its size", "exclusion", Config{}, func(s *script) {
			pool := history.Event{Verb: history.Pool, Key: "p", Limit: 3, Slots: 2}
			s.lease("a", 10*ms, 1, pool)
			s.lease("b", 20*ms, 2, pool)
		}},
		{"a fence that restarts", "fences-rise", Config{MayLose: true}, func(s *script) {
			s.release("a", 20*ms, s.lock("a", 10*ms, 5))
			s.lock("b", 50*ms, 1)
		}},
		{"one fence twice", "fences-rise", Config{}, func(s *script) {
			s.release("a", 12*ms, s.lock("a", 10*ms, 5))
			s.do("b", 9*ms, 14*ms, history.Event{Op: history.Acquire, Verb: history.Lock, Key: "k", Limit: 1, Slots: 1}, history.Event{Fence: 5, Holder: "b/1", Deadline: 90 * ms})
		}},
		{"a resource that sees fences rise", "", Config{}, func(s *script) {
			s.note("r", 10*ms, write(1, 1, history.OK))
			s.note("r", 10*ms, write(2, 2, history.OK))
			s.note("r", 10*ms, write(1, 3, history.Refused))
			s.note("r", 10*ms, write(2, 4, history.OK))
		}},
		{"a resource that saw a fence fall", "resource-fence", Config{MayLose: true}, func(s *script) {
			s.note("r", 20*ms, write(1, 3, history.OK))
			s.note("r", 30*ms, write(2, 2, history.OK))
		}},
		{"a believer that is refused", "believed-write", Config{}, func(s *script) {
			id := s.lock("a", 10*ms, 1)
			s.do("a", 20*ms, 21*ms, history.Event{Op: history.Write, Verb: history.Lock, Key: "k", Lease: id, Fence: 1}, history.Event{Outcome: history.Refused})
		}},
		{"one who is late and refused", "", Config{}, func(s *script) {
			id := s.lock("a", 10*ms, 1)
			s.do("a", 100*ms, 110*ms, history.Event{Op: history.Write, Verb: history.Lock, Key: "k", Lease: id, Fence: 1}, history.Event{Outcome: history.Refused})
		}},
		{"once after the other", "", Config{}, func(s *script) {
			s.do("a", 10*ms, 20*ms, once, history.Event{})
			s.do("b", 20*ms, 300*ms, once, history.Event{Outcome: history.Expired})
			s.note("b", 119*ms, history.Event{Op: history.Ended, Verb: history.Once, Key: "o", Lease: s.ids})
			s.do("c", 130*ms, 140*ms, once, history.Event{})
		}},
		{"twice at a time", "once-alone", Config{}, func(s *script) {
			s.do("a", 10*ms, 50*ms, once, history.Event{})
			s.do("b", 20*ms, 30*ms, once, history.Event{})
		}},
		{"twice at a time, under leases of the store", "once-alone", Config{Slack: time.Second}, func(s *script) {
			ask := want("a/1")
			ask.Key = "p-o-once"
			s.seam("a", 8*ms, 9*ms, ask, grant(1))
			s.do("a", 10*ms, 50*ms, once, history.Event{})
			ask.Holder = "b/1"
			s.seam("b", 18*ms, 19*ms, ask, grant(2))
			s.do("b", 20*ms, 30*ms, once, history.Event{})
		}},
		{"fresh values", "", Config{}, func(s *script) {
			s.do("a", 10*ms, 20*ms, run, history.Event{Value: "1"})
			s.do("a", 9*ms, 21*ms, get, history.Event{Value: "1"})
			s.do("a", 50*ms, 51*ms, get, history.Event{Value: "1"})
			s.do("a", 60*ms, 61*ms, reset, history.Event{Outcome: history.Unknown})
			s.do("a", 70*ms, 71*ms, get, history.Event{Value: "1"})
		}},
		{"a value from nowhere", "cached-fresh", Config{}, func(s *script) {
			s.do("a", 50*ms, 51*ms, get, history.Event{Value: "1"})
		}},
		{"a value that is too old", "cached-fresh", Config{}, func(s *script) {
			s.do("a", 10*ms, 20*ms, run, history.Event{Value: "1"})
			s.do("a", 6*time.Second, 6*time.Second+ms, get, history.Event{Value: "1"})
		}},
		{"a value that is too old for the store", "cached-fresh", Config{}, func(s *script) {
			s.do("a", 10*ms, 20*ms, run, history.Event{Value: "1"})
			put := save("1", "always", 0)
			put.Key = "v-cached"
			s.seam("a", 21*ms, 22*ms, put, history.Event{Version: 1})
			s.do("a", 123*ms, 124*ms, get, history.Event{Value: "1"})
		}},
		{"a value that was reset", "cached-fresh", Config{}, func(s *script) {
			s.do("a", 10*ms, 20*ms, run, history.Event{Value: "1"})
			s.do("b", 15*ms, 25*ms, reset, history.Event{})
			s.do("a", 30*ms, 31*ms, get, history.Event{Value: "1"})
		}},
		{"a wait in time", "", Config{}, func(s *script) {
			s.do("a", 10*ms, 110*ms, history.Event{Op: history.Acquire, Verb: history.Lock, Key: "k", Wait: 100 * ms}, history.Event{Outcome: history.TimedOut})
		}},
		{"a wait too long", "wait-bound", Config{}, func(s *script) {
			s.do("a", 10*ms, 6*time.Second, history.Event{Op: history.Acquire, Verb: history.Lock, Key: "k", Wait: 100 * ms}, history.Event{Outcome: history.TimedOut})
		}},
		{"a wait too long, with the store at hand", "wait-bound", Config{}, func(s *script) {
			s.do("a", 10*ms, 300*ms, history.Event{Op: history.Acquire, Verb: history.Lock, Key: "k", Wait: 100 * ms}, history.Event{Outcome: history.TimedOut})
			s.seam("a", 10*ms, 11*ms, history.Event{Op: opLeave, Key: "k", Holder: "a/1"}, history.Event{})
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
		}},
		{"a frozen waiter", "", Config{}, func(s *script) {
			s.do("a", 10*ms, 9*time.Second, history.Event{Op: history.Acquire, Verb: history.Lock, Key: "k", Wait: 100 * ms}, history.Event{Outcome: history.TimedOut})
			s.do("f", 20*ms, 9*time.Second, history.Event{Layer: history.Fault, Fault: "stop", Target: "a"}, history.Event{})
		}},
		{"the store is killed with its user", "", Config{}, func(s *script) {
			s.lock("a", 10*ms, 1)
			s.do("f", 20*ms, 30*ms, history.Event{Layer: history.Fault, Fault: history.Kill, Target: history.AllClients}, history.Event{})
			s.lock("a.2", 40*ms, 2)
		}},
		{"a user is killed, and its lease forgotten", "exclusion", Config{}, func(s *script) {
			s.lock("a", 10*ms, 1)
			s.do("f", 20*ms, 30*ms, history.Event{Layer: history.Fault, Fault: history.Kill, Target: "a"}, history.Event{})
			s.lock("a.2", 40*ms, 2)
		}},
		{"a waiter frozen with all others", "", Config{}, func(s *script) {
			s.do("b", 10*ms, 9*time.Second, history.Event{Op: history.Acquire, Verb: history.Lock, Key: "k", Wait: 100 * ms}, history.Event{Outcome: history.TimedOut})
			s.do("f", 20*ms, 9*time.Second, history.Event{Layer: history.Fault, Fault: "stop", Target: history.AllClients}, history.Event{})
		}},
		{"served in turn", "", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("b", 12*ms, 13*ms, queued("b/1"), held)
			s.seam("c", 14*ms, 15*ms, queued("c/1"), held)
			s.seam("a", 16*ms, 17*ms, history.Event{Op: opRelease, Key: "k", Holder: "a/1"}, history.Event{})
			s.seam("b", 18*ms, 19*ms, queued("b/1"), handed(2))
			s.seam("b", 20*ms, 21*ms, history.Event{Op: opRelease, Key: "k", Holder: "b/1"}, history.Event{})
			s.seam("c", 22*ms, 23*ms, queued("c/1"), handed(3))
		}},
		{"overtaken", "fifo", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("b", 12*ms, 13*ms, queued("b/1"), held)
			s.seam("c", 14*ms, 15*ms, queued("c/1"), held)
			s.seam("a", 16*ms, 17*ms, history.Event{Op: opRelease, Key: "k", Holder: "a/1"}, history.Event{})
			s.seam("c", 18*ms, 19*ms, queued("c/1"), grant(2))
			s.seam("c", 20*ms, 21*ms, history.Event{Op: opRelease, Key: "k", Holder: "c/1"}, history.Event{})
			s.seam("b", 22*ms, 23*ms, queued("b/1"), grant(3))
		}},
		{"overtaken by one who does not queue", "fifo", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("b", 12*ms, 13*ms, queued("b/1"), held)
			s.seam("a", 16*ms, 17*ms, history.Event{Op: opRelease, Key: "k", Holder: "a/1"}, history.Event{})
			s.seam("c", 18*ms, 19*ms, want("c/1"), grant(2))
			s.seam("c", 20*ms, 21*ms, history.Event{Op: opRelease, Key: "k", Holder: "c/1"}, history.Event{})
			s.seam("b", 22*ms, 23*ms, queued("b/1"), grant(3))
		}},
		{"nothing left", "", Config{End: 50 * ms}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			holders := history.Event{Op: opHolders, Key: "k"}
			s.seam("z", 60*ms, 61*ms, holders, history.Event{Limit: 1, Grants: []history.Grant{{Holder: "a/1", Fence: 1, Slots: 1, TTL: 50 * ms}}})
			s.seam("z", 120*ms, 121*ms, holders, history.Event{})
		}},
		{"something left", "nothing-left", Config{End: 50 * ms}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("z", 60*ms, 61*ms, history.Event{Op: opHolders, Key: "k"}, history.Event{Limit: 1, Grants: []history.Grant{{Holder: "a/1", Fence: 1, Slots: 1, TTL: 50 * ms}}})
		}},
		{"given twice", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("b", 12*ms, 13*ms, want("b/1"), grant(2))
		}},
		{"given when it ran out", "", Config{}, func(s *script) {
			s.seam("a", 10*ms, 12*ms, want("a/1"), grant(1))
			s.seam("b", 110*ms, 111*ms, want("b/1"), grant(2))
		}},
		{"given before it ran out", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 12*ms, want("a/1"), grant(1))
			s.seam("b", 108*ms, 109*ms, want("b/1"), grant(2))
		}},
		{"refused although it ran out", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 12*ms, want("a/1"), grant(1))
			s.seam("b", 112*ms, 113*ms, want("b/1"), held)
		}},
		{"refused, and a lost request may be why", "", Config{}, func(s *script) {
			s.seam("a", 10*ms, 12*ms, want("a/1"), history.Event{Outcome: history.Unknown})
			s.seam("b", 1112*ms, 1113*ms, want("b/1"), held)
		}},
		{"a release by who has no lease", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("b", 12*ms, 13*ms, history.Event{Op: opRelease, Key: "k", Holder: "b/1"}, history.Event{})
		}},
		{"a renewal that makes a lease anew", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("a", 120*ms, 121*ms, history.Event{Op: opExtend, Key: "k", Holder: "a/1", TTL: 100 * ms}, grant(1))
		}},
		{"a lease lost before its time", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("a", 20*ms, 21*ms, history.Event{Op: opExtend, Key: "k", Holder: "a/1", TTL: 100 * ms}, history.Event{Outcome: history.Lost})
		}},
		{"a repeated request that gets another fence", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			again := grant(2)
			again.TTL = 95 * ms
			s.seam("a", 14*ms, 15*ms, want("a/1"), again)
		}},
		{"a repeated request that extends", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("a", 50*ms, 51*ms, want("a/1"), grant(1))
		}},
		{"a place that was lost", "linearizable-leases", Config{}, func(s *script) {
			s.seam("b", 10*ms, 11*ms, want("b/1"), grant(1))
			s.seam("a", 12*ms, 13*ms, queued("a/1"), held)
			s.seam("a", 14*ms, 15*ms, look, history.Event{Waiting: 0})
		}},
		{"a slot that is not handed over", "linearizable-leases", Config{}, func(s *script) {
			s.seam("b", 10*ms, 11*ms, want("b/1"), grant(1))
			s.seam("a", 12*ms, 13*ms, queued("a/1"), held)
			s.seam("b", 14*ms, 15*ms, history.Event{Op: opRelease, Key: "k", Holder: "b/1"}, history.Event{})
			s.seam("a", 16*ms, 17*ms, look, history.Event{Waiting: 1})
		}},
		{"another limit", "", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			two := want("b/1")
			two.Limit = 2
			s.seam("b", 12*ms, 13*ms, two, history.Event{Outcome: history.Limit, Limit: 1})
		}},
		{"another limit that is not seen", "linearizable-leases", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			two := want("b/1")
			two.Limit = 2
			s.seam("b", 12*ms, 13*ms, two, grant(2))
		}},
		{"evicted after its end, with one who waits", "", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("b", 12*ms, 13*ms, queued("b/1"), held)
			s.seam("c", 300*ms, 301*ms, history.Event{Op: opEvict, Key: "k"}, history.Event{})
			s.seam("d", 303*ms, 304*ms, queued("d/1"), held)
		}},
		{"evicted after its end, one who waits with it", "", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("b", 12*ms, 13*ms, queued("b/1"), held)
			s.seam("c", 300*ms, 301*ms, history.Event{Op: opEvict, Key: "k"}, history.Event{})
			s.seam("b", 303*ms, 304*ms, history.Event{Op: opRelease, Key: "k", Holder: "b/1"}, history.Event{Outcome: history.Lost})
		}},
		{"evicted", "", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, want("a/1"), grant(1))
			s.seam("b", 12*ms, 13*ms, history.Event{Op: opEvict, Key: "k"}, history.Event{})
			s.seam("b", 14*ms, 15*ms, want("b/1"), grant(2))
		}},
		{"records as they should be", "", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, save("1", "absent", 0), history.Event{Version: 1})
			s.seam("b", 12*ms, 13*ms, save("2", "absent", 0), history.Event{Outcome: history.Conflict})
			s.seam("b", 14*ms, 15*ms, save("2", "version", 1), history.Event{Version: 2})
			s.seam("a", 16*ms, 17*ms, load, history.Event{Value: "2", Version: 2, TTL: 98 * ms})
			s.seam("a", 120*ms, 121*ms, load, history.Event{Outcome: history.NotFound})
			s.seam("a", 130*ms, 131*ms, save("3", "always", 0), history.Event{Outcome: history.Unknown})
			s.seam("a", 140*ms, 141*ms, load, history.Event{Outcome: history.NotFound})
			s.seam("a", 150*ms, 151*ms, load, history.Event{Value: "3", Version: 3, TTL: 90 * ms})
		}},
		{"an old value", "linearizable-records", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, save("1", "always", 0), history.Event{Version: 1})
			s.seam("a", 12*ms, 13*ms, save("2", "always", 0), history.Event{Version: 2})
			s.seam("b", 14*ms, 15*ms, load, history.Event{Value: "1", Version: 1})
		}},
		{"two who are first", "linearizable-records", Config{}, func(s *script) {
			s.seam("a", 10*ms, 15*ms, save("1", "absent", 0), history.Event{Version: 1})
			s.seam("b", 10*ms, 15*ms, save("2", "absent", 0), history.Event{Version: 2})
		}},
		{"a version twice", "linearizable-records", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, save("1", "always", 0), history.Event{Version: 1})
			s.seam("a", 12*ms, 13*ms, history.Event{Op: opDelete, Key: "r"}, history.Event{})
			s.seam("b", 14*ms, 15*ms, save("2", "always", 0), history.Event{Version: 1})
		}},
		{"a record beyond its time", "linearizable-records", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, save("1", "always", 0), history.Event{Version: 1})
			s.seam("b", 112*ms, 113*ms, load, history.Event{Value: "1", Version: 1})
		}},
		{"a record that is gone too soon", "linearizable-records", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, save("1", "always", 0), history.Event{Version: 1})
			s.seam("b", 50*ms, 51*ms, load, history.Event{Outcome: history.NotFound})
		}},
		{"a delete without its condition", "linearizable-records", Config{}, func(s *script) {
			s.seam("a", 10*ms, 11*ms, save("1", "always", 0), history.Event{Version: 1})
			s.seam("b", 12*ms, 13*ms, history.Event{Op: opDelete, Key: "r", Version: 9}, history.Event{})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s script
			c.play(&s)
			r := Run(history.Sorted(s.events), c.cfg)
			rules := rulesOf(r)
			if c.rule == "" && len(rules) > 0 || c.rule != "" && !slices.Contains(rules, c.rule) {
				t.Errorf("violated: %v, want %q: %+v", rules, c.rule, r.Violations)
			}
			if c.rule == "" && c.cfg.MayLose && len(r.Overlaps) != 1 {
				t.Errorf("%d overlaps are counted, want 1", len(r.Overlaps))
			}
			for _, v := range r.Violations {
				if v.Text == "" || len(v.Events) == 0 || v.From > v.To {
					t.Errorf("it does not tell enough: %+v", v)
				}
			}
		})
	}
}

func rulesOf(r Result) []string {
	var rules []string
	for _, v := range r.Violations {
		if !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	return rules
}
