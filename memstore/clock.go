package memstore

import "time"

// clock reads the process' monotonic time since the store was made. For fences it
// also knows the wall time of that moment, so that they go on rising when the
// process is started again.
type clock struct {
	epoch time.Time
	wall  uint64 // µs since 1970
}

func newClock() clock {
	now := time.Now()
	return clock{epoch: now, wall: uint64(max(now.UnixMicro(), 0))}
}

func (c clock) now() time.Duration { return time.Since(c.epoch) }

func (c clock) micros(now time.Duration) uint64 { return c.wall + uint64(now.Microseconds()) }

// NowNano and Tick make the clock one of the cache engine's. It never ticks: then
// the engine starts no goroutine, and removes what has expired when it is used.
func (c clock) NowNano() int64                      { return int64(c.now()) }
func (c clock) Tick(time.Duration) <-chan time.Time { return nil }

// after is now+d, where NoExpiry is for ever.
func after(now, d time.Duration) time.Duration {
	if d > never-now {
		return never
	}
	return now + d
}

// until is the time from now to end, where never is for ever.
func until(now, end time.Duration) time.Duration {
	if end == never {
		return never
	}
	return max(end-now, 0)
}
