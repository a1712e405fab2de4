package run

import (
	"errors"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// watch tells when a child has to be ended because of its lease.
type watch struct {
	Guard
	timer  *time.Timer
	ended  <-chan struct{} // of the lease; nil once that was noticed
	lost   error           // why it has to end; nil: it has not
	killAt time.Time
}

// demand is what has to be done to a child.
type demand int

const (
	nothing demand = iota
	terminate
	kill
)

// newWatch returns a watch; a nil guard is one that never demands anything.
func newWatch(g *Guard) *watch {
	w := &watch{}
	if g == nil {
		return w
	}
	w.Guard = *g
	w.ended = g.Lease.Context().Done()
	w.timer = time.NewTimer(0)
	return w
}

func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// due ends when it is time to check; nil: never.
func (w *watch) due() <-chan time.Time {
	if w.timer == nil {
		return nil
	}
	return w.timer.C
}

// over notes that the end of the lease was noticed.
func (w *watch) over() { w.ended = nil }

// check says what is to be done now, and when to check again.
func (w *watch) check() demand {
	switch {
	case w.timer == nil:
		return nothing
	case w.lost != nil:
		if left := time.Until(w.killAt); left > 0 {
			w.timer.Reset(left)
			return nothing
		}
		return kill
	}
	left, err := w.Lease.Remaining(), w.Lease.Err()
	switch {
	case errors.Is(err, driver.ErrLost):
		w.lost = err
		w.killIn(w.Grace)
		return terminate
	case err != nil, left <= w.Kill:
		w.lost = ErrExpiring
		if err != nil {
			w.lost = err
		}
		return kill
	case left <= w.Terminate:
		w.lost = ErrExpiring
		w.killIn(left - w.Kill)
		return terminate
	case left != driver.NoExpiry:
		w.timer.Reset(left - w.Terminate)
	}
	return nothing
}

func (w *watch) killIn(d time.Duration) {
	w.killAt = time.Now().Add(d)
	w.timer.Reset(d)
}
