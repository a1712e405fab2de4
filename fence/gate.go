package fence

import (
	"errors"
	"fmt"
	"sync"
)

// ErrStale is the refusal of a fence that is smaller than one seen before: the lease it
// belongs to is over. Comes as a [*StaleError].
var ErrStale = errors.New("stale fence")

// ErrNoFence is the refusal of 0, which is no fence: the store behind the lease has
// none, or nobody asked the lease for it. It guards nothing.
var ErrNoFence = errors.New("no fence: it is 0")

// StaleError tells which fence was refused. errors.Is(err, [ErrStale]) holds.
type StaleError struct {
	Fence   uint64 // that was refused
	Highest uint64 // that was seen before; 0 where only the database knows
}

func (e *StaleError) Error() string {
	if e.Highest == 0 {
		return fmt.Sprintf("%v: %d: a newer one has been there", ErrStale, e.Fence)
	}
	return fmt.Sprintf("%v: %d: %d has been there", ErrStale, e.Fence, e.Highest)
}

// Is reports whether target is [ErrStale].
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// Gate guards one resource: it lets pass whoever comes with the largest fence so far,
// as often as they like, and nobody with a smaller one. The zero value lets pass
// everybody at first. It is safe for concurrent use, and must not be copied.
//
// A gate is as lasting as its memory. A resource that outlives the process has to keep
// [Gate.Highest] with its data, and give it to Admit or Do when it is opened again.
type Gate struct {
	mu      sync.Mutex
	highest uint64
}

// Do calls fn, which is to write to the resource, if no larger fence has been there. No
// other Do or Admit of the gate goes on meanwhile, so that nobody who was admitted
// earlier writes later; fn must not call the gate. The error is a [*StaleError],
// [ErrNoFence], or fn's own. A fence has been there also if fn fails or panics.
func (g *Gate) Do(fence uint64, fn func() error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.admit(fence); err != nil {
		return err
	}
	return fn()
}

// Admit says whether fence may pass, and remembers it if so. The error is a
// [*StaleError] or [ErrNoFence]. It is for resources with a lock of their own, held from
// before Admit until after the write: without one, somebody with a larger fence can
// come between, and write first. Then use [Gate.Do].
func (g *Gate) Admit(fence uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.admit(fence)
}

func (g *Gate) admit(fence uint64) error {
	switch {
	case fence == 0:
		return ErrNoFence
	case fence < g.highest:
		return &StaleError{Fence: fence, Highest: g.highest}
	}
	g.highest = fence
	return nil
}

// Highest returns the largest fence that has been there; 0 if there was none.
func (g *Gate) Highest() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.highest
}
