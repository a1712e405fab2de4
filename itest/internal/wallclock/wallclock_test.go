package wallclock_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/itest/internal/wallclock"
)

// The wall clock jumps, and nothing else does.
func TestShift(t *testing.T) {
	c, err := wallclock.New()
	if errors.Is(err, wallclock.ErrUnsupported) && (runtime.GOOS != "linux" || runtime.GOARCH != "amd64") {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := wallclock.New()
	if err != nil || again != c {
		t.Errorf("a second time: got %p, %v, want %p", again, err, c)
	}
	machine := history.Monotonic()
	before := time.Now()
	for _, d := range []time.Duration{time.Hour, -time.Hour, 0} {
		c.Shift(d)
		wrong := time.Now()
		if off := time.Duration(wrong.UnixNano()-before.UnixNano()) - d; off.Abs() > 10*time.Minute {
			t.Errorf("with a shift by %v the wall clock is %v from where it should be", d, off)
		}
	}
	here := time.Since(before)
	if past := history.Monotonic() - machine; here < 0 || here > past {
		t.Errorf("%v have passed, and the process' monotonic clock says %v", past, here)
	}
}
