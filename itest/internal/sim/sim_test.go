package sim

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/itest/internal/check"
	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/itest/internal/report"
)

var (
	schedules = flag.Int("schedules", 0, "how many schedules TestSchedules runs; 0: as many as suit make test")
	seed      = flag.Int64("seed", 0, "the first seed; 0: 1")
	tries     = flag.Int("tries", 100, "how often TestReplay runs the seed until something is wrong")
	printAll  = flag.Bool("full", false, "TestReplay prints the whole history")
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // histories are short-lived, and there are many
	goleak.VerifyTestMain(m)
}

// once runs one schedule in a bubble of its own.
func once(t *testing.T, seed int64, wrap func(driver.Store) driver.Store) (out Outcome) {
	synctest.Test(t, func(*testing.T) { out = Run(seed, wrap) })
	return out
}

// judge applies all rules, and one that a history does not tell of.
func judge(out Outcome) check.Result {
	r := check.Run(out.Events, out.Check)
	for _, name := range out.Stuck {
		r.Violations = append(r.Violations, check.Violation{
			Rule: "ends", Key: name, Text: fmt.Sprintf("the client was not done %v after the faults", patience),
		})
	}
	return r
}

func firstSeed() int64 {
	if *seed == 0 {
		return 1
	}
	return *seed
}

// Whatever a store and a network do, the promises are kept.
func TestSchedules(t *testing.T) {
	n := *schedules
	if n == 0 {
		n = defaultSchedules
	}
	begun := time.Now()
	var s summary
	var next atomic.Int64
	next.Store(firstSeed())
	last := firstSeed() + int64(n)
	t.Run("", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1) - 1; seed < last && s.failed() < 5; seed = next.Add(1) - 1 {
					out := once(t, seed, nil)
					result := judge(out)
					s.add(out, result)
					if len(result.Violations) > 0 {
						t.Error(describe(out, result))
					}
				}
			})
		}
	})
	t.Logf("%v\nseeds %d to %d in %v", &s, firstSeed(), last-1, time.Since(begun).Round(time.Millisecond))
}

// summary is what many schedules were.
type summary struct {
	mu         sync.Mutex
	schedules  int
	operations int
	events     int
	histories  int
	undecided  int
	violated   int
	counts     faultstore.Counts
	breaks     map[BreakKind]int
	excused    map[string]int // schedules
	overlaps   map[string]int
}

func (s *summary) failed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.violated
}

func (s *summary) add(out Outcome, r check.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.breaks == nil {
		s.breaks, s.excused, s.overlaps = map[BreakKind]int{}, map[string]int{}, map[string]int{}
	}
	s.schedules++
	s.operations += r.Operations
	s.events += len(out.Events)
	s.histories += r.Histories
	s.undecided += len(r.Undecided)
	s.counts = s.counts.Add(out.Counts)
	for _, b := range out.Plan.Breaks {
		s.breaks[b.Kind]++
	}
	if out.Plan.MayLose {
		s.excused[out.Plan.Excused]++
		s.overlaps[out.Plan.Excused] += len(r.Overlaps)
	}
	if len(r.Violations) > 0 {
		s.violated++
	}
}

func (s *summary) String() string {
	return fmt.Sprintf("%d schedules, %d violated; %d operations, %d events, %d histories, %d undecided\n%v\nbreaks %v; schedules that may overlap %v, overlaps in them %v",
		s.schedules, s.violated, s.operations, s.events, s.histories, s.undecided, s.counts, s.breaks, s.excused, s.overlaps)
}

// describe tells what is wrong with a schedule, and how to see it again.
func describe(out Outcome, r check.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\nagain: go test ./itest/internal/sim -run TestReplay -seed %d -v\n", out.Plan, out.Plan.Seed)
	for i, v := range r.Violations[:min(len(r.Violations), 3)] {
		if err := report.Window(&b, out.Events, v); err != nil {
			fmt.Fprintln(&b, err)
		}
		fmt.Fprintf(&b, "drawn in %s\n", draws(out, v, i))
	}
	return b.String()
}

// draws makes a picture of a violation, and tells where it is.
func draws(out Outcome, v check.Violation, n int) string {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("cachify-sim-%d-%d.svg", out.Plan.Seed, n+1))
	f, err := os.Create(path)
	if err != nil {
		return err.Error()
	}
	if err := errors.Join(report.SVG(f, out.Events, v), f.Close()); err != nil {
		return err.Error()
	}
	return path
}

func line(e history.Event) string {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A seed that was told by TestSchedules shows what it did there: on its first run or, if
// it takes two goroutines to be in a certain order, on one of the next.
func TestReplay(t *testing.T) {
	var out Outcome
	var result check.Result
	n := 0
	for n < *tries && len(result.Violations) == 0 {
		out = once(t, firstSeed(), nil)
		result = judge(out)
		n++
		if *seed == 0 && n == 2 {
			break // only to see that it works
		}
	}
	t.Log(out.Plan)
	if *printAll {
		for _, e := range out.Events {
			fmt.Println(line(e)) // not by t.Log, which would indent it
		}
	}
	if len(result.Violations) > 0 {
		t.Errorf("run %d:\n%s", n, describe(out, result))
	}
}
