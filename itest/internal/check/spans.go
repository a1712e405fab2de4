package check

import (
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// span is when something ends: it lasts until the earliest moment at least, and is over
// from the latest on.
type span struct{ earliest, latest time.Duration }

// clock is how a store's clock may differ from that of the history.
type clock struct{ exact bool }

// clockOf returns the clock of a run. That of a simulation is the history's own.
func clockOf(cfg Config) clock { return clock{cfg.Slack == 0} }

// unit is what a store rounds to that does not count in nanoseconds, twice: it may round
// both the time and the time to live.
const unit = 2 * time.Millisecond

// skew is by how much a time to live may be off.
func (c clock) skew(ttl time.Duration) time.Duration {
	if c.exact || ttl == history.Forever {
		return 0
	}
	return ttl/100 + unit
}

// end is when something ends that lasts for ttl and began between two moments.
func (c clock) end(from, to, ttl time.Duration) span {
	skew := c.skew(ttl)
	return span{plus(from, ttl) - skew, plus(plus(to, ttl), skew)}
}

// leaves reports whether what ends in s can have had so much time left between the two
// moments. A store may say less than is left, as one does that rounds.
func (c clock) leaves(s span, from, to, left time.Duration) bool {
	if left == history.Forever || s.earliest == history.Forever {
		return left == history.Forever && s.latest == history.Forever
	}
	skew := c.skew(left)
	return plus(from, left)-skew <= s.latest && plus(plus(to, left), skew) >= s.earliest
}
