package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMain lets the test's program be the children of what it tests.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		if err := serve(context.Background(), roles, os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// mayBeNothing are the groups in which a measurement can be 0 or, of what is there
// already, less.
var mayBeNothing = map[string]bool{"resources": true, "weight-10000": true, "weight-100000": true}

// All that is measured, for a moment only, so that it does not rot. The numbers mean
// nothing then: they have to be there, and to be shown.
func TestEverythingIsMeasured(t *testing.T) {
	var out strings.Builder
	d, err := measure(t.Context(), regexp.MustCompile("."), true, &out)
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range d.Groups {
		for _, r := range g.Rows {
			if len(r.Values) == 0 || math.IsNaN(r.Values[0]) || math.IsInf(r.Values[0], 0) || r.Values[0] <= 0 && !mayBeNothing[g.ID] {
				t.Errorf("%s, %s: %v", g.ID, r.Name, r.Values)
			}
			if r.Kind == peer && r.Version == "" {
				t.Errorf("%s, %s: no version", g.ID, r.Name)
			}
		}
		if g.Subject != "" && g.row(g.Subject+", again (A/A)") == nil {
			t.Errorf("%s: %s is not compared with itself", g.ID, g.Subject)
		}
	}
	for _, a := range aims {
		if _, ok := a.found(d); !ok {
			t.Errorf("aim %q: nothing was measured for it", a.what)
		}
	}
	docs := t.TempDir()
	if err := os.Mkdir(filepath.Join(docs, chartsName), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := d.write(dataFile(docs)); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-render", "-docs", docs}, io.Discard); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(docs, pageName))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range d.Groups {
		if !strings.Contains(string(page), g.Title) {
			t.Errorf("the page does not show %q", g.Title)
		}
		checkXML(t, filepath.Join(docs, chartsName, g.ID+".svg"))
	}
}

func checkXML(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for dec := xml.NewDecoder(f); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.0012: "0.0012", 0.85: "0.85", 1: "1", 9.876: "9.88", 12.34: "12.3", 123.4: "123", 1234.5: "1,234", 12345678: "12,345,678",
		-1234: "-1,234", -234567: "-234,567", endless: "∞",
	} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestRatioIsTakenRoundByRound(t *testing.T) {
	a, b := &Row{Values: []float64{10, 40, 30}}, &Row{Values: []float64{10, 20, 10}}
	if got, want := ratio(a, b), (spread{2, 1, 3}); got != want {
		t.Errorf("ratio = %v, want %v", got, want)
	}
}
