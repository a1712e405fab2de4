package demo

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// played is a small history with a kill, over two seconds.
func played() []Event {
	all := history("A wants lock", "A in lock 1", "B wants lock", "B queued lock", "A killed", "B in lock 2", "B out lock",
		"B wants pool", "B in pool 1", "B out pool")
	for i, at := range []int{0, 0, 500, 500, 1000, 1500, 1800, 1800, 1800, 2000} {
		all[i].At = time.Duration(at) * time.Millisecond
	}
	return all
}

func TestDraw(t *testing.T) {
	text := &strings.Builder{}
	h := played()
	if err := (Screen{Width: 47}).Draw(text, h, Check(h)); err != nil {
		t.Fatal(err)
	}
	const want = `lock, held by one at a time
    A ███████████████████✗░░░░░░░░░░
    B           ····················██████

pool of 3
    A                    ✗
    B                                     ████
 used 0000000000000000000000000000000000001111

      ╵0s                ╵1s

      · waits  █ is in  ✗ killed with -9
      ░ dead, its lease lasts

A was killed with -9 at 1.00s while it held
the lock; the next one had it 0.50s later,
when the lease was over.

✓ never two hold the lock: 2 times held, at
  most 1 at a time
✓ never more than 3 are in the pool: 1 times
  held, at most 1 at a time
✓ first come, first served: 0 pairs of one who
  waited and one who came later
✓ fences rise: 3 fences
`
	if got := text.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// It fits into any width, and looks the same without its colours.
func TestDrawFits(t *testing.T) {
	h := played()
	for width := 1; width < 200; width += 7 {
		plain, colored := &strings.Builder{}, &strings.Builder{}
		if err := errors.Join((Screen{Width: width}).Draw(plain, h, Check(h)), (Screen{Width: width, Color: true}).Draw(colored, h, Check(h))); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(plain.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > max(width, 40) {
				t.Errorf("width %d: %d characters: %q", width, n, line)
			}
		}
		if strings.Contains(plain.String(), "\x1b") || bare(colored.String()) != plain.String() {
			t.Errorf("width %d: the text depends on the colours", width)
		}
	}
}

// bare is text without colours.
func bare(s string) string {
	out := &strings.Builder{}
	for i, part := range strings.Split(s, "\x1b[") {
		if _, after, ok := strings.Cut(part, "m"); ok && i > 0 {
			part = after
		}
		out.WriteString(part)
	}
	return out.String()
}

// A fault is seen.
func TestDrawFault(t *testing.T) {
	h := history("A wants lock", "A in lock 2", "B wants lock", "B in lock 1", "A out lock", "B out lock")
	text, picture := &strings.Builder{}, &strings.Builder{}
	if err := errors.Join((Screen{Width: 200}).Draw(text, h, Check(h)), SVG(picture, h, Check(h))); err != nil {
		t.Fatal(err)
	}
	const fault = "A and B were inside at the same time"
	if !strings.Contains(text.String(), "✗ never two hold the lock: BROKEN: "+fault) || !strings.Contains(picture.String(), fault) {
		t.Errorf("it does not show in\n%s\n%s", text, picture)
	}
}

func TestSVG(t *testing.T) {
	h := played()
	picture := &strings.Builder{}
	if err := SVG(picture, h, Check(h)); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(picture.String())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, picture)
		}
	}
	for _, part := range []string{"prefers-color-scheme: dark", `class="inside"`, `class="orphan"`, `class="dead"`, "fences rise"} {
		if !strings.Contains(picture.String(), part) {
			t.Errorf("%s is not in %s", part, picture)
		}
	}
}
