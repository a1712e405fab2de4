package workload

import (
	"context"
	"time"
)

// Resource is what the locks guard: it remembers, for each key, the largest fence that
// it has seen, refuses any smaller one, and writes its decisions down.
type Resource interface {
	// Write asks for a write to key under fence, by the holder. The error tells that
	// nobody knows whether it was accepted.
	Write(ctx context.Context, key string, fence uint64, holder string) (accepted bool, err error)
}

// Mix says how often what is done, by weights. Those that are 0 are not done.
type Mix struct {
	Lock, Pool, Once, Cached int

	// Force is the weight of releases by force. They hit only the last key of each
	// verb, which others use too.
	Force int
}

// DefaultMix is what a client does unless it is told otherwise.
var DefaultMix = Mix{Lock: 50, Pool: 20, Once: 10, Cached: 25, Force: 2}

// Config is what one client does.
type Config struct {
	// Seed is that of the round. Clients with different names do different things.
	Seed int64

	// Client is the client's name, and is unique in the round.
	Client string

	// Prefix stands before each key, so that rounds do not see each other's.
	Prefix string

	// Workers is how many goroutines there are. 0: 3.
	Workers int

	// Keys is how many keys each verb has. The first is hot: half of all operations are
	// on it. 0: 3.
	Keys int

	// Duration is for how long operations are begun. Those under way are finished.
	// 0: until ctx ends.
	Duration time.Duration

	// Operations is how many each worker does at most. 0: no bound.
	Operations int

	// MinExpiry and MaxExpiry bound how long leases last, and results are remembered.
	// 0: 20 ms and 1 s.
	MinExpiry, MaxExpiry time.Duration

	// MaxHold bounds how long something is held, if it is to be released in time, and
	// MaxPause the time between two operations. 0: 200 ms and 50 ms.
	MaxHold, MaxPause time.Duration

	// MaxWait bounds how long is waited in line. 0: 1 s.
	MaxWait time.Duration

	// Shorten makes leases be extended by different times, less than they had among them.
	// It is the one thing that a request which arrives late, or twice, can turn against
	// its sender: see the comment of cachify's Lease.Extend. Without it all extensions of
	// a lease are by the same time.
	Shorten bool

	// Mix is what is done. The zero Mix: DefaultMix.
	Mix Mix
}

func (cfg Config) withDefaults() Config {
	def(&cfg.Workers, 3)
	def(&cfg.Keys, 3)
	def(&cfg.MinExpiry, 20*time.Millisecond)
	def(&cfg.MaxExpiry, time.Second)
	def(&cfg.MaxHold, 200*time.Millisecond)
	def(&cfg.MaxPause, 50*time.Millisecond)
	def(&cfg.MaxWait, time.Second)
	def(&cfg.Mix, DefaultMix)
	return cfg
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
