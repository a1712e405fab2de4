package redisstore_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify"
)

// multitude is many goroutines of one instance that wait, for one key or each for a
// key of its own.
type multitude struct {
	t       testing.TB
	srv     *server
	look    rueidis.Client // to look at the server with
	waiting *cachify.Cachify
	own     bool
	n       int
	witness *witness // of the one key
	held    []*cachify.Lease
	served  atomic.Int64
	wg      sync.WaitGroup
}

// enough is how long all of this may take on a slow machine.
const enough = 2 * time.Minute

func (m *multitude) key(i int) string {
	if m.own {
		return "job-" + strconv.Itoa(i)
	}
	return "job"
}

// hold takes all keys, so that the others wait.
func (m *multitude) hold(c *cachify.Cachify) {
	m.t.Helper()
	keys := 1
	if m.own {
		keys = m.n
	}
	m.held = make([]*cachify.Lease, keys)
	each(64, keys, func(i int) {
		l, err := c.Lock(m.key(i), cachify.Expiry(time.Hour)).Acquire(context.Background())
		if err != nil {
			m.t.Errorf("Acquire: %v", err)
			return
		}
		m.held[i] = l
	})
	if m.t.Failed() {
		m.t.FailNow()
	}
}

// each calls f for 0 to n-1 in so many goroutines.
func each(goroutines, n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// wait lets everybody stand in line, and returns when they do and hear of pushes.
func (m *multitude) wait() {
	m.t.Helper()
	for i := range m.n {
		m.wg.Go(func() {
			l, err := m.waiting.Lock(m.key(i), cachify.Wait(enough), cachify.Expiry(time.Minute)).Acquire(context.Background())
			if err != nil {
				m.t.Errorf("Acquire: %v", err)
				return
			}
			if !m.own {
				if err := m.witness.enter(l); err != nil {
					m.t.Errorf("the witness: %v", err)
				}
				m.witness.leave(l)
			}
			if err := l.Release(context.Background()); err != nil {
				m.t.Errorf("Release: %v", err)
			}
			m.served.Add(1)
		})
	}
	if m.own {
		m.settled(func() int { return m.channels() }, m.n) // who listens to its key has its place
		return
	}
	direct := m.srv.store()
	m.settled(func() int { _, n := holders(m.t, direct, "PYC-job"); return n }, m.n)
	m.settled(func() int { return m.channels() }, 1)
}

func (m *multitude) channels() int {
	list, err := m.srv.do(m.look, "PUBSUB", "CHANNELS").ToArray()
	if err != nil {
		m.t.Fatal(err)
	}
	return len(list)
}

// settled waits until a number is what it should be.
func (m *multitude) settled(count func() int, want int) {
	m.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(enough); ; <-tick.C {
		got := count()
		if got == want {
			return
		}
		if m.t.Failed() || time.Now().After(deadline) {
			m.t.Fatalf("%d of %d wait", got, want)
		}
	}
}

// release frees all keys, and returns when everybody was served.
func (m *multitude) release() {
	m.t.Helper()
	each(64, len(m.held), func(i int) {
		if err := m.held[i].Release(context.Background()); err != nil {
			m.t.Errorf("Release: %v", err)
		}
	})
	done := make(chan struct{})
	go func() {
		m.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(enough + time.Minute):
		m.t.Fatalf("%d of %d were served", m.served.Load(), m.n)
	}
}

// connections is how many the server has, other than those of the test itself.
func (m *multitude) connections() int {
	list, err := m.srv.do(m.look, "CLIENT", "LIST").ToString()
	if err != nil {
		m.t.Fatal(err)
	}
	return lines(list)
}

// memory is what the process uses on heap and stacks, when the collector has run a
// few times: it halves a stack that is little used each time.
func memory() (heap, stacks uint64) {
	var s runtime.MemStats
	for range 4 {
		runtime.GC()
	}
	runtime.ReadMemStats(&s)
	return s.HeapAlloc, s.StackInuse
}

func newMultitude(t testing.TB, srv *server, own bool, n int, cfg *cachify.Config) *multitude {
	t.Helper()

	m := &multitude{t: t, srv: srv, look: srv.client(), own: own, n: n, witness: newWitness(t, 1)}
	m.waiting = instanceOn(t, srv.store(), cfg)
	m.hold(instanceOn(t, srv.store(), nil))
	return m
}

// atMost is more connections than two stores and a client have, whatever happens.
const atMost = 24

// Thousands of goroutines that wait cost a handful of connections, and all are
// served.
func TestManyWaiters(t *testing.T) {
	const n = 2000
	for _, own := range []bool{false, true} {
		t.Run(fmt.Sprintf("own keys %v", own), func(t *testing.T) {
			srv := startServer(t)
			m := newMultitude(t, srv, own, n, looking(2*time.Second))
			m.wait()
			if c := m.connections(); c > atMost {
				t.Errorf("%d connections for %d waiters, want %d at most", c, n, atMost)
			}
			m.release()
			if got := m.served.Load(); got != n {
				t.Errorf("%d of %d were served", got, n)
			}
			if left := keys(t, srv, m.look); len(left) > 0 {
				t.Errorf("%d keys are left: %q ...", len(left), left[0])
			}
		})
	}
}

// BenchmarkWaiters is 10,000 goroutines of one instance that wait and are served. What
// counts are B/waiter, on the heap and of stacks; the connections; and µs/served, from the
// first release to the end of the last turn.
func BenchmarkWaiters(b *testing.B) {
	const n = 10_000
	for _, own := range []bool{false, true} {
		b.Run(map[bool]string{false: "one-key", true: "own-keys"}[own], func(b *testing.B) {
			var onHeap, onStacks uint64
			var took, joined time.Duration
			conns := 0
			for b.Loop() {
				srv := startServer(b)
				m := newMultitude(b, srv, own, n, nil)
				heap, stacks := memory()
				start := time.Now()
				m.wait()
				joined += time.Since(start)
				h, s := memory()
				onHeap += h - heap
				onStacks += s - stacks
				conns = m.connections()
				start = time.Now()
				m.release()
				took += time.Since(start)
				if got := m.served.Load(); got != n {
					b.Fatalf("%d of %d were served", got, n)
				}
			}
			of := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N*n) }
			b.ReportMetric(float64(onHeap)/float64(b.N*n), "heap-B/waiter")
			b.ReportMetric(float64(onStacks)/float64(b.N*n), "stack-B/waiter")
			b.ReportMetric(float64(conns), "conns")
			b.ReportMetric(of(joined), "µs/joined")
			b.ReportMetric(of(took), "µs/served")
		})
	}
}
