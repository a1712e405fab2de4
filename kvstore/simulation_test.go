package kvstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var errNetwork = errors.New("connection lost")

// badNetwork is a client whose requests are slow, are lost, arrive when nobody waits
// for them any more, or have their replies lost.
type badNetwork struct {
	CompareAndSwapper
	mu   sync.Mutex
	dice *rand.Rand
	late sync.WaitGroup
}

func (b *badNetwork) throw(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dice.IntN(n)
}

// send does what a request does, on virtual time, or what becomes of it.
func (b *badNetwork) send(ctx context.Context, do func(context.Context) (bool, error)) (bool, error) {
	time.Sleep(time.Duration(b.throw(30)) * time.Millisecond)
	switch b.throw(20) {
	case 0: // lost
		return false, errNetwork
	case 1: // late
		delay := time.Duration(b.throw(3000)) * time.Millisecond
		b.late.Go(func() {
			time.Sleep(delay)
			_, _ = do(context.WithoutCancel(ctx))
		})
		return false, errNetwork
	case 2: // its reply is lost
		_, _ = do(ctx)
		return false, errNetwork
	case 3: // its reply is slow
		ok, err := do(ctx)
		time.Sleep(time.Duration(b.throw(3000)) * time.Millisecond)
		return ok, err
	}
	return do(ctx)
}

func (b *badNetwork) SetIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	return b.send(ctx, func(ctx context.Context) (bool, error) {
		return b.CompareAndSwapper.SetIfAbsent(ctx, key, value, ttl)
	})
}

func (b *badNetwork) CompareAndDelete(ctx context.Context, key string, old []byte) (bool, error) {
	return b.send(ctx, func(ctx context.Context) (bool, error) {
		return b.CompareAndSwapper.CompareAndDelete(ctx, key, old)
	})
}

func (b *badNetwork) CompareAndSwap(ctx context.Context, key string, old, new []byte, ttl time.Duration) (bool, error) {
	return b.send(ctx, func(ctx context.Context) (bool, error) {
		return b.CompareAndSwapper.CompareAndSwap(ctx, key, old, new, ttl)
	})
}

// resource is what the lock guards. It knows who uses it, and the largest fence.
type resource struct {
	mu    sync.Mutex
	user  string
	fence uint64
}

func (r *resource) enter(user string, fence uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.user != "" {
		return fmt.Errorf("%s enters while %s is inside", user, r.user)
	}
	if fence <= r.fence {
		return fmt.Errorf("%s enters with fence %d after %d", user, fence, r.fence)
	}
	r.user, r.fence = user, fence
	return nil
}

func (r *resource) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.user = ""
}

// worker takes the lock again and again, and uses the resource as long as by its own
// reckoning it may, on virtual time.
func worker(ctx context.Context, s *Store, name string, b *badNetwork, r *resource) (entered int, err error) {
	for i := range 20 {
		holder := fmt.Sprintf("%s/%d", name, i)
		g, err := s.Acquire(ctx, lock("n", holder, 2*time.Second))
		for errors.Is(err, errNetwork) && b.throw(2) == 0 {
			g, err = s.Acquire(ctx, lock("n", holder, 2*time.Second))
		}
		if err == nil && b.throw(3) == 0 {
			if e, err := s.Extend(ctx, g, 3*time.Second); err == nil {
				if e.Fence != g.Fence {
					return entered, fmt.Errorf("%s: the fence changed from %d to %d", holder, g.Fence, e.Fence)
				}
				g = e
			}
		}
		if left := g.At + g.TTL - s.clock.now(); err == nil && left > 0 {
			if err := r.enter(holder, g.Fence); err != nil {
				return entered, err
			}
			entered++
			time.Sleep(min(left-1, time.Duration(b.throw(2500))*time.Millisecond))
			r.leave()
		}
		if !errors.Is(err, driver.ErrHeld) && b.throw(10) > 0 { // else it has died
			_ = s.Release(ctx, driver.Grant{Name: "n", Holder: holder})
		}
		time.Sleep(time.Duration(b.throw(500)) * time.Millisecond)
	}
	return entered, nil
}

// Whatever the network does, whoever believes that it holds the lock is alone, and has
// a larger fence than those before.
func TestSimulatedBadNetwork(t *testing.T) {
	const seeds = 150
	total := 0
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			raw := newMapClient()
			b := &badNetwork{CompareAndSwapper: swapClient{raw}, dice: rand.New(rand.NewPCG(seed, 0))}
			r := &resource{}
			var wg sync.WaitGroup
			var mu sync.Mutex
			for w := range 4 {
				s := mustNew(t, b)
				wg.Go(func() {
					n, err := worker(t.Context(), s, fmt.Sprint("w", w), b, r)
					mu.Lock()
					defer mu.Unlock()
					total += n
					if err != nil {
						t.Errorf("seed %d: %v", seed, err)
					}
				})
			}
			wg.Wait()
			b.late.Wait()
		})
	}
	if total < seeds*5 {
		t.Errorf("the lock was held %d times only", total)
	}
}
