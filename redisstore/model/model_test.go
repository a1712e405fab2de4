// Package model_test checks the model of the hand-off with Spin.
package model_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// timeout is for one search, which takes seconds; it is there for a machine that
// hangs.
const timeout = 10 * time.Minute

// served is the claim over time; the other properties are assertions.
const served = "served"

// The model as it should be: no property is broken, in any of its states.
var runs = []struct {
	name    string
	defines string
	claim   string // empty: the assertions
}{
	{"lock, two clients, faults", "FAULTS=2 QUITS=1 SLOW=1", ""},
	{"lock, two clients, a crash", "FAULTS=1 SLOW=1 CRASHES=1", ""},
	{"lock, two clients, force", "FAULTS=1 FORCE=1", ""},
	{"lock, two clients, foreign programs", "QUITS=1 FORCE=1 FOREIGN=1", ""},
	{"lock, three clients, a fault", "CLIENTS=3 FAULTS=1 QUITS=1", ""},
	{"lock, three clients, one is slow", "CLIENTS=3 SLOW=1", ""},
	{"lock, three clients, force", "CLIENTS=3 FORCE=1", ""},
	{"lock, three clients, a crash", "CLIENTS=3 CRASHES=1 QUITS=1", ""},
	{"pool, three clients", "CLIENTS=3 LIMIT=2 SLOW=1", ""},
	{"pool, the first wants two", "CLIENTS=3 LIMIT=2 HEAVY=0 FAULTS=1 QUITS=1", ""},
	{"pool, the second wants two", "CLIENTS=3 LIMIT=2 HEAVY=1 FAULTS=1 QUITS=1", ""},
	{"pool, the third wants two", "CLIENTS=3 LIMIT=2 HEAVY=2 FAULTS=1 QUITS=1", ""},

	{"lock, two clients, faults, over time", "FAULTS=1 QUITS=1 SLOW=1", served},
	{"lock, two clients, a crash, over time", "FAULTS=1 CRASHES=1 FOREIGN=1", served},
	{"lock, three clients, over time", "CLIENTS=3 FAULTS=1", served},
	{"pool, the second wants two, over time", "CLIENTS=3 LIMIT=2 HEAVY=1 FAULTS=1 WATCHED=1", served},
	{"pool, the third wants two, over time", "CLIENTS=3 LIMIT=2 HEAVY=2 FAULTS=1", served},
}

// The model with one thing broken: the property is the first to be found broken.
var variants = []struct {
	name     string
	defines  string
	property string
}{
	{"RELEASE_OF_ANYONE", "CLIENTS=3", "two_believe"},
	{"CLOCK_FROM_HEARING", "SLOW=1", "two_believe"},
	{"EXTEND_RECREATES", "FORCE=1", "overfull"},
	{"FENCE_KEPT", "", "fence_fell"},
	{"HEAD_SKIPPED", "CLIENTS=3", "overtaken"},
	{"MISFIT_PASSED", "CLIENTS=3 LIMIT=2 HEAVY=1", "overtaken"},
	{"NEWCOMER_OVERTAKES", "CLIENTS=3 LIMIT=2 HEAVY=1", "overtaken"},
	{"LOOK_DOES_NOT_SERVE", "", "left_free"},
	{"LEAVE_KEEPS_THE_LEASE", "QUITS=1", "stranded"},
	{"LEAVE_ONCE", "FAULTS=1 QUITS=1", "stranded"},
	{"NO_SECOND_UNDO", "FAULTS=1", "stranded"},
	{"LOST_NOT_UNDONE", "FAULTS=1 FORCE=1", "stranded"},
	{"TOO_LATE_NOT_UNDONE", "FAULTS=1 SLOW=1", "stranded"},
	{"SECOND_PLACE_UNMARKED", "SLOW=1", "stranded"},
	{"PUSHES_ONLY", "", served},
	{"NO_SECOND_PLACE", "SLOW=1", served},
}

func TestTheHandOff(t *testing.T) {
	for _, r := range runs {
		t.Run(r.name, func(t *testing.T) {
			if broken := searchOnce(t, r.defines, r.claim); broken != "" {
				t.Errorf("%s is broken", broken)
			}
		})
	}
}

