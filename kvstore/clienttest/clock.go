package clienttest

import (
	"context"
	"fmt"
	"time"
)

// span is the time in which something happened: the request was sent after its
// beginning, and the reply had come by its end.
type span struct{ from, to time.Time }

// during returns the span of f.
func during(f func()) span {
	s := span{from: time.Now()}
	f()
	s.to = time.Now()
	return s
}

// ttl is a time to live that runs out during a rule. It is no multiple of the
// resolution, so a client that rounds down ends it too early.
func (p *probe) ttl() time.Duration { return p.Unit + p.Resolution/2 }

// late is how much later than its time a value may end.
func (p *probe) late() time.Duration { return p.Resolution + p.Slack }

// sleep lets d pass.
func (p *probe) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
		p.failf("the rule ran out of time: %w", context.Cause(p.ctx))
	}
}

// sleepUntilOver sleeps until a value whose ttl began within s has to be over.
func (p *probe) sleepUntilOver(s span, ttl time.Duration) {
	p.sleep(time.Until(s.to.Add(ttl + p.late())))
}

// failUnlessOver is failf for something that is only wrong until ttl after the
// beginning of s. If that has passed, the rule was too slow.
func (p *probe) failUnlessOver(s span, ttl time.Duration, format string, args ...any) {
	if time.Since(s.from) >= ttl {
		panic(&stop{&slowError{fmt.Errorf(format, args...)}})
	}
	p.failf(format, args...)
}

// ends checks that a value whose ttl began within s is over in time: not earlier, and
// not later than the client's resolution and the slack allow.
func (p *probe) ends(key string, s span, ttl time.Duration, what string) {
	deadline := s.to.Add(ttl + p.late())
	step := max(time.Millisecond, ttl/20)
	for {
		asked := time.Now()
		if _, ok := p.get(key); !ok {
			if lasted := time.Since(s.from); lasted < ttl {
				p.failf("%s is over after %v at most, want %v", what, lasted, ttl)
			}
			return
		}
		if !asked.Before(deadline) {
			p.failf("%s is not over after %v, want %v", what, asked.Sub(s.to), ttl)
		}
		p.sleep(min(step, p.untilNextLook(s, ttl), time.Until(deadline)))
	}
}

// untilNextLook is the time until just before the end, when a value whose time was
// rounded down is over already, or long if that moment has passed.
func (p *probe) untilNextLook(s span, ttl time.Duration) time.Duration {
	if d := time.Until(s.from.Add(ttl - p.Resolution/4)); d > 0 {
		return d
	}
	return long
}
