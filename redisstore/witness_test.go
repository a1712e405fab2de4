package redisstore_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/go-cachify/cachify"
)

// errTurnedAway is what the witness says to one who must not come in any more: its
// lease ended before it got here, or its fence is smaller than one seen before.
var errTurnedAway = errors.New("turned away")

// witness stands before what a lock or a pool guards. It sees who comes in with which
// fence and who leaves, and fails the test if more are inside than there are slots,
// all with leases that they believe to hold; if a fence is given twice; and, for a
// lock, if one does not rise.
type witness struct {
	t     testing.TB
	slots int
	loses bool // the server loses its data: two may hold the lock, and only fences tell

	mu     sync.Mutex
	inside []*cachify.Lease
	fences map[uint64]bool
	last   uint64
}

func newWitness(t testing.TB, slots int) *witness {
	return &witness{t: t, slots: slots, fences: make(map[uint64]bool)}
}

// enter lets the holder in, or turns it away.
func (w *witness) enter(l *cachify.Lease) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fences[l.Fence()] {
		w.t.Errorf("fence %d was given twice", l.Fence())
	}
	w.fences[l.Fence()] = true
	if l.Err() != nil {
		return errTurnedAway
	}
	if w.slots == 1 && l.Fence() < w.last {
		if !w.loses {
			w.t.Errorf("fence %d came after %d", l.Fence(), w.last)
		}
		return errTurnedAway
	}
	w.last = max(w.last, l.Fence())
	taken := l.Slots()
	for _, other := range w.inside {
		if other.Err() == nil { // it believes to hold the lock, now
			taken += other.Slots()
		}
	}
	if taken > w.slots && !w.loses {
		w.t.Errorf("%d slots are taken of %d: fence %d came in while %d were inside", taken, w.slots, l.Fence(), len(w.inside))
	}
	w.inside = append(w.inside, l)
	return nil
}

// leave is what a holder does before it releases.
func (w *witness) leave(l *cachify.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range w.inside {
		if other == l {
			w.inside = append(w.inside[:i], w.inside[i+1:]...)
			return
		}
	}
}

// The witness itself sees what it is there for.
func TestWitness(t *testing.T) {
	srv := startServer(t)
	a, b := instanceOn(t, srv.store(), nil), instanceOn(t, srv.store(), nil)
	blind := &deaf{TB: t}
	w := newWitness(blind, 1)
	first := mustAcquire(t, a.Lock("job"))
	if err := w.enter(first); err != nil || blind.errors != 0 {
		t.Fatalf("the first holder: %v, %d errors", err, blind.errors)
	}
	srv.do(srv.client(), "DEL", "PYC-job") // now two hold it
	second := mustAcquire(t, b.Lock("job"))
	if err := w.enter(second); err != nil || blind.errors != 1 {
		t.Errorf("a second holder: %v, %d errors, want one", err, blind.errors)
	}
	w.leave(second)
	if err := w.enter(second); err != nil || blind.errors != 3 {
		t.Errorf("a fence for the second time: %v, %d errors, want two more", err, blind.errors)
	}
	w.leave(first)
	if err := w.enter(first); !errors.Is(err, errTurnedAway) || blind.errors != 5 {
		t.Errorf("a smaller fence: %v, %d errors, want two more", err, blind.errors)
	}
	if err := second.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := w.enter(second); !errors.Is(err, errTurnedAway) {
		t.Errorf("a lease that is over: %v", err)
	}
	if err := first.Release(t.Context()); !errors.Is(err, cachify.ErrLost) {
		t.Errorf("Release of the lease that was deleted: %v, want ErrLost", err)
	}
}

// deaf counts what a test would fail for.
type deaf struct {
	testing.TB
	errors int
}

func (d *deaf) Errorf(string, ...any) { d.errors++ }
