package sqlitestore

import (
	"math"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

const (
	// never is the time, in µs, of what has no end.
	never = math.MaxInt64

	// maxWall is the year 2200. A system clock that says more is not believed: fences
	// have to fit 53 bits.
	maxWall = 7_258_118_400_000_000

	// A ceiling for numbers holds for an hour, or for a million numbers if they are
	// ahead of time.
	ceilingTime    = int64(time.Hour / time.Microsecond)
	ceilingNumbers = 1_000_000
)

// clockRow is the row of the file's clock.
//
// The file's time is that of the wall when the file was made, and goes on by the
// system's monotonic clock, which is the same for all processes: within one boot
// nobody can set it. With the next boot that clock begins anew, and the file's time
// goes on with the wall clock's, but never back.
type clockRow struct {
	era             string
	leases, records int64
	seen            int64
	number          int64
	ceiling         int64
}

func (r *clockRow) read(s *sqlite3.Stmt) {
	r.era = s.ColumnText(0)
	r.leases, r.records, r.seen = s.ColumnInt64(1), s.ColumnInt64(2), s.ColumnInt64(3)
	r.number, r.ceiling = s.ColumnInt64(4), s.ColumnInt64(5)
}

// systemTime is a reading of the system's clocks, in µs.
type systemTime struct {
	era     string // empty: there is only the wall clock
	running int64  // since the system started, without the time it was asleep
	up      int64  // since the system started
	wall    int64
}

func wall() int64 { return min(max(time.Now().UnixMicro(), 0), maxWall) }

// settle makes the row one for the system's era and returns the times of leases and
// of records. It changes the row only if the era is a new one.
func (r *clockRow) settle(sys systemTime) (now, recordsNow int64) {
	if sys.era == "" {
		now = max(sys.wall, r.seen)
		return now, now
	}
	if r.era != sys.era {
		base := max(sys.wall, r.seen)
		r.leases, r.records = base-sys.running, base-sys.up
		if bootOf(r.era) != bootOf(sys.era) {
			// The system may have lost its power, and with it the last commits.
			r.number = max(r.number, r.ceiling)
		}
		r.era = sys.era
	}
	return max(sys.running+r.leases, r.seen), sys.up + r.records
}

// bootOf returns the part of an era that changes when the system starts.
func bootOf(era string) string {
	boot, _, _ := strings.Cut(era, "/")
	return boot
}

// raise sets the ceiling above what is to be given from now on.
func (r *clockRow) raise(now int64) {
	r.ceiling = max(now+ceilingTime, r.number+ceilingNumbers)
}

// after is now+d in µs, rounded up; NoExpiry is for ever.
func after(now int64, d time.Duration) int64 {
	us := micros(d)
	if us > never-now {
		return never
	}
	return now + us
}

// micros rounds up; NoExpiry is never.
func micros(d time.Duration) int64 {
	if d == driver.NoExpiry {
		return never
	}
	us := d / time.Microsecond
	if d%time.Microsecond != 0 {
		us++
	}
	return int64(us)
}

// until is the time from now to end.
func until(now, end int64) time.Duration {
	if end == never {
		return driver.NoExpiry
	}
	return time.Duration(max(end-now, 0)) * time.Microsecond
}

// reading is a time of the file as package driver wants it.
func reading(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
