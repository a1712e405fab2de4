package itest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/itest/internal/seamlog"
)

// sweepTime is how long after the end leases and places may still be there: those of
// killed clients last as long as they were given, those around cached functions 30 s.
const sweepTime = 45 * time.Second

// sweep is the process that looks what is left.
func sweep(e Engine, c clientConfig) (err error) {
	c.End = history.Monotonic() + sweepTime
	store, err := open(context.Background(), e, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore(store)) }()
	return c.look(store)
}

// look waits until nobody holds anything and nobody waits, or the time for that is over,
// and writes down what there was in the end.
func (c clientConfig) look(store driver.Store) (err error) {
	names, err := namesIn(c.Sweep)
	if err != nil {
		return err
	}
	file, err := history.Create(c.Files[len(c.Files)-1])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	seen := seamlog.New(store, history.NewRecorder("sweep", history.Monotonic, file))
	deadline := time.Now().Add(sweepTime)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, name := range names {
		for !nothingLeft(store, name) && time.Now().Before(deadline) {
			<-tick.C
		}
		if _, err := holders(seen, name); err != nil {
			return err
		}
	}
	return nil
}

func nothingLeft(store driver.Store, name string) bool {
	o, err := holders(store, name)
	return err == nil && len(o.Holders) == 0 && o.Waiting == 0
}

// holders asks until there is an answer, for a while: where a client looks, what was
// broken for it may last a moment longer than its work.
func holders(store driver.Store, name string) (o driver.Occupancy, err error) {
	for range 10 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		o, err = store.Holders(ctx, name)
		cancel()
		if err == nil {
			break
		}
	}
	return o, err
}

// namesIn returns the names of leases that histories tell of.
func namesIn(files []string) ([]string, error) {
	events, err := history.Read(files...)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range events {
		if e.Layer == history.Seam && (e.Op == seamlog.Acquire || e.Op == seamlog.Enqueue) {
			names = append(names, e.Key)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
