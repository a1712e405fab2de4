package redisstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
)

// python is a process that does what py-cachify does.
type python struct {
	t     *testing.T
	write func(string) error
	read  *bufio.Scanner
}

func startPython(t *testing.T, srv *server) *python {
	t.Helper()
	const interpreter = "/usr/bin/python3" // the system's, for which the package is
	if err := exec.CommandContext(t.Context(), interpreter, "-c", "import redis").Run(); err != nil {
		t.Fatal("this test needs Python with its Redis client: apt-get install python3-redis")
	}
	cmd := exec.CommandContext(context.Background(), interpreter, "testdata/pycachify.py", srv.Socket)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &python{t, func(s string) error { _, err := fmt.Fprintln(in, s); return err }, bufio.NewScanner(out)}
}

// says checks what Python answers.
func (p *python) says(want, format string, args ...any) {
	p.t.Helper()
	line := fmt.Sprintf(format, args...)
	if err := p.write(line); err != nil {
		p.t.Fatal(err)
	}
	if !p.read.Scan() {
		p.t.Fatalf("python gave no answer to %q", line)
	}
	if got := p.read.Text(); got != want {
		p.t.Fatalf("python answers %q with %s, want %s", line, got, want)
	}
}

func request(c *driver.Client, name string) driver.AcquireRequest {
	return driver.AcquireRequest{Name: name, Holder: c.NewHolder(), Limit: 1, Slots: 1, TTL: time.Minute}
}

