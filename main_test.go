package cachify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/memstore"
)

// TestMain sees to it that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory returns an empty in-process store.
func memory(t testing.TB) *memstore.Store {
	t.Helper()
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instanceOn returns an instance that is closed at the end of the test.
func instanceOn(t testing.TB, store driver.Store, cfg *Config) *Cachify {
	t.Helper()
	c, err := New(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

// faulty returns a memory store, a wrapper that does to it what script says, and an
// instance on the wrapper.
func faulty(t testing.TB, cfg *Config, script faultstore.Script) (*memstore.Store, *faultstore.Store, *Cachify) {
	t.Helper()
	mem := memory(t)
	f := faultstore.New(mem, script)
	return mem, f, instanceOn(t, f, cfg)
}

// plainStore hides all that a store can do beyond the least.
type plainStore struct{ driver.Store }

func (plainStore) Capabilities() driver.Capabilities { return driver.Capabilities{} }

// acquirer is a lock or a pool.
type acquirer interface {
	Acquire(context.Context) (*Lease, error)
}

func mustAcquire(t testing.TB, a acquirer) *Lease {
	t.Helper()
	l, err := a.Acquire(t.Context())
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return l
}

func mustRelease(t testing.TB, l *Lease) {
	t.Helper()
	if err := l.Release(context.Background()); err != nil {
		t.Fatalf("Release: %v", err)
	}
}

// attempt is an Acquire in a goroutine of its own.
type attempt struct {
	lease *Lease
	err   error
	took  time.Duration
	done  chan struct{}
}

func begin(ctx context.Context, a acquirer) *attempt {
	at := &attempt{done: make(chan struct{})}
	start := time.Now()
	go func() {
		defer close(at.done)
		at.lease, at.err = a.Acquire(ctx)
		at.took = time.Since(start)
	}()
	return at
}

// got waits for the lease.
func (at *attempt) got(t testing.TB) *Lease {
	t.Helper()
	<-at.done
	if at.err != nil {
		t.Fatalf("Acquire: %v", at.err)
	}
	return at.lease
}

func (at *attempt) pending() bool {
	select {
	case <-at.done:
		return false
	default:
		return true
	}
}

// wantIs checks that err is each of targets.
func wantIs(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("error %q (%T) is not %q", fmt.Sprint(err), err, target)
		}
	}
}

// wantNot checks that err is none of targets.
func wantNot(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if errors.Is(err, target) {
			t.Errorf("error %q (%T) is %q", fmt.Sprint(err), err, target)
		}
	}
}

func wantAs[E error](t testing.TB, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("error %q (%T) is no %T", fmt.Sprint(err), err, e)
	}
	return e
}

func wantNil(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}

// wantTime checks a duration, exactly or within tolerance.
func wantTime(t testing.TB, what string, got, want time.Duration, tolerance ...time.Duration) {
	t.Helper()
	tol := time.Duration(0)
	if len(tolerance) > 0 {
		tol = tolerance[0]
	}
	if got < want-tol || got > want+tol {
		t.Errorf("%s: %v, want %v ± %v", what, got, want, tol)
	}
}

// wantState checks how many hold a name of the store, and how many wait for it.
func wantState(t testing.TB, s driver.Store, name string, holders, waiting int) {
	t.Helper()
	o, err := s.Holders(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Holders) != holders || o.Waiting != waiting {
		t.Errorf("%s has %d holders and %d waiters, want %d and %d", name, len(o.Holders), o.Waiting, holders, waiting)
	}
}

// journal collects lines from several goroutines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}

func (j *journal) want(t testing.TB, lines ...string) {
	t.Helper()
	if got, want := strings.Join(j.all(), "; "), strings.Join(lines, "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
