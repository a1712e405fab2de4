package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// ways are the two ways to hear of a hand-over.
var ways = map[string]func(t testing.TB) string{
	"sockets": func(t testing.TB) string { return filepath.Join(t.TempDir(), "cachify.db") },
	"looking": func(t testing.TB) string {
		path := filepath.Join(t.TempDir(), "cachify.db")
		if err := os.WriteFile(path+"-push", nil, 0o600); err != nil { // where the directory would be
			t.Fatal(err)
		}
		return path
	},
}

// Several processes that count in a file never lose a count, and each waits until it
// is told: their instances look once an hour.
func TestProcessesExclude(t *testing.T) {
	for way, newPath := range ways {
		t.Run(way, func(t *testing.T) {
			const processes, rounds = 4, 50
			path, counter := newPath(t), filepath.Join(t.TempDir(), "counter")
			if err := os.WriteFile(counter, []byte("0"), 0o600); err != nil {
				t.Fatal(err)
			}
			var all []*process
			for range processes {
				all = append(all, start(t, "count", path, counter, rounds))
			}
			for _, p := range all {
				p.wait()
			}
			text, err := os.ReadFile(counter)
			if err != nil || string(text) != strconv.Itoa(processes*rounds) {
				t.Errorf("the counter says %s (%v), want %d", text, err, processes*rounds)
			}
			isSound(t, path)
		})
	}
}

// Processes are served in the order in which they came.
func TestProcessesKeepOrder(t *testing.T) {
	path, order := filepath.Join(t.TempDir(), "cachify.db"), filepath.Join(t.TempDir(), "order")
	if err := os.WriteFile(order, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	store := open(t, path)
	g, err := store.Acquire(t.Context(), request(driver.NewClient(), prefix+"line"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*process
	want := ""
	for i := range 6 {
		all = append(all, start(t, "stand", path, order, i))
		waiting(t, store, prefix+"line", i+1)
		want += fmt.Sprintln(i)
	}
	if err := store.Release(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		p.wait()
	}
	if text, err := os.ReadFile(order); err != nil || string(text) != want {
		t.Errorf("they were served in the order %q (%v), want %q", text, err, want)
	}
}

// waiting waits until n wait for name.
func waiting(t testing.TB, store driver.Store, name string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d wait for %s", n, name), func() bool {
		o, err := store.Holders(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		return o.Waiting == n
	})
}

// A holder that is killed costs the others what is left of its lease, a waiter that
// is killed nothing once it is given up, or its lease if it was handed the name.
func TestKilledProcessesCostTheirLease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cachify.db")
	store, me := open(t, path), driver.NewClient()
	holder := start(t, "hold", path, "job", "300ms")
	holder.line()
	waiter := start(t, "hold", path, "job", "200ms")
	waiter.line()
	req := request(me, "job")
	if _, err := store.Enqueue(t.Context(), req, time.Minute); err != nil && !errors.Is(err, driver.ErrHeld) {
		t.Fatal(err)
	}
	holder.kill()
	waiter.kill()
	g := ourTurn(t, store, "job", me)
	if err := store.Release(t.Context(), g); err != nil {
		t.Error(err)
	}
}

// What a killed process leaves in the directory of sockets is removed by the next one
// that listens; and who closes leaves nothing.
func TestSocketsOfTheDeadAreSwept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cachify.db")
	store := open(t, path)
	const dead = 5
	for range dead {
		p := start(t, "hold", path, "job", "1ms")
		p.line()
		p.kill()
	}
	if n := len(sockets(t, path)); n == 0 {
		t.Fatal("the killed processes left nothing: is this test any good?")
	}
	stop, err := store.Listen(t.Context(), "job", driver.NewClient().ID(), func(driver.Wake) {})
	if err != nil {
		t.Fatal(err)
	}
	if left := sockets(t, path); len(left) != 1 {
		t.Errorf("%d sockets are there, want that of the one who listens", len(left))
	}
	stop()
	if _, err := os.Stat(path + "-push"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory stays after the last one has left: %v", err)
	}
}

func sockets(t testing.TB, path string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(path + "-push")
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Where a path is too long for the address of a socket there is one nevertheless.
func TestSocketsInDeepDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep/", 40))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "cachify.db")
	took := wakeUps(t, path, 3)
	if len(took) != 3 {
		t.Errorf("%d hand-overs, want 3", len(took))
	}
}

