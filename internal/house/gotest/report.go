package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of "go test -json", see "go doc test2json".
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

// report turns events into text and counts.
type report struct {
	w       io.Writer
	running map[string]*suite
	passed  int
	failed  int
	skipped []string
}

// suite is a package whose tests run.
type suite struct {
	output []string            // what belongs to no test
	tests  map[string][]string // what tests that have not ended said
	order  []string
	failed bool // a test has failed, so that the package's failure is no news
}

func newReport(w io.Writer) *report {
	return &report{w: w, running: make(map[string]*suite)}
}

// read takes events until the end of in. Lines that are none are passed on.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) != nil:
			r.print(string(line))
		default:
			r.add(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) add(e event) {
	switch {
	case e.Action == "build-output":
		r.print(e.Output)
	case e.Package == "":
	case e.Test == "":
		r.addPackage(r.suite(e.Package), e)
	default:
		r.addTest(r.suite(e.Package), e)
	}
}

func (r *report) suite(pkg string) *suite {
	s := r.running[pkg]
	if s == nil {
		s = &suite{tests: make(map[string][]string)}
		r.running[pkg] = s
	}
	return s
}

func (r *report) addPackage(s *suite, e event) {
	switch e.Action {
	case "output":
		s.output = append(s.output, e.Output)
	case "pass", "skip": // skip: it has no tests
		for _, line := range s.output {
			if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? ") || strings.HasPrefix(line, "\t") {
				r.print(line)
			}
		}
		delete(r.running, e.Package)
	case "fail":
		for _, name := range s.order { // those that a panic or the timeout cut off
			if lines, ok := s.tests[name]; ok {
				r.print(lines...)
			}
		}
		r.print(s.output...)
		if !s.failed {
			r.failed++
		}
		delete(r.running, e.Package)
	}
}

func (r *report) addTest(s *suite, e event) {
	switch e.Action {
	case "run":
		s.order = append(s.order, e.Test)
		s.tests[e.Test] = nil
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			s.tests[e.Test] = append(s.tests[e.Test], e.Output)
		}
	case "pass":
		r.passed++
		delete(s.tests, e.Test)
	case "fail":
		r.failed++
		s.failed = true
		r.print(verdictFirst(s.tests[e.Test])...)
		delete(s.tests, e.Test)
	case "skip":
		r.failed++
		said := strings.Join(strings.Fields(strings.Join(s.tests[e.Test], " ")), " ")
		r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, said))
		delete(s.tests, e.Test)
	}
}

// verdictFirst puts the line with the verdict before what the test said, where it
// stands without -json.
func verdictFirst(lines []string) []string {
	i := slices.IndexFunc(lines, func(line string) bool {
		return strings.HasPrefix(strings.TrimLeft(line, " "), "--- FAIL")
	})
	if i < 0 {
		return lines
	}
	return slices.Concat(lines[i:i+1], lines[:i], lines[i+1:])
}

// finish prints the last line, and returns an error unless all is well. err is how
// go test ended.
func (r *report) finish(err error) error {
	if err != nil && r.failed == 0 {
		r.failed++
	}
	for _, s := range r.skipped {
		r.print("SKIPPED ", s, "\n")
	}
	r.print(fmt.Sprintf("%d passed, %d failed\n", r.passed, r.failed))
	switch {
	case len(r.skipped) > 0:
		return fmt.Errorf("%d tests were skipped: a test runs, or is not there", len(r.skipped))
	case err != nil:
		return fmt.Errorf("go test: %w", err)
	case r.failed > 0:
		return fmt.Errorf("%d tests failed", r.failed)
	case r.passed == 0:
		return errors.New("there was no test to run")
	}
	return nil
}

func (r *report) print(lines ...string) {
	for _, line := range lines {
		_, _ = io.WriteString(r.w, line)
	}
}
