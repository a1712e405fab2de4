package fence_test

import (
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/go-cachify/cachify/fence"
)

func TestAdmit(t *testing.T) {
	var g fence.Gate
	if g.Highest() != 0 {
		t.Errorf("a new gate has seen %d", g.Highest())
	}
	for _, step := range []struct {
		fence, highest uint64
		want           error
	}{
		{0, 0, fence.ErrNoFence}, {5, 5, nil}, {5, 5, nil}, {4, 5, fence.ErrStale}, {0, 5, fence.ErrNoFence}, {7, 7, nil}, {5, 7, fence.ErrStale},
		{math.MaxUint64, math.MaxUint64, nil}, {math.MaxUint64 - 1, math.MaxUint64, fence.ErrStale}, {math.MaxUint64, math.MaxUint64, nil},
	} {
		err := g.Admit(step.fence)
		if !errors.Is(err, step.want) || g.Highest() != step.highest {
			t.Errorf("Admit(%d) = %v, highest %d, want %v and %d", step.fence, err, g.Highest(), step.want, step.highest)
		}
		var stale *fence.StaleError
		if errors.As(err, &stale) && (stale.Fence != step.fence || stale.Highest != step.highest) {
			t.Errorf("Admit(%d): %+v", step.fence, stale)
		}
	}
}

func TestDo(t *testing.T) {
	var g fence.Gate
	broken := errors.New("broken")
	if err := g.Do(5, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v, want the function's own error", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = g.Do(6, func() error { panic("x") })
	}()
	for _, stale := range []uint64{0, 4, 5} { // 6 has been there
		if err := g.Do(stale, func() error { t.Errorf("%d passed", stale); return nil }); err == nil {
			t.Errorf("Do(%d) = nil", stale)
		}
	}
	if err := g.Do(6, func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// Writes come in the order of their fences, whoever is faster.
func TestDoInOrder(t *testing.T) {
	var g fence.Gate
	var written []uint64 // under the gate only
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for f := uint64(1 + n); f < 2000; f += 8 {
				err := g.Do(f, func() error { written = append(written, f); return nil })
				if err != nil && !errors.Is(err, fence.ErrStale) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := 1; i < len(written); i++ {
		if written[i] < written[i-1] {
			t.Fatalf("%d was written after %d", written[i], written[i-1])
		}
	}
	if n := len(written); n == 0 || written[n-1] != g.Highest() {
		t.Errorf("%d writes, highest %d", n, g.Highest())
	}
}

func TestStaleErrorText(t *testing.T) {
	for _, c := range []struct {
		err  fence.StaleError
		want string
	}{
		{fence.StaleError{Fence: 1, Highest: 2}, "stale fence: 1: 2 has been there"},
		{fence.StaleError{Fence: 1}, "stale fence: 1: a newer one has been there"},
	} {
		if c.err.Error() != c.want {
			t.Errorf("%q, want %q", c.err.Error(), c.want)
		}
	}
}
