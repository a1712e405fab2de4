package kvstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const (
	fencePrefix = "fence/"
	maxFence    = 1<<53 - 1
)

// nextFence raises the counter of name and returns what it raised it to. The caller
// holds the name, and has to prove afterwards that it still did.
func (s *Store) nextFence(ctx context.Context, name string) (uint64, error) {
	key := fencePrefix + name
	return rounds(ctx, func() (uint64, bool, error) {
		raw, found, err := s.client.Get(ctx, key)
		if err != nil {
			return 0, false, err
		}
		now := uint64(max(time.Now().UnixMicro(), 0))
		next := max(now, 1)
		if found {
			last, err := strconv.ParseUint(string(raw), 10, 64)
			if err != nil || last >= maxFence {
				return 0, false, fmt.Errorf("kvstore: the fence counter of %q is %.40q: not a number that can be raised", name, raw)
			}
			next = max(next, last+1)
		}
		ok, err := s.setCounter(ctx, key, raw, found, next, s.counterTTL(next, now))
		return next, ok, err
	})
}

func (s *Store) setCounter(ctx context.Context, key string, old []byte, found bool, n uint64, ttl time.Duration) (bool, error) {
	b := strconv.AppendUint(nil, n, 10)
	if !found {
		return s.client.SetIfAbsent(ctx, key, b, ttl)
	}
	return s.swapper.CompareAndSwap(ctx, key, old, b, ttl)
}

// counterTTL keeps a counter that is ahead of our clock until the clock has caught up
// with it, and the usual time longer: once it is gone, fences begin at the clock.
func (s *Store) counterTTL(counter, now uint64) time.Duration {
	ahead := counter - now
	if ahead > uint64((driver.MaxTTL-s.memory)/time.Microsecond) {
		return driver.NoExpiry
	}
	return s.memory + time.Duration(ahead)*time.Microsecond
}