// A waiter in another process hears at once, though it looks once an hour.
func TestWakeUp(t *testing.T) {
	for way, newPath := range ways {
		t.Run(way, func(t *testing.T) {
			took := wakeUps(t, newPath(t), 50)
			slices.Sort(took)
			t.Logf("p50 %v, p99 %v", took[len(took)/2], took[len(took)*99/100])
			if p50 := took[len(took)/2]; p50 > time.Second {
				t.Errorf("a waiter hears after %v at the median", p50)
			}
		})
	}
}

// wakeUps measures how long it takes from a release until a waiter in another process
// has the lock.
func wakeUps(t testing.TB, path string, rounds int) []time.Duration {
	t.Helper()
	store, me := open(t, path), driver.NewClient()
	ctx := context.Background()
	const name = prefix + "wake"
	g, err := store.Acquire(ctx, request(me, name))
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "wake", path, rounds)
	took := make([]time.Duration, rounds)
	for i := range took {
		waiting(t, store, name, 1)
		// We are next, so that the other one cannot have it twice.
		if _, err := store.Enqueue(ctx, request(me, name), time.Minute); !errors.Is(err, driver.ErrHeld) {
			t.Fatal(err)
		}
		before := monotonic()
		if err := store.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
		heard, err := strconv.ParseInt(p.line(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		took[i] = time.Duration(heard - before)
		g = ourTurn(t, store, name, me)
	}
	p.wait()
	return took
}

// ourTurn waits until me, who is in line, has name.
func ourTurn(t testing.TB, store driver.Queuer, name string, me *driver.Client) (g driver.Grant) {
	t.Helper()
	eventually(t, "our turn", func() bool {
		sight, err := store.Look(context.Background(), name, me.ID(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if len(sight.Grants) == 1 {
			g = sight.Grants[0]
		}
		return len(sight.Grants) == 1
	})
	return g
}

// While processes are killed at any moment, never two hold the lock, its fences rise,
// and it goes on.
func TestKillsDoNotLetTwoIn(t *testing.T) {
	path, witness := filepath.Join(t.TempDir(), "cachify.db"), filepath.Join(t.TempDir(), "witness")
	if err := os.WriteFile(witness, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	store := open(t, path)
	const processes, kills = 4, 5
	last := uint64(0)
	hear := func(p *process) {
		what, fence := cut(t, p.line())
		if what != "fence" {
			t.Fatalf("%s %d: two are in at once", what, fence)
		}
		if fence > last {
			last = fence
		}
	}
	all := make([]*process, processes)
	for i := range all {
		all[i] = start(t, "guard", path, witness)
	}
	for range kills {
		i := rand.IntN(processes)
		for range 20 {
			hear(all[i]) // it lives, and has been in
		}
		all[i].kill()
		all[i] = start(t, "guard", path, witness)
	}
	for _, p := range all {
		hear(p)
		p.kill()
	}
	me := driver.NewClient()
	req := request(me, prefix+"guarded")
	if _, err := store.Enqueue(t.Context(), req, time.Minute); err != nil && !errors.Is(err, driver.ErrHeld) {
		t.Fatal(err)
	}
	if g := ourTurn(t, store, prefix+"guarded", me); g.Fence <= last {
		t.Errorf("fence %d comes after %d", g.Fence, last)
	}
	isSound(t, path)
}

func cut(t testing.TB, line string) (what string, fence uint64) {
	t.Helper()
	what, number, _ := strings.Cut(line, " ")
	fence, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return what, fence
}

// Processes that are killed in the middle of whatever they write leave a sound file,
// and fences go on rising.
func TestKillsInTheMiddleOfWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cachify.db")
	const kills, atOnce = 100, 4
	me := driver.NewClient()
	last := uint64(0)
	var live []*process
	for killed := 0; killed < kills; {
		for len(live) < atOnce {
			live = append(live, start(t, "churn", path))
		}
		p := live[0]
		live = live[1:]
		for range 1 + rand.IntN(40) {
			p.line()
		}
		p.kill()
		killed++
		if killed%10 != 0 {
			continue
		}
		for _, p := range live { // so that nobody has the file open, as after a crash of all
			p.kill()
		}
		live = nil
		store := open(t, path)
		g, err := store.Acquire(t.Context(), request(me, "fence-"+strconv.Itoa(killed)))
		if err != nil {
			t.Fatal(err)
		}
		if g.Fence <= last {
			t.Fatalf("fence %d comes after %d", g.Fence, last)
		}
		last = g.Fence
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		isSound(t, path)
	}
}
