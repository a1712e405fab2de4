package itest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest"
	"github.com/go-cachify/cachify/itest/internal/engines"
	"github.com/go-cachify/cachify/storetest/sabotage"
)

// asMain has this program be one that proves stores.
const asMain = "ITEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		itest.Main(append(engines.All(), broken()...)...)
	}
	os.Exit(m.Run())
}

// planted are the bugs that have to be found in reality, with the faults that bring them
// out. A renewal that creates a lease anew has to arrive when the lease is over: no
// client sends it so late.
var planted = []struct{ bug, faults string }{
	{"lax-release", "stop,kill"},
	{"renewal-re-creates", "delay,engine-stop"},
	{"resetting-fence", "stop,kill"},
}

// broken are engines with a bug: SQLite's, whose processes share a file and nothing else;
// Redis' for what needs a network.
func broken() []itest.Engine {
	var all []itest.Engine
	for _, s := range sabotage.All() {
		e := engines.SQLite()
		if s.Name == "renewal-re-creates" {
			e = engines.Redis()
		}
		open := e.Open
		e.Name = s.Name
		e.Open = func(ctx context.Context, url string) (driver.Store, error) {
			store, err := open(ctx, url)
			if err != nil {
				return nil, err
			}
			return s.Wrap(store), nil
		}
		all = append(all, e)
	}
	return all
}

// soak is a run by a process of this program.
type soak struct {
	*exec.Cmd
	out  bytes.Buffer
	temp string // its TMPDIR
}

func newSoak(t *testing.T, args ...string) *soak {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp, err := os.MkdirTemp("", "itest") //nolint:usetesting // a socket's path is limited to about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{Cmd: exec.CommandContext(t.Context(), exe, append(args, "-report", filepath.Join(temp, "report"))...), temp: temp}
	s.Env = append(os.Environ(), asMain+"=1", "TMPDIR="+temp)
	s.Stderr = &s.out
	t.Cleanup(func() {
		if err := os.RemoveAll(temp); err != nil {
			t.Error(err)
		}
	})
	return s
}

// code runs it, or waits for its end, and returns the exit code.
func (s *soak) code(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return 0
}

// leaves checks that nothing but these is left in its directory.
func (s *soak) leaves(t *testing.T, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(s.temp)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the run leaves behind %q, want %q", got, want)
	}
}

// Each store keeps its promises through all kinds of faults that it can have: the first
// round has those that lose nothing, and the second has all.
func TestStores(t *testing.T) {
	for store, kinds := range map[string][]string{
		"memory": {"kill", "stop", "clock", "store-fail", "reply-drop", "store-hang", "store-delay", "store-stray"},
		"sqlite": {"kill", "stop", "clock"}, // and disk-full, where file systems may be mounted
		"redis": {
			"kill", "stop", "clock", "cut", "delay", "half-open", "reply-drop",
			"engine-kill", "engine-wipe", "engine-stop", "fail-over",
		},
	} {
		t.Run(store, func(t *testing.T) {
			s := newSoak(t, "-store", store, "-rounds", "2", "-round", "6s", "-seed", "1", "-clients", "3")
			if code := s.code(t, s.Run()); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			for _, k := range kinds {
				if !strings.Contains(s.out.String(), " "+k+" ") {
					t.Errorf("there was no fault of the kind %s", k)
				}
			}
			s.leaves(t)
			t.Logf("\n%s", &s.out)
		})
	}
}

// A planted bug is found, and what shows it is kept.
func TestPlantedBugs(t *testing.T) {
	for _, p := range planted {
		t.Run(p.bug, func(t *testing.T) {
			s := newSoak(t, "-store", p.bug, "-duration", "1m", "-round", "5s", "-seed", "1", "-faults", p.faults, "-failfast")
			if code := s.code(t, s.Run()); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			s.leaves(t, "report")
			kept, err := filepath.Glob(filepath.Join(s.temp, "report", p.bug+"-1-round-*", "*"))
			if err != nil || len(kept) < 3 {
				t.Errorf("kept are %q, %v", kept, err)
			}
			t.Logf("\n%s", &s.out)
		})
	}
}

// Ctrl-C ends a run with the report so far, and nothing stays.
func TestInterrupt(t *testing.T) {
	s := newSoak(t, "-store", "redis", "-duration", "1h", "-seed", "1")
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		if clients, _ := filepath.Glob(filepath.Join(s.temp, "itest*", "1", "c*.jsonl")); len(clients) >= 4 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the clients do not start")
		}
	}
	if err := s.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := s.code(t, s.Wait()); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if !strings.Contains(s.out.String(), "violations") {
		t.Errorf("there is no report:\n%s", &s.out)
	}
	s.leaves(t)
}

// When the process that the user started is killed, what it has started ends, and cleans
// up.
func TestKilled(t *testing.T) {
	s := newSoak(t, "-store", "sqlite", "-duration", "1h", "-seed", "1")
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	await := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); !is(); <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("not in time: %s", what)
			}
		}
	}
	running := func() int {
		clients, _ := filepath.Glob(filepath.Join(s.temp, "itest*", "1", "c*.jsonl"))
		return len(clients)
	}
	await("the clients start", func() bool { return running() >= 4 })
	if err := s.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait()
	await("all is gone", func() bool {
		entries, err := os.ReadDir(s.temp)
		return err == nil && len(entries) == 0
	})
}

// What is wrong on the command line is said.
func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-store", "nosuch"}, `there is no such engine`},
		{[]string{"-round", "1s"}, `at least 2s`},
		{[]string{"-store", "sqlite", "-faults", "flood"}, `sqlite has no "flood" here`},
		{[]string{"more"}, `"more" is no flag`},
	} {
		s := newSoak(t, c.args...)
		s.Args = append(append([]string{s.Args[0]}, s.Args[len(s.Args)-2:]...), c.args...)
		if code := s.code(t, s.Run()); code != 2 || !strings.Contains(s.out.String(), c.want) {
			t.Errorf("%q: exit code %d and %q, want 2 and %q", c.args, code, &s.out, c.want)
		}
		s.leaves(t)
	}
}
