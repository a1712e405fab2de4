package itest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-cachify/cachify/itest/internal/check"
	"github.com/go-cachify/cachify/itest/internal/report"
)

// slack is how much later than promised a thing may be done on a busy machine.
const slack = 5 * time.Second

// countsText is "kill 2, stop 1".
func countsText(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, counts[k]))
	}
	return strings.Join(parts, ", ")
}

// run is what all rounds have in common.
type run struct {
	options
	engine  Engine
	starter *starter
	total   report.Totals
	kept    []string // where what shows violations is
}

// direct makes the run. The error may be an [*exitError].
func direct(engines []Engine, o options) error {
	e, ok := engineNamed(engines, o.Store)
	if !ok {
		return fmt.Errorf("no engine %q", o.Store)
	}
	r := &run{options: o, engine: e, starter: newStarter()}
	if o.Mounts {
		if err := privateMounts(); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r.say("%s, seed %d, %v in rounds of %v, %d clients", e.Name, o.Seed, o.Duration, o.Round, o.Clients)
	if o.Work == "" {
		return errors.New("there is no directory to work in")
	}
	defer func() { _ = os.RemoveAll(o.Work) }() // whoever started us may have been killed
	begun := time.Now()
	for n := o.First; o.Rounds == 0 || n < o.First+o.Rounds; n++ {
		if ctx.Err() != nil || o.FailFast && r.total.Violated() > 0 || n > o.First && time.Since(begun) >= o.Duration {
			break
		}
		if err := r.round(ctx, n); err != nil {
			if n == o.First {
				return err // there is nothing to tell
			}
			return errors.Join(err, r.end(time.Since(begun)))
		}
	}
	if err := r.end(time.Since(begun)); err != nil {
		return err
	}
	switch {
	case r.total.Violated() > 0:
		return &exitError{exitViolation}
	case ctx.Err() != nil:
		return &exitError{exitInterrupted}
	}
	return nil
}

// end writes the table.
func (r *run) end(took time.Duration) error {
	r.say("\n%s, seed %d, %v:", r.engine.Name, r.Seed, took.Round(time.Second))
	err := r.total.Write(os.Stderr)
	for _, path := range r.kept {
		r.say("kept: %s", path)
	}
	return err
}

func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// kinds are those of the faults that there are in this run.
func (r *run) kinds(i *Instance) ([]kind, error) {
	all := []kind{
		{name: killClient, client: true, loses: r.engine.KillLoses, longest: time.Second},
		{name: stopClient, client: true, longest: maxStop},
		{name: wallClock, client: true, longest: 2 * time.Second},
	}
	if r.engine.WallClocks {
		all = all[:len(all)-1]
	}
	for _, f := range i.Faults {
		all = append(all, kind{name: f.Kind, loses: f.Loses, longest: f.longest()})
	}
	if r.Faults == nil {
		return all, nil
	}
	var names []string
	for _, k := range all {
		names = append(names, k.name)
	}
	if !slices.Equal(r.Faults, []string{"none"}) {
		for _, name := range r.Faults {
			if !slices.Contains(names, name) {
				return nil, fmt.Errorf("-faults: %s has no %q here, but %s", r.engine.Name, name, strings.Join(names, ", "))
			}
		}
	}
	return slices.DeleteFunc(all, func(k kind) bool { return !slices.Contains(r.Faults, k.name) }), nil
}

// round makes one round and checks it. The error says that no round can be made.
func (r *run) round(ctx context.Context, n int) (err error) {
	one := &round{run: r, dir: filepath.Join(r.Work, fmt.Sprint(n)), prefix: fmt.Sprintf("r%d-", n), counts: make(map[string]int)}
	engineDir := one.path("engine")
	if err := os.MkdirAll(engineDir, 0o700); err != nil {
		return err
	}
	one.engine, err = r.engine.Start(ctx, engineDir)
	if err != nil {
		return fmt.Errorf("starting %s: %w", r.engine.Name, err)
	}
	open := true
	closeEngine := func() {
		if open {
			open = false
			one.failed("ending the engine", one.engine.close())
		}
	}
	defer closeEngine()
	kinds, err := r.kinds(one.engine)
	if err != nil {
		return err
	}
	one.plan = newPlan(r.Seed, n, r.Clients, r.Round, kinds)
	if err := one.do(ctx); err != nil && ctx.Err() == nil {
		return errors.Join(err, one.keep(r.Report))
	}
	closeEngine()
	return errors.Join(r.judge(one), os.RemoveAll(one.dir))
}

// ruleProcesses is the rule that all processes end as they should, and the engine is
// broken and mended as planned. No history tells of it.
const ruleProcesses = "processes"

// judge checks what happened in a round, says it in a line, and keeps what shows a
// violation.
func (r *run) judge(one *round) error {
	events, err := one.events()
	if err != nil {
		return err
	}
	begun := time.Now()
	result := check.Run(events, check.Config{Slack: slack, Poll: pollInterval, MayLose: one.plan.loses, Eager: true, End: one.healed})
	took := time.Since(begun)
	for _, f := range one.failures {
		result.Violations = append(result.Violations, check.Violation{Rule: ruleProcesses, Key: f.what, Text: f.err.Error()})
	}
	r.total.Add(events, result)
	line := fmt.Sprintf("round %d: %d events, %d operations", one.plan.round, len(events), result.Operations)
	line += ", faults: " + countsText(one.counts)
	if len(result.Overlaps) > 0 {
		line += fmt.Sprintf(", %d overlaps", len(result.Overlaps))
	}
	if len(result.Undecided) > 0 {
		line += fmt.Sprintf(", %d keys undecided", len(result.Undecided))
	}
	bad := len(result.Violations)
	line += fmt.Sprintf(", %d violations, checked in %v", bad, took.Round(time.Millisecond))
	r.say("%s", line)
	if bad == 0 {
		return nil
	}
	return r.show(one, events, &result)
}
