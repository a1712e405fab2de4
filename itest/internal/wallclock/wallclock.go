package wallclock

import (
	"errors"
	"time"
)

// ErrUnsupported says that the wall clock of this process cannot be made wrong: it is no
// Linux on amd64, or the system does not let a program write code.
var ErrUnsupported = errors.New("wallclock: the clock of a process cannot be shifted here")

// Clock is the wall clock of this process. Make it with [New].
type Clock struct {
	shift *int64 // seconds, which the clock's function adds
}

// Shift makes the wall clock that much later than the machine's, or earlier, from now
// on. It is rounded to a second; 0 is the right time.
func (c *Clock) Shift(d time.Duration) { store(c.shift, int64(d.Round(time.Second)/time.Second)) }
