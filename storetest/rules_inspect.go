package storetest

import (
	"context"
	"regexp"
	"slices"

	"github.com/go-cachify/cachify/driver"
)

var inspectRules = []Rule{
	{
		Name:     "names",
		Explains: "Names lists, in order and without repeating, the names with the prefix that somebody holds, exactly as they were given, and at most as many as were asked for.",
		Needs:    NeedInspect,
		Check: rule(func(p *probe) {
			prefix := p.Name() + "/"
			p.names(prefix, 10)
			want := []string{prefix + "a", prefix + "a b", prefix + "b*", prefix + "c", prefix + "d"}
			for _, i := range []int{3, 0, 4, 2, 1} {
				p.acquire(p.lock(want[i]))
			}
			p.acquire(p.lock(p.Name()))
			p.names(prefix, 10, want...)
			p.names(prefix, 5, want...)
			p.names(prefix, 2, want[:2]...)
			p.names(prefix+"a", 10, want[:2]...)
			p.names(prefix+"b*", 10, want[2])
			p.names(prefix+"*", 10)
			p.names(prefix+"?", 10)
		}),
	},
	{
		Name:     "names-free",
		Explains: "Names does not list what nobody holds any more, be it released, evicted or run out.",
		Needs:    NeedInspect,
		Check: rule(func(p *probe) {
			prefix := p.Name() + "/"
			p.release(p.acquire(p.lock(prefix + "released")))
			p.acquire(p.lock(prefix + "evicted"))
			p.evict(prefix + "evicted")
			p.acquire(p.lock(prefix + "held"))
			granted := during(func() { p.acquire(lasting(p.lock(prefix+"expires"), p.Unit)) })
			p.ends(granted, p.Unit, "a name in the list", func() bool {
				names, err := p.Caps.Inspect.Names(p.ctx, prefix, 10)
				p.ok(err, "Names")
				return !slices.Contains(names, prefix+"expires")
			})
			p.names(prefix, 10, prefix+"held")
		}),
	},
	{
		Name:     "ping",
		Explains: "Ping says that the engine answers when it does.",
		Needs:    NeedPing,
		Check: rule(func(p *probe) {
			p.ok(p.Caps.Ping.Ping(p.ctx), "Ping")
			ctx, cancel := context.WithCancel(p.ctx)
			cancel()
			p.is(p.Caps.Ping.Ping(ctx), context.Canceled, "Ping with a cancelled ctx")
		}),
	},
	{
		Name:     "examine",
		Explains: "Examine changes nothing, and each finding has what a person and a program need: a severity, a code in lower case with hyphens, a problem and an advice.",
		Needs:    NeedDoctor,
		Check: rule(func(p *probe) {
			name, key := p.Name(), p.Key()
			g := p.acquire(p.lock(name))
			v := p.save(key, "value", forLong)
			found, err := p.Caps.Doctor.Examine(p.ctx)
			p.ok(err, "Examine")
			for _, f := range found {
				p.wellFormed(f)
			}
			p.holds(name, g)
			p.has(key, "value", v)
		}),
	},
}

var findingCode = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// wellFormed checks one finding.
func (p *probe) wellFormed(f driver.Finding) {
	switch {
	case f.Severity < driver.SeverityInfo || f.Severity > driver.SeverityDanger:
		p.failf("the finding %q has %v, want one of the constants", f.Code, f.Severity)
	case !findingCode.MatchString(f.Code):
		p.failf("a finding has the code %q, want lower case with hyphens", f.Code)
	case f.Problem == "" || f.Advice == "":
		p.failf("the finding %q has the problem %q and the advice %q, want both", f.Code, f.Problem, f.Advice)
	}
}

// names checks what Names lists.
func (p *probe) names(prefix string, limit int, want ...string) {
	got, err := p.Caps.Inspect.Names(p.ctx, prefix, limit)
	p.ok(err, "Names")
	if !slices.Equal(got, want) {
		p.failf("Names(%q, %d) lists %q, want %q", prefix, limit, got, want)
	}
}
