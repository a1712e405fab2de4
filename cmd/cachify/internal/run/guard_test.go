package run

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// fakeLease is a lease that ends at a time, or by force.
type fakeLease struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu  sync.Mutex
	end time.Time // zero: none
}

func newFakeLease(ttl time.Duration) *fakeLease {
	l := &fakeLease{}
	l.renew(ttl)
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l
}

func (l *fakeLease) Context() context.Context { return l.ctx }
func (l *fakeLease) Err() error               { return context.Cause(l.ctx) }

func (l *fakeLease) Remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end.IsZero() {
		return driver.NoExpiry
	}
	return max(time.Until(l.end), 0)
}

func (l *fakeLease) renew(ttl time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = time.Now().Add(ttl)
}

// act is what a watch demanded, and when.
type act struct {
	what demand
	at   time.Duration
}

// follow does what a runner does until the child has to be killed, or nothing is due
// any more until the time is over. It runs on virtual time.
func follow(w *watch, until time.Duration) (acts []act) {
	begun, over := time.Now(), time.After(until)
	for {
		select {
		case <-w.due():
		case <-w.ended:
			w.over()
		case <-over:
			return acts
		}
		if what := w.check(); what != nothing {
			acts = append(acts, act{what, time.Since(begun)})
			if what == kill {
				return acts
			}
		}
	}
}

func TestWatch(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		lease func(*fakeLease)
		want  []act
		lost  error
	}{
		"it expires": {
			func(*fakeLease) {},
			[]act{{terminate, 24 * s}, {kill, 29 * s}}, ErrExpiring,
		},
		"it is renewed once": {
			func(l *fakeLease) {
				time.AfterFunc(10*s, func() { l.renew(30 * s) })
			},
			[]act{{terminate, 34 * s}, {kill, 39 * s}}, ErrExpiring,
		},
		"it is renewed when it is too late": {
			func(l *fakeLease) {
				time.AfterFunc(25*s, func() { l.renew(30 * s) })
			},
			[]act{{terminate, 24 * s}, {kill, 29 * s}}, ErrExpiring,
		},
		"it is taken away": {
			func(l *fakeLease) {
				time.AfterFunc(7*s, func() { l.cancel(driver.ErrLost) })
			},
			[]act{{terminate, 7 * s}, {kill, 9 * s}}, driver.ErrLost,
		},
		"it has no end": {
			func(l *fakeLease) { l.end = time.Time{} },
			nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newFakeLease(30 * s)
				defer l.cancel(nil)
				c.lease(l)
				w := newWatch(&Guard{Lease: l, Terminate: 6 * s, Kill: s, Grace: 2 * s})
				defer w.stop()
				got := follow(w, time.Hour)
				if len(got) != len(c.want) {
					t.Fatalf("got %v, want %v", got, c.want)
				}
				for i := range got {
					if got[i] != c.want[i] {
						t.Errorf("got %v, want %v", got, c.want)
					}
				}
				if !errors.Is(w.lost, c.lost) {
					t.Errorf("lost by %v, want %v", w.lost, c.lost)
				}
			})
		})
	}
}
