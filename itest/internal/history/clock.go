package history

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic reads the clock that all processes of a machine share, and that nobody can
// set: the time since it was started.
func Monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(fmt.Sprintf("history: clock_gettime: %v", err))
	}
	return time.Duration(ts.Nano())
}
