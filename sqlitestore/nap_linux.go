package sqlitestore

import (
	"time"

	"golang.org/x/sys/unix"
)

// nap sleeps for less than a millisecond. Timers of an idle program are not precise
// enough for that.
func nap(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&t, nil)
}
