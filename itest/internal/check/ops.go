package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// op is one operation: its beginning and, if it has one, its end. What came first is
// told by the places of the events in the history, not by their times: in a simulation
// many things happen at one moment, and their order is known all the same.
type op struct {
	call, ret     history.Event
	callAt, retAt int // places in the history; of what has no end, retAt is after all
	done          bool
	client        string
	verb          history.Verb
	key           string
}

// outcome is how the operation ended. One without an end is unknown.
func (o *op) outcome() history.Outcome {
	if !o.done {
		return history.Unknown
	}
	return o.ret.Outcome
}

// unknown reports whether nobody knows if the operation took place, or when it will.
func (o *op) unknown() bool {
	return o.outcome() == history.Unknown || o.outcome() == history.Cancelled
}

// before reports whether o had ended before p began.
func (o *op) before(p *op) bool { return o.done && o.retAt < p.callAt }

// end is when it returned, or the end of time.
func (o *op) end() time.Duration {
	if !o.done {
		return history.Forever
	}
	return o.ret.T
}

func (o *op) events() []history.Event {
	if !o.done {
		return []history.Event{o.call}
	}
	return []history.Event{o.call, o.ret}
}

// subject is what is locked, pooled or guarded: the same key of two verbs is two things.
func (o *op) subject() string { return subject(o.verb, o.key) }

func subject(v history.Verb, key string) string { return string(v) + " " + key }

type opID struct {
	layer  history.Layer
	client string
	id     uint64
}

// ops pairs the calls of a layer with their returns, in the order of the calls.
func ops(events []history.Event, layer history.Layer) []*op {
	var all []*op
	open := make(map[opID]*op)
	for i, e := range events {
		if e.Layer != layer {
			continue
		}
		id := opID{e.Layer, e.Client, e.ID}
		switch e.Phase {
		case history.Call:
			o := &op{call: e, callAt: i, retAt: len(events) + i, client: e.Client, verb: e.Verb, key: e.Key}
			open[id] = o
			all = append(all, o)
		case history.Return:
			if o := open[id]; o != nil {
				o.ret, o.retAt, o.done = e, i, true
				delete(open, id)
			}
		}
	}
	return all
}

// only returns those of one kind.
func only(all []*op, kind history.Op) []*op {
	var some []*op
	for _, o := range all {
		if o.call.Op == kind {
			some = append(some, o)
		}
	}
	return some
}

// group sorts operations by what of tells, and returns the names in order.
func group(all []*op, of func(*op) string) (names []string, groups map[string][]*op) {
	groups = make(map[string][]*op)
	for _, o := range all {
		name := of(o)
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], o)
	}
	slices.Sort(names)
	return names, groups
}

// gather returns the events of several operations, in the order of time.
func gather(all ...*op) []history.Event {
	var events []history.Event
	for _, o := range all {
		events = append(events, o.events()...)
	}
	return history.Sorted(events)
}

// violation makes a Violation of events, from the first to the last of them.
func violation(rule, key string, events []history.Event, format string, args ...any) Violation {
	v := Violation{Rule: rule, Key: key, Text: fmt.Sprintf(format, args...), Events: events}
	if len(events) > 0 {
		v.From, v.To = events[0].T, events[len(events)-1].T
	}
	return v
}

// names reports whether a name of the seam can be that of a user's key: there, a
// prefix stands before it and the verb's suffix behind.
func names(seam string, v history.Verb, key string) bool {
	switch v {
	case history.Pool:
		key += "-pool"
	case history.Once:
		key += "-once"
	case history.Cached:
		key += "-cached"
	}
	return strings.HasSuffix(seam, key)
}
