package check

import (
	"fmt"
	"hash/maphash"
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

var linearizableRecords = Rule{
	Name: "linearizable-records",
	Doc: "each record is a register with versions: there is an order of all operations that explains every answer, " +
		"conditions and times to live included; and no two writes get one version",
	Check: func(events []history.Event, cfg Config, r *Result) {
		if cfg.MayLose {
			return // what was written may be gone, or back, and versions may begin again
		}
		var all []*op
		for _, o := range ops(events, history.Seam) {
			switch o.call.Op {
			case opLoad, opLoadObject:
				if o.unknown() {
					continue // it changes nothing
				}
				fallthrough
			case opSave, opSaveObject, opDelete:
				if o.outcome() != history.Invalid {
					all = append(all, o)
				}
			}
		}
		keys, groups := group(all, func(o *op) string { return o.key })
		for _, key := range keys {
			r.Violations = append(r.Violations, repeated(key, groups[key])...)
			linearize("linearizable-records", key, groups[key], model[record]{
				step:   recordModel{clockOf(cfg)}.step,
				equal:  func(a, b record) bool { return a == b },
				hash:   func(s record) uint64 { return maphash.Comparable(hashSeed, s) },
				budget: newBudget(),
			}, r)
		}
	},
}

// repeated finds versions that two writes have.
func repeated(key string, all []*op) []Violation {
	var found []Violation
	seen := make(map[uint64]*op)
	for _, o := range all {
		v := o.ret.Version
		if o.outcome() != history.OK || v == 0 || o.call.Op != opSave && o.call.Op != opSaveObject {
			continue
		}
		if p := seen[v]; p != nil {
			found = append(found, violation("linearizable-records", key, gather(p, o), "two writes have version %d", v))
		}
		seen[v] = o
	}
	return found
}

// record is the state of one key.
type record struct {
	now     time.Duration // it is not earlier than that
	exists  bool
	object  bool
	value   string
	version uint64 // 0: not known yet, of a write whose reply nobody got
	ttl     time.Duration
	end     span
}

type recordModel struct{ clock clock }

// step is one operation. A record whose time may or may not have run out gives two
// states to begin with.
func (m recordModel) step(s record, q *request) []record {
	var next []record
	for _, t := range m.at(s, q) {
		next = append(next, m.do(t, q)...)
	}
	return next
}

// at returns the states in which the operation may have found the record.
func (m recordModel) at(s record, q *request) []record {
	s.now = max(s.now, q.from)
	if !s.exists {
		return []record{s}
	}
	s.end.latest = min(s.end.latest, m.clock.end(s.now, q.to, s.ttl).latest)
	var found []record
	if s.end.earliest <= q.to {
		found = append(found, record{now: max(s.now, s.end.earliest)})
	}
	if s.end.latest > s.now {
		s.end.earliest = max(s.end.earliest, s.now)
		found = append(found, s)
	}
	return found
}

// do is the operation itself.
func (m recordModel) do(s record, q *request) []record {
	switch q.call.Op {
	case opLoad, opLoadObject:
		return m.load(s, q)
	case opSave, opSaveObject:
		return m.save(s, q)
	case opDelete:
		return m.remove(s, q)
	}
	panic(fmt.Sprintf("no such operation: %s", q.call.Op))
}

func (m recordModel) load(s record, q *request) []record {
	there := s.exists && s.object == (q.call.Op == opLoadObject)
	switch q.outcome() {
	case history.NotFound:
		if there {
			return nil
		}
		return []record{s}
	case history.OK:
		if !there || s.value != q.ret.Value || s.version != 0 && s.version != q.ret.Version {
			return nil
		}
		if q.ret.TTL != 0 && !m.clock.leaves(s.end, s.now, q.to, q.ret.TTL) {
			return nil
		}
		s.version = q.ret.Version
		return []record{s}
	}
	return nil
}

func (m recordModel) save(s record, q *request) []record {
	var next []record
	for _, t := range s.matching(q) {
		if t.holds {
			if q.outcome() == history.OK || q.unknown {
				next = append(next, record{
					now: s.now, exists: true, object: q.call.Op == opSaveObject, value: q.call.Value,
					version: q.ret.Version, ttl: q.call.TTL, end: m.clock.end(s.now, q.to, q.call.TTL),
				})
			}
		} else if q.outcome() == history.Conflict || q.unknown {
			next = append(next, t.record)
		}
	}
	return next
}

func (m recordModel) remove(s record, q *request) []record {
	var next []record
	for _, t := range s.matching(q) {
		if t.holds {
			if q.outcome() == history.OK || q.unknown {
				next = append(next, record{now: s.now})
			}
		} else if q.outcome() == history.Conflict || q.unknown {
			next = append(next, t.record)
		}
	}
	return next
}

// match is whether the condition of an operation holds in a state.
type match struct {
	record
	holds bool
}

// matching decides it. A version that is not known yet may be the one or not.
func (s record) matching(q *request) []match {
	switch {
	case q.call.If == ifAbsent:
		return []match{{s, !s.exists}}
	case q.call.If == ifAlways, q.call.Op == opDelete && q.call.Version == 0:
		return []match{{s, true}}
	case s.exists && s.version == 0:
		return []match{{s, true}, {s, false}}
	}
	return []match{{s, s.exists && s.version == q.call.Version}}
}