func TestPythonIsKeptOut(t *testing.T) {
	srv := startServer(t)
	store, py, me := srv.store(), startPython(t, srv), driver.NewClient()
	ctx := t.Context()

	for _, ttl := range []time.Duration{time.Minute, driver.NoExpiry} {
		req := request(me, "PYC-job")
		req.TTL = ttl
		py.says("False", "is_locked PYC-job")
		g, err := store.Acquire(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		py.says("True", "is_locked PYC-job")
		py.says("'"+g.Holder+"'", "load PYC-job")
		py.says("False", "acquire PYC-job 30")
		if err := store.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
		py.says("False", "is_locked PYC-job")
		py.says("True", "acquire PYC-job 30")
		py.says("1", "release PYC-job")
	}
}

func TestPythonKeepsOut(t *testing.T) {
	srv := startServer(t)
	store, py, me := srv.store(), startPython(t, srv), driver.NewClient()
	ctx := t.Context()

	for seconds, ttl := range map[int]time.Duration{30: 30 * time.Second, 0: driver.NoExpiry} {
		py.says("True", "acquire PYC-job %d", seconds)
		_, err := store.Acquire(ctx, request(me, "PYC-job"))
		held := (*driver.HeldError)(nil)
		if !errors.As(err, &held) {
			t.Fatalf("got %v, want a *HeldError", err)
		}
		if over := held.RetryAfter - ttl; over > time.Millisecond || over < -5*time.Second { // Redis keeps it until its millisecond is over
			t.Errorf("RetryAfter is %v, want about %v", held.RetryAfter, ttl)
		}
		o, err := store.Holders(ctx, "PYC-job")
		if err != nil {
			t.Fatal(err)
		}
		if o.Limit != 1 || len(o.Holders) != 1 || !o.Holders[0].Foreign || o.Holders[0].Fence != 0 || o.Holders[0].ID != "" {
			t.Errorf("Holders tells %+v, want one foreign holder", o)
		}
		if names, err := store.Names(ctx, "PYC-", 10); err != nil || len(names) != 1 || names[0] != "PYC-job" {
			t.Errorf("Names lists %q, %v, want the lock that Python holds", names, err)
		}
		if err := store.Release(ctx, driver.Grant{Name: "PYC-job", Holder: me.NewHolder()}); !errors.Is(err, driver.ErrLost) {
			t.Errorf("Release of what Python holds: %v, want ErrLost", err)
		}
		py.says("True", "is_locked PYC-job")
		py.says("1", "release PYC-job")
		g, err := store.Acquire(ctx, request(me, "PYC-job"))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEvictTakesFromPython(t *testing.T) {
	srv := startServer(t)
	store, py := srv.store(), startPython(t, srv)
	py.says("True", "acquire PYC-job 30")
	if err := store.Evict(t.Context(), "PYC-job"); err != nil {
		t.Fatal(err)
	}
	py.says("False", "is_locked PYC-job")
}

// Python's release is a DEL of whatever is there: then our lease is lost, and
// stays so when somebody else has the name.
func TestPythonReleasesOurs(t *testing.T) {
	srv := startServer(t)
	store, py, me := srv.store(), startPython(t, srv), driver.NewClient()
	ctx := t.Context()
	lost := func(g driver.Grant) {
		t.Helper()
		if _, err := store.Extend(ctx, g, time.Minute); !errors.Is(err, driver.ErrLost) {
			t.Errorf("Extend: %v, want ErrLost", err)
		}
		if err := store.Release(ctx, g); !errors.Is(err, driver.ErrLost) {
			t.Errorf("Release: %v, want ErrLost", err)
		}
	}
	g, err := store.Acquire(ctx, request(me, "PYC-job"))
	if err != nil {
		t.Fatal(err)
	}
	py.says("1", "release PYC-job")
	lost(g)
	py.says("True", "acquire PYC-job 30")
	lost(g)
	py.says("True", "is_locked PYC-job")
}

// Python knows no queue. A name that it leaves is handed to the first who waits by
// whoever looks; one that it takes while others wait is held, and they go on
// waiting.
func TestPythonAndTheQueue(t *testing.T) {
	srv := startServer(t)
	store, py, me := srv.store(), startPython(t, srv), driver.NewClient()
	ctx := t.Context()
	py.says("True", "acquire PYC-job 30")
	first, second := request(me, "PYC-job"), request(me, "PYC-job")
	for _, req := range []driver.AcquireRequest{first, second} {
		if _, err := store.Enqueue(ctx, req, time.Minute); !errors.Is(err, driver.ErrHeld) {
			t.Fatalf("got %v, want ErrHeld", err)
		}
	}
	py.says("1", "release PYC-job")
	py.says("True", "acquire PYC-job 30") // before anybody has looked
	if s, err := store.Look(ctx, "PYC-job", me.ID(), time.Minute); err != nil || len(s.Grants) != 0 || s.Waiting != 2 {
		t.Fatalf("Look tells %+v, %v, want two waiting", s, err)
	}
	py.says("1", "release PYC-job")
	if s, err := store.Look(ctx, "PYC-job", "stranger", time.Minute); err != nil || len(s.Grants) != 0 {
		t.Fatalf("Look tells a stranger %+v, %v", s, err)
	}
	py.says("False", "acquire PYC-job 30")
	g, err := store.Enqueue(ctx, first, time.Minute)
	if err != nil {
		t.Fatalf("the first in line was not served: %v", err)
	}
	py.says("1", "release PYC-job")
	if err := store.Release(ctx, g); !errors.Is(err, driver.ErrLost) {
		t.Errorf("Release: %v, want ErrLost", err)
	}
	if _, err := store.Enqueue(ctx, second, time.Minute); err != nil {
		t.Errorf("the second in line was not served: %v", err)
	}
}

// The same through the root package: a waiter notices that Python has released
// within about one poll interval.
func TestWaiterNoticesPython(t *testing.T) {
	srv := startServer(t)
	py := startPython(t, srv)
	const interval = 200 * time.Millisecond
	c, err := cachify.New(srv.store(), &cachify.Config{LockPollInterval: interval})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()

	py.says("True", "acquire PYC-job 30")
	lock := c.Lock("job", cachify.Wait(20*time.Second))
	if locked, err := lock.IsLocked(t.Context()); err != nil || !locked {
		t.Errorf("IsLocked tells %v, %v, want true", locked, err)
	}
	got := make(chan error, 1)
	var at time.Time
	go func() {
		l, err := lock.Acquire(t.Context())
		at = time.Now()
		if err == nil {
			err = l.Release(t.Context())
		}
		got <- err
	}()
	waiting(t, srv.store(), "PYC-job", 1)
	py.says("1", "release PYC-job")
	released := time.Now()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	if took := at.Sub(released); took > interval+3*time.Second { // of 30 that the lease would last
		t.Errorf("the waiter noticed after %v, want %v", took, interval)
	}
	py.says("False", "is_locked PYC-job")
}

// waiting returns when n wait for name.
func waiting(t testing.TB, s driver.Store, name string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d waiting for %q", n, name), func() bool {
		o, err := s.Holders(t.Context(), name)
		return err == nil && o.Waiting == n
	})
}

// eventually asks until f is true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}

// A record that Go has written is a value that Python's pickle reads, if it is a
// pickle, and a value that Python has written is a record.
func TestRecordsAndPython(t *testing.T) {
	srv := startServer(t)
	store, py := srv.store(), startPython(t, srv)
	ctx := t.Context()
	if _, err := store.Save(ctx, "PYC-go", []byte("\x80\x02X\x02\x00\x00\x00hi."), driver.Write{TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	py.says("'hi'", "load PYC-go")

	py.says("True", "save PYC-py hello")
	r, err := store.Load(ctx, "PYC-py")
	if err != nil || r.TTL != driver.NoExpiry || r.Version == 0 {
		t.Fatalf("Load: %+v, %v", r, err)
	}
	if _, err := store.Save(ctx, "PYC-py", r.Value, driver.Write{If: driver.IfVersion, Version: r.Version + 1, TTL: time.Minute}); !errors.Is(err, driver.ErrConflict) {
		t.Errorf("Save over another version: %v, want ErrConflict", err)
	}
	v, err := store.Save(ctx, "PYC-py", r.Value, driver.Write{If: driver.IfVersion, Version: r.Version, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	py.says("'hello'", "load PYC-py")
	py.says("True", "save PYC-py other")
	if err := store.Delete(ctx, "PYC-py", v); !errors.Is(err, driver.ErrConflict) {
		t.Errorf("Delete after Python has written: %v, want ErrConflict", err)
	}
}
