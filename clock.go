package cachify

import (
	"math"
	"time"
)

// moment is a reading of an instance's clock: the monotonic time since the instance
// was made. Unlike a time.Time it is one word, and costs one reading of one clock.
type moment time.Duration

// never comes after every other moment.
const never moment = math.MaxInt64

// now reads the clock.
func (k *core) now() moment { return moment(time.Since(k.epoch)) }

// since is the time that has passed since m.
func (k *core) since(m moment) time.Duration { return time.Duration(k.now() - m) }

// until is the time left until m: 0 if it is past, [NoExpiry] if it never comes.
func (k *core) until(m moment) time.Duration {
	if m == never {
		return NoExpiry
	}
	return max(time.Duration(m-k.now()), 0)
}

// after is the moment d after m; never if d is [NoExpiry].
func (m moment) after(d time.Duration) moment {
	if d == NoExpiry {
		return never
	}
	return m + moment(d)
}