func TestBrokenHandOffsAreCaught(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			claim := ""
			if v.property == served {
				claim = served
			}
			if broken := search(t, v.name+" "+v.defines, claim); broken != v.property {
				t.Errorf("%q is broken, want %q", broken, v.property)
			}
			if broken := searchOnce(t, v.defines, claim); broken != "" {
				t.Errorf("without the mistake %q is broken: that proves nothing", broken)
			}
		})
	}
}

// Each word that builds a mistake in is in the list, and the other way round.
func TestVariantsAreComplete(t *testing.T) {
	text, err := os.ReadFile("handoff.pml")
	if err != nil {
		t.Fatal(err)
	}
	inModel := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^#\s*(?:ifdef|elif|if defined).*$|^#ifndef \w+_\w+$`).FindAllString(string(text), -1) {
		for _, word := range regexp.MustCompile(`\b[A-Z]+(?:_[A-Z]+)+\b`).FindAllString(line, -1) {
			inModel[word] = true
		}
	}
	for _, v := range variants {
		if !inModel[v.name] {
			t.Errorf("%s is not in the model", v.name)
		}
		delete(inModel, v.name)
	}
	for word := range inModel {
		t.Errorf("%s is not in the list of this file", word)
	}
}

var (
	stored   = regexp.MustCompile(`(?m)^ *(\S+) states, stored`)
	violated = regexp.MustCompile(`(?m)^pan:\d+: (.*?)(?: \(at depth \d+\))?$`)
)

// found is what searches have found. Several variants are built into the same model.
var found = map[string]string{}

// searchOnce is search, or what it has found before.
func searchOnce(t *testing.T, defines, claim string) string {
	t.Helper()
	key := defines + " " + claim
	broken, ok := found[key]
	if !ok {
		broken = search(t, defines, claim)
		found[key] = broken
	}
	return broken
}

// search goes through all states, and returns the property that is broken, if one
// is.
func search(t *testing.T, defines, claim string) string {
	t.Helper()
	model, err := filepath.Abs("handoff.pml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"-a"}
	for d := range strings.FieldsSeq(defines) {
		args = append(args, "-D"+d)
	}
	spin, err := exec.LookPath("spin")
	if err != nil {
		t.Fatal("the model is checked by Spin: apt-get install spin")
	}
	run(t, dir, spin, append(args, model)...)

	compile := []string{"-O0", "-w", "-o", "pan", "pan.c"}
	check := []string{"-n", "-m100000"}
	if strings.Contains(defines, "CLIENTS=3") || len(defines) > len("FAULTS=1 SLOW=1") {
		compile[0] = "-O1" // many states: faster in all
	}
	if claim == "" {
		compile = append([]string{"-DSAFETY", "-DNOCLAIM"}, compile...)
	} else {
		compile = append([]string{"-DNFAIR=4"}, compile...)
		check = append(check, "-a", "-f", "-N", claim)
	}
	run(t, dir, compiler(t), compile...)

	begun := time.Now()
	out := run(t, dir, filepath.Join(dir, "pan"), check...)
	states := stored.FindStringSubmatch(out)
	if states == nil || strings.Contains(out, "max search depth too small") || strings.Contains(out, "out of memory") {
		t.Fatalf("the search was not complete:\n%s", out)
	}
	n, err := strconv.ParseFloat(states[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %.0f states, %v", strings.TrimSpace(defines+" "+claim), n, time.Since(begun).Round(10*time.Millisecond))
	return broken(out, claim)
}

// broken reads what pan found.
func broken(out, claim string) string {
	found := violated.FindStringSubmatch(out)
	switch {
	case found == nil && strings.Contains(out, "errors: 0"):
		return ""
	case found == nil:
		return "unknown: " + out
	case claim != "" && strings.HasPrefix(found[1], "acceptance cycle"):
		return claim
	}
	return strings.TrimSuffix(strings.TrimPrefix(found[1], "assertion violated  !("), ")")
}

func compiler(t *testing.T) string {
	t.Helper()
	cc := strings.TrimSpace(run(t, ".", "go", "env", "CC"))
	path, err := exec.LookPath(cc)
	if err != nil {
		t.Fatalf("Spin needs a C compiler, and there is no %s: apt-get install gcc libc6-dev", cc)
	}
	return path
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out.String())
	}
	return out.String()
}
