//go:build linux

package main_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// full makes the counter test as large as README's: 50 processes, 200 times each.
var full = flag.Bool("full", false, "50 processes × 200 increments, for minutes")

// started is what a call of many may end with.
type started struct {
	result
	n int
}

// atOnce starts n calls at the same time and returns how they ended.
func (h *host) atOnce(n int, args ...string) []started {
	h.Helper()
	ends := make([]started, n)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range ends {
		wg.Go(func() {
			<-gate
			out, errs := &strings.Builder{}, &strings.Builder{}
			cmd := h.command(args...)
			cmd.Stdout, cmd.Stderr = out, errs
			ends[i] = started{result{h.code(cmd.Run()), out.String(), errs.String()}, i}
		})
	}
	close(gate)
	wg.Wait()
	return ends
}

// As cron does on many machines: all start at the same time, and one runs.
func TestManyStartsOneRuns(t *testing.T) {
	const starts = 200
	for _, c := range []struct {
		args    []string
		skipped int
	}{
		{[]string{"once", "nightly", "-x", "10m", "--min-hold", "5m"}, 0},
		{[]string{"lock", "nightly", "-x", "10m", "--min-hold", "5m"}, 75},
	} {
		h := newHost(t)
		h.write("runs", "")
		ran := 0
		for _, s := range h.atOnce(starts, append(c.args, "--", "sh", "-c", "echo ran | tee -a runs")...) {
			switch {
			case s.out == "ran\n" && s.code == 0:
				ran++
			case s.out != "" || s.code != c.skipped:
				t.Errorf("%v: got %+v", c.args, s)
			}
		}
		if ran != 1 || h.read("runs") != "ran\n" {
			t.Errorf("%v: %d of %d ran: %q", c.args, ran, starts, h.read("runs"))
		}
	}
}

// increment adds one to the counter, in steps that another could get between, unless
// the name $0 is in it: then it was done before a kill. Who is found inside must not
// live any more. The file is replaced in one step, so that the number and the names
// agree. Only what runs has a fence.
const increment = `
if read -r pid <inside && ! grep -qs '^State:.Z' /proc/$pid/status && test -d /proc/$pid; then
	echo "$pid was inside with $$" >>faults
fi 2>/dev/null
echo $$ >inside
echo "$CACHIFY_FENCE" >>fences
if ! grep -qx "$0" counter; then
	read -r n <counter
	{ echo $((n + 1)); tail -n +2 counter; echo "$0"; } >counter.new
	mv counter.new counter
fi
test "$1" = stay && echo >"$0" && sleep 1000
rm inside
`

// A plain file counts right under a lock for which many wait, and of which every tenth
// is killed with -9, at any moment, and then started again.
func TestCounter(t *testing.T) {
	workers, each := 12, 8
	if *full {
		workers, each = 50, 200
	}
	h := newHost(t)
	h.write("counter", "0\n")
	begun := time.Now()
	var kills atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				name := fmt.Sprintf("increment-%d-%d", w, i)
				if rand.N(10) == 0 {
					kills.Add(1)
					h.killed(name)
				}
				for code := 76; code == 76; { // the lease was lost, on a machine that is too slow for it
					r := h.run("lock", "counter", "--wait", "-x", "1s", "--", "sh", "-c", increment, name)
					if code = r.code; code != 0 {
						t.Logf("%s ended with %d: %s", name, code, r.err)
					}
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d increments by %d processes at a time, and %d kills, in %v", workers*each, workers, kills.Load(), time.Since(begun))
	lines := strings.Fields(h.read("counter"))
	if lines[0] != strconv.Itoa(workers*each) || len(lines) != 1+workers*each {
		t.Errorf("the counter is %s and has %d names, not %d", lines[0], len(lines)-1, workers*each)
	}
	if faults := h.read("faults"); faults != "" {
		t.Error(faults)
	}
	last := uint64(0)
	for f := range strings.FieldsSeq(h.read("fences")) {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil || n <= last {
			t.Fatalf("the fence %q came after %d", f, last)
		}
		last = n
	}
}

// killed starts an increment and kills it with -9: every fourth as the holder, the
// others at a moment that nobody knows.
func (h *host) killed(name string) {
	holder := rand.N(4) == 0
	stay := "go"
	if holder {
		stay = "stay"
	}
	cmd := h.command("lock", "counter", "--wait", "-x", "1s", "--", "sh", "-c", increment, name, stay)
	if err := cmd.Start(); err != nil {
		h.Error(err)
		return
	}
	if holder {
		eventually(h, name+" holds the lock", func() bool { return h.read(name) != "" })
		_ = cmd.Process.Kill()
	} else {
		defer time.AfterFunc(rand.N(100*time.Millisecond), func() { _ = cmd.Process.Kill() }).Stop()
	}
	_ = cmd.Wait()
}
