package itest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Engine says how to start what a store works on, and how to reach it. Name, Start and
// Open have to be set.
type Engine struct {
	// Name is what -store calls it.
	Name string

	// Start starts an engine, with nothing in it, for one round. dir is a new directory
	// of its own, with a short path. It is called in the process that directs the run.
	// ctx bounds only the starting.
	Start func(ctx context.Context, dir string) (*Instance, error)

	// Open returns a store on a started engine. It is called in each client process, and
	// again if it fails: a client may be started while the engine is down. The store's
	// Close, if it has one, is called when the client is done.
	Open func(ctx context.Context, url string) (driver.Store, error)

	// OneProcess says that all clients have to be in one process, because the engine
	// lives in it. They share the store then, and are stopped and killed together.
	OneProcess bool

	// WallClocks says that the store goes by the wall clocks of its clients, as one of
	// package kvstore does for what is left of a record's time. Then none of them is set
	// wrong. Defaults to false: they must not matter.
	WallClocks bool

	// Mounts says that Start likes to mount file systems. It may, if the system lets it:
	// nobody but the run sees them, and they end with it.
	Mounts bool

	// KillLoses says that a killed client takes leases of others with it. Defaults to
	// false.
	KillLoses bool
}

// Instance is an engine that runs.
type Instance struct {
	// URL is what Open gets. It stays the same whatever happens to the engine.
	URL string

	// Faults are what can happen to the engine, besides what can happen to any client.
	Faults []Fault

	// Close ends the engine, broken or not. nil: there is nothing to end.
	Close func() error
}

// Fault is one way in which an engine breaks, and is mended again. It is called from one
// goroutine at a time, but other faults of the engine may be under way: those that
// cannot be together wait for each other.
type Fault struct {
	// Kind names it, such as "engine-kill". The kinds of an engine are different.
	Kind string

	// Loses says that the engine may forget by it what it has acknowledged. Then leases
	// may overlap, which is counted; but fences must not fall all the same.
	Loses bool

	// Break breaks it. What it draws comes from r, so that it is the same in each run
	// with the same seed. The run goes on meanwhile.
	Break func(ctx context.Context, r *rand.Rand) error

	// Mend mends it. It is called for each Break, also if that has failed or the run
	// ends early. nil: Break has done all.
	Mend func(ctx context.Context) error

	// Longest bounds how long it stays broken; the time is drawn. 0: 2 s.
	Longest time.Duration
}

func (f Fault) longest() time.Duration {
	if f.Longest == 0 {
		return 2 * time.Second
	}
	return f.Longest
}

func (e Engine) validate() error {
	switch {
	case e.Name == "":
		return errors.New("itest: an Engine has no Name")
	case e.Start == nil, e.Open == nil:
		return fmt.Errorf("itest: the Engine %q must have both Start and Open", e.Name)
	}
	return nil
}

func (i *Instance) close() error {
	if i.Close == nil {
		return nil
	}
	return i.Close()
}
