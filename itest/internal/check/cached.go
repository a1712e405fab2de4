package check

import (
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

var cachedFresh = Rule{
	Name: "cached-fresh",
	Doc: "a cached function returns what one of its runs returned; not longer after that was stored than its TTL allows; " +
		"and not what a run returned that had begun before a Reset which was over when the function was called",
	Check: checkCached,
}

func checkCached(events []history.Event, cfg Config, r *Result) {
	var all []*op
	var saves []*op
	for _, o := range ops(events, history.User) {
		if o.verb == history.Cached || o.call.Op == history.Get {
			o.verb = history.Cached
			all = append(all, o)
		}
	}
	var failures []failure
	for i, e := range events {
		if e.Layer == history.User && e.Op == history.Failed {
			failures = append(failures, failure{i, e})
		}
	}
	for _, o := range ops(events, history.Seam) {
		if o.call.Op == opSave || o.call.Op == opSaveObject {
			saves = append(saves, o)
		}
	}
	keys, groups := group(all, (*op).subject)
	for _, key := range keys {
		r.Histories++
		c := newCacheHistory(groups[key], saves, cfg)
		c.failures = failures
		for _, g := range only(groups[key], history.Get) {
			if g.outcome() == history.OK && g.ret.Value != "" {
				c.judge(key, g, r)
			}
		}
	}
}

// cacheHistory is what happened to one key of a cached function.
type cacheHistory struct {
	cfg    Config
	runs   map[string]*op // by value
	gets   []*op
	resets []*op // those that are known to have been done
	saves  []*op

	failures []failure
}

// failure is a history.Failed and its place in the history.
type failure struct {
	at int
	e  history.Event
}

// blind reports whether the store failed the client during the operation: then it may
// have shared a run of its own instance, not knowing that another one has reset the key.
func (c *cacheHistory) blind(g *op) bool {
	for _, f := range c.failures {
		if f.e.Client == g.client && g.callAt < f.at && f.at < g.retAt && names(f.e.Key, history.Cached, g.key) {
			return true
		}
	}
	return false
}

func newCacheHistory(all, saves []*op, cfg Config) *cacheHistory {
	c := &cacheHistory{cfg: cfg, runs: make(map[string]*op), saves: saves, gets: only(all, history.Get)}
	for _, o := range only(all, history.Run) {
		if o.done && o.ret.Value != "" {
			c.runs[o.ret.Value] = o
		}
	}
	for _, o := range only(all, history.Reset) {
		if o.outcome() == history.OK {
			c.resets = append(c.resets, o)
		}
	}
	return c
}

// judge decides about one value that was returned.
func (c *cacheHistory) judge(key string, g *op, r *Result) {
	run := c.runs[g.ret.Value]
	if run == nil || run.callAt > g.retAt {
		r.Violations = append(r.Violations, violation("cached-fresh", key, gather(g), "value %q is none that a run had returned", g.ret.Value))
		return
	}
	if g.call.TTL > 0 {
		last := plus(plus(plus(c.written(run), g.call.TTL), g.call.Stale), c.cfg.Slack)
		last = plus(last, time.Duration(1+c.refreshes(run, g))*c.cfg.Late)
		if g.call.T > last {
			r.Violations = append(r.Violations, violation("cached-fresh", key, gather(run, g),
				"value %q was stored by %v and returned %v after that, its TTL is %v", g.ret.Value, c.written(run), g.call.T-c.written(run), g.call.TTL))
		}
	}
	for _, reset := range c.resets {
		if run.client == g.client && run.callAt < g.callAt && c.blind(g) {
			continue
		}
		if run.callAt < reset.callAt && reset.before(g) && (c.cfg.Slack == 0 || reset.ret.T+c.cfg.Slack < g.call.T) {
			r.overlap(violation("cached-fresh", key, gather(run, reset, g),
				"value %q, of a run that began before a Reset, was returned to a call after it", g.ret.Value), c.cfg)
			return
		}
	}
}

// refreshes counts the requests by which a refresh keeps the old result in its place, from
// a run until a Get: a reservation, and perhaps one to undo it.
func (c *cacheHistory) refreshes(run, g *op) int {
	n := 0
	for _, s := range c.saves {
		if s.callAt > run.retAt && s.callAt < g.retAt && names(s.key, history.Cached, run.key) &&
			s.outcome() == history.OK && s.call.TTL > reservationTTL {
			n += 2
		}
	}
	return n
}

// reservationTTL is how much longer than the old result a refresh's reservation lives.
const reservationTTL = time.Hour

// written is the latest moment at which a run's value can have been stored: the end of
// the first request after the run that saves under its key. (What is saved after that
// finds another version.) One of unknown outcome may arrive at any time.
func (c *cacheHistory) written(run *op) time.Duration {
	if len(c.saves) == 0 {
		return c.told(run)
	}
	for _, s := range c.saves {
		if s.callAt < run.retAt || !names(s.key, history.Cached, run.key) {
			continue
		}
		switch {
		case s.outcome() == history.OK:
			return s.end()
		case s.unknown() && s.client == run.client:
			return history.Forever
		}
	}
	return run.ret.T
}

// told is when all who waited for the run in its process had its value, which is after
// it was stored. Without a record of the seam that has to do.
func (c *cacheHistory) told(run *op) time.Duration {
	last := plus(run.ret.T, storeTimeout)
	for _, g := range c.gets {
		if g.client == run.client && g.callAt < run.retAt && g.outcome() == history.OK && g.ret.Value == run.ret.Value {
			last = max(last, g.ret.T)
		}
	}
	return last
}
