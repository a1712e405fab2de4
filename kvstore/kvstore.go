package kvstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// FenceMemoryDefault is the default of [Options.FenceMemory].
const FenceMemoryDefault = 24 * time.Hour

// Options configure a store. nil and the zero value mean the defaults.
type Options struct {
	// FenceMemory is how long the last fence of a name is remembered after its last
	// acquisition. It has to be longer than the wall clocks of any two clients can
	// differ. At least one second. 0: [FenceMemoryDefault]. Without compare and swap
	// there are no fences, and it means nothing.
	FenceMemory time.Duration
}

// Store is a [driver.Store] on a [Client]. Make it with [New].
type Store struct {
	client  Client
	swapper CompareAndSwapper // nil: the client cannot
	memory  time.Duration
	clock   clock
	writes  atomic.Uint64 // makes each lease's bytes unique
	closed  atomic.Bool
}

var _ driver.Store = (*Store)(nil)

// New returns a store that keeps everything in client. Any number of stores, in any
// number of processes, can work on the same engine.
func New(client Client, o *Options) (*Store, error) {
	if client == nil {
		return nil, fmt.Errorf("kvstore: %w: the client is nil", driver.ErrInvalid)
	}
	memory := FenceMemoryDefault
	if o != nil && o.FenceMemory != 0 {
		memory = o.FenceMemory
	}
	if memory < time.Second || memory > driver.MaxTTL {
		return nil, fmt.Errorf("kvstore: %w: a FenceMemory of %v: it must be from %v to %v, or 0 for the default", driver.ErrInvalid, memory, time.Second, driver.MaxTTL)
	}
	s := &Store{client: client, memory: memory, clock: clock{base: time.Now(), id: rand.Text()}}
	s.swapper, _ = client.(CompareAndSwapper)
	return s, nil
}

// Capabilities says what the store can do. It depends on whether its client is a
// [CompareAndSwapper], so a wrapper around a client should be one only if what it
// wraps is.
func (s *Store) Capabilities() driver.Capabilities {
	if s.swapper == nil {
		return driver.Capabilities{Lacks: driver.LackExtend | driver.LackLimits | driver.LackFences}
	}
	return driver.Capabilities{Lacks: driver.LackLimits}
}

// Close makes every later call return [driver.ErrClosed]. The client stays open: it
// belongs to who made it.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// begin checks what comes before everything else.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return driver.ErrClosed
	}
	return nil
}

// maxRounds bounds how often a method starts again because others changed the key
// between its steps.
const maxRounds = 1000

// errBusy ends a method that lost every round. The outcome counts as unknown.
var errBusy = errors.New("kvstore: the key keeps changing")

// rounds calls step until it is done, and starts again if it was overtaken.
func rounds[T any](ctx context.Context, step func() (T, bool, error)) (T, error) {
	var zero T
	for range maxRounds {
		v, done, err := step()
		if err != nil {
			return zero, err
		}
		if done {
			return v, nil
		}
		if err := ctx.Err(); err != nil {
			return zero, err
		}
	}
	return zero, errBusy
}
