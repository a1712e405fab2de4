package storetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const (
	// long is a time to live, or a patience, that no rule sees the end of.
	long = 10 * time.Minute

	// patient is how long the suite waits for what a sound store does at once.
	patient = 20 * time.Second

	maxFence = 1<<53 - 1
)

// probe is the inside of a rule: it asks the store and stops the rule at the first
// answer that is not the promised one. Stopping is a panic with a *stop, as the
// standard library's parsers do it; it never leaves [rule].
type probe struct {
	*Env
	ctx context.Context
	me  *driver.Client
}

type stop struct{ err error }

// slowError says that the rule itself took so long that it cannot tell.
type slowError struct{ err error }

func (e *slowError) Error() string { return "too slow to tell: " + e.err.Error() }
func (e *slowError) Unwrap() error { return e.err }

// rule makes a Check of f.
func rule(f func(p *probe)) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		return stopped(func() { f(&probe{Env: e, ctx: ctx, me: driver.NewClient()}) })
	}
}

// stopped runs f and returns the error that f stopped with.
func stopped(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *stop:
			err = r.err
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// failf stops the rule.
func (p *probe) failf(format string, args ...any) {
	panic(&stop{fmt.Errorf(where()+format, args...)})
}

// where returns the place in the rule that is being checked: the innermost frame
// of a function in a list of rules, which is part of the package's initialisation.
func where() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		file := filepath.Base(f.File)
		if strings.HasPrefix(file, "rules_") && strings.Contains(f.Function, ".init.") {
			return fmt.Sprintf("%s:%d: ", file, f.Line)
		}
		if !more {
			return ""
		}
	}
}

// failUnlessOver is failf for something that is only wrong until ttl after before.
// If that has passed, the rule was too slow.
func (p *probe) failUnlessOver(before time.Time, ttl time.Duration, format string, args ...any) {
	if time.Since(before) >= ttl {
		panic(&stop{&slowError{fmt.Errorf(where()+format, args...)}})
	}
	p.failf(format, args...)
}

// ok stops the rule unless err is nil.
func (p *probe) ok(err error, what string) {
	if err != nil {
		p.failf("%s: %w", what, err)
	}
}

// is stops the rule unless err is target.
func (p *probe) is(err, target error, what string) {
	if !errors.Is(err, target) {
		p.failf("%s: got error %v, want %v", what, show(err), target)
	}
}

// invalid stops the rule unless err is ErrInvalid.
func (p *probe) invalid(err error, format string, args ...any) {
	p.is(err, driver.ErrInvalid, fmt.Sprintf(format, args...))
}

func show(err error) string {
	if err == nil {
		return "none"
	}
	return fmt.Sprintf("%q", err.Error())
}

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

// late is how much later than its time something may be over.
func (p *probe) late() time.Duration { return p.Resolution + p.Slack }

// step is how often the suite asks again while it waits.
func (p *probe) step() time.Duration { return max(time.Millisecond, p.Unit/20) }

// eventually asks until is returns true.
func (p *probe) eventually(what string, is func() bool) {
	for end := time.Now().Add(patient); !is(); p.sleep(p.step()) {
		if time.Now().After(end) {
			p.failf("%s: not after %v", what, patient)
		}
	}
}

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

// ends checks that something that began within s is over after ttl: not earlier,
// and not later than the store's resolution and the slack allow.
func (p *probe) ends(s span, ttl time.Duration, what string, over func() bool) {
	deadline := s.to.Add(ttl + p.late())
	for {
		asked := time.Now()
		isOver := over()
		if isOver {
			if lasted := time.Since(s.from); lasted < ttl {
				p.failf("%s: over after %v at most, want %v", what, lasted, ttl)
			}
			return
		}
		if !asked.Before(deadline) {
			p.failf("%s: not over after %v, want %v", what, asked.Sub(s.to), ttl)
		}
		p.sleep(min(p.step(), time.Until(deadline)))
	}
}

// remains checks that a remaining time, told within told, is what is left of a ttl
// that began within s.
func (p *probe) remains(s, told span, ttl, remaining time.Duration, what string) {
	if ttl == driver.NoExpiry || remaining == driver.NoExpiry {
		if ttl != remaining {
			p.failf("%s: %v remain, want %v", what, remaining, ttl)
		}
		return
	}
	slack := 2 * p.Resolution // the end is rounded, and so is the reading
	most := ttl - told.from.Sub(s.to) + slack
	least := ttl - told.to.Sub(s.from) - slack
	if remaining > most || remaining < least {
		p.failf("%s: %v remain, want %v to %v", what, remaining, max(0, least), most)
	}
}

// together runs f n times at once and stops the rule with what stopped the first
// of them.
func (p *probe) together(n int, f func(p *probe, i int)) {
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	for i := range n {
		wg.Go(func() {
			q := &probe{Env: p.Env, ctx: ctx, me: p.me}
			if err := stopped(func() { f(q, i) }); err != nil {
				once.Do(func() { first = err; cancel(err) })
			}
		})
	}
	wg.Wait()
	if first != nil {
		panic(&stop{first})
	}
}
