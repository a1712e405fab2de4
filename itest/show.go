package itest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-cachify/cachify/itest/internal/check"
	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/itest/internal/report"
)

// show keeps what a round with violations left behind, and says what they are.
func (r *run) show(one *round, events []history.Event, result *check.Result) error {
	dir := one.reportDir(r.Report)
	if err := one.keep(r.Report); err != nil {
		return err
	}
	r.kept = append(r.kept, dir)
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%s, round %d of seed %d: the same plan again by -store %s -seed %d -first %d -rounds 1 -round %v -clients %d",
		r.engine.Name, one.plan.round, r.Seed, r.engine.Name, r.Seed, one.plan.round, r.Round, r.Clients)
	if r.Faults != nil {
		_, _ = fmt.Fprintf(&text, " -faults %s", strings.Join(r.Faults, ","))
	}
	text.WriteString("\n\nfaults:\n")
	for _, b := range one.plan.breaks {
		_, _ = fmt.Fprintf(&text, "  %v\n", b)
	}
	var failed error
	shown := make(map[string]int) // by rule
	for i, v := range result.Violations {
		line := fmt.Sprintf("%s of %s: %s", v.Rule, v.Key, v.Text)
		if i < mostLines {
			r.say("  %s", line)
		}
		_, _ = fmt.Fprintf(&text, "\n%s\n", line)
		if v.Rule == ruleProcesses || shown[v.Rule] >= mostWindows {
			continue
		}
		shown[v.Rule]++
		base := filepath.Join(dir, fmt.Sprintf("violation-%d", i+1))
		failed = errors.Join(failed, drawn(base+".txt", events, v, report.Window), drawn(base+".svg", events, v, report.SVG))
	}
	if more := len(result.Violations) - mostLines; more > 0 {
		r.say("  and %d more", more)
	}
	r.say("  %s", dir)
	return errors.Join(failed, os.WriteFile(filepath.Join(dir, "report.txt"), []byte(text.String()), 0o600))
}

// mostLines is how many violations of one round are told at once.
const mostLines = 5

// mostWindows is how many violations of one rule in one round are shown each by itself.
const mostWindows = 5

// drawn writes a file about one violation.
func drawn(path string, events []history.Event, v check.Violation, draw func(io.Writer, []history.Event, check.Violation) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return draw(f, events, v)
}

// reportDir is where what shows the violations of a round is kept.
func (r *round) reportDir(report string) string {
	return filepath.Join(report, fmt.Sprintf("%s-%d-round-%d", r.run.engine.Name, r.run.Seed, r.plan.round))
}

// keep copies the histories, and what processes said on their error output.
func (r *round) keep(report string) error {
	to := r.reportDir(report)
	if err := os.RemoveAll(to); err != nil { // of the same round, made again
		return err
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if ext != ".jsonl" && ext != ".err" {
			continue
		}
		text, err := os.ReadFile(r.path(e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(text) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
