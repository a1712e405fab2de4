package sqlitestore_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clocked returns a store on the file at path that goes by c.
func clocked(t *testing.T, path string, c *sqlitestore.Clock) *sqlitestore.Store {
	s := open(t, path)
	s.SetClock(c)
	return s
}

// clockTest is a store with a lease and a record of a minute.
type clockTest struct {
	*testing.T
	clock *sqlitestore.Clock
	store *sqlitestore.Store
	me    *driver.Client
	grant driver.Grant
}

func newClockTest(t *testing.T) *clockTest {
	c := &sqlitestore.Clock{Era: "boot-1/ns", Running: time.Hour, Up: time.Hour, Wall: noon}
	path := filepath.Join(t.TempDir(), "cachify.db")
	ct := &clockTest{T: t, clock: c, store: clocked(t, path, c), me: driver.NewClient()}
	ct.grant = ct.acquire("job")
	if _, err := ct.store.Save(ct.Context(), "key", []byte("x"), driver.Write{TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	return ct
}

func (t *clockTest) acquire(name string) driver.Grant {
	t.Helper()
	req := request(t.me, name)
	req.TTL = time.Minute
	g, err := t.store.Acquire(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// pass lets time pass.
func (t *clockTest) pass(d time.Duration) {
	t.clock.Running += d
	t.clock.Up += d
	t.clock.Wall = t.clock.Wall.Add(d)
}

// reboot starts the system again, off after a time of being off that its wall clock
// shows.
func (t *clockTest) reboot(off time.Duration) {
	t.clock.Era = "again-" + t.clock.Era
	t.clock.Running, t.clock.Up = time.Second, time.Second
	t.clock.Wall = t.clock.Wall.Add(off)
}

// has checks what is left of the lease and of the record; 0: it is over.
func (t *clockTest) has(lease, record time.Duration) {
	t.Helper()
	ctx := context.Background()
	o, err := t.store.Holders(ctx, "job")
	if err != nil {
		t.Fatal(err)
	}
	var left time.Duration
	if len(o.Holders) == 1 {
		left = o.Holders[0].TTL
	}
	if left != lease {
		t.Errorf("the lease has %v left, want %v", left, lease)
	}
	r, err := t.store.Load(ctx, "key")
	if err != nil && !errors.Is(err, driver.ErrNotFound) {
		t.Fatal(err)
	}
	if r.TTL != record {
		t.Errorf("the record has %v left, want %v", r.TTL, record)
	}
}

func TestClock(t *testing.T) {
	const most = 50 * time.Second
	for name, c := range map[string]struct {
		happens       func(t *clockTest)
		lease, record time.Duration
	}{
		"time passes":              {func(t *clockTest) { t.pass(10 * time.Second) }, most, most},
		"the lease is over":        {func(t *clockTest) { t.pass(time.Minute) }, 0, 0},
		"the wall is set back":     {func(t *clockTest) { t.clock.Wall = noon.AddDate(-10, 0, 0); t.pass(10 * time.Second) }, most, most},
		"the wall is set ahead":    {func(t *clockTest) { t.clock.Wall = noon.AddDate(10, 0, 0); t.pass(10 * time.Second) }, most, most},
		"asleep":                   {func(t *clockTest) { t.clock.Up += 10 * time.Second }, time.Minute, most},
		"asleep for long":          {func(t *clockTest) { t.clock.Up += time.Hour }, time.Minute, 0},
		"a reboot":                 {func(t *clockTest) { t.reboot(10 * time.Second) }, most, most},
		"off for long":             {func(t *clockTest) { t.reboot(time.Hour) }, 0, 0},
		"a reboot without a clock": {func(t *clockTest) { t.reboot(-1000 * time.Hour) }, time.Minute, time.Minute},
		"a wild clock":             {func(t *clockTest) { t.reboot(200_000 * time.Hour) }, 0, 0},
		"another namespace": {func(t *clockTest) {
			t.clock.Era = "boot-1/other"
			t.pass(10 * time.Second)
			t.clock.Running = 0
		}, most, most},
		"no monotonic clock": {func(t *clockTest) { t.clock.Era = ""; t.pass(10 * time.Second) }, most, most},
	} {
		t.Run(name, func(t *testing.T) {
			ct := newClockTest(t)
			c.happens(ct)
			ct.has(c.lease, c.record)
			next := ct.acquire("other") // which writes the new time down
			ct.has(c.lease, c.record)
			if next.Fence <= ct.grant.Fence || next.At < ct.grant.At {
				t.Errorf("fence %d at %v comes after %d at %v", next.Fence, next.At, ct.grant.Fence, ct.grant.At)
			}
		})
	}
}

// A loss of power that takes the last commits with it, on a machine that has lost the
// time as well, does not bring back fences that were given.
func TestFencesSurviveLossOfPower(t *testing.T) {
	ct := newClockTest(t)
	if err := ct.store.Exec("CREATE TEMP TABLE kept AS SELECT * FROM clock"); err != nil {
		t.Fatal(err)
	}
	last := ct.grant
	for range 3 * 59 { // most of an hour, beyond the first ceiling
		ct.pass(20 * time.Second)
		last = ct.acquire("job" + last.Holder)
	}
	// All is undone but what was waited for: the ceiling.
	err := ct.store.Exec("UPDATE clock SET (seen, number, leases, records) = (SELECT seen, number, leases, records FROM kept)")
	if err != nil {
		t.Fatal(err)
	}
	ct.reboot(-1000 * time.Hour)
	if next := ct.acquire("next"); next.Fence <= last.Fence {
		t.Errorf("fence %d comes after %d", next.Fence, last.Fence)
	}
}

// A machine that starts again and again, with a clock that stands still, does not use
// up the numbers.
func TestCeilingDoesNotRunAway(t *testing.T) {
	ct := newClockTest(t)
	first := ct.grant.Fence
	for i := range 1000 {
		ct.reboot(0)
		ct.acquire("job-" + ct.me.NewHolder())
		_ = i
	}
	last := ct.acquire("last")
	if gone := time.Duration(last.Fence-first) * time.Microsecond; gone > 3*time.Hour {
		t.Errorf("a thousand starts took numbers for %v", gone)
	}
}
