package lazyctx

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type key struct{}

func limit(d time.Duration) *Limits { return &Limits{Length: d} }

func TestItCostsNothingUnasked(t *testing.T) {
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 7))
	var c Context
	hour := limit(time.Hour)
	allocs := testing.AllocsPerRun(10, func() {
		c = Context{}
		c.Start(parent, hour)
		if c.Err() != nil || c.Value(key{}) != 7 {
			t.Error("it is not like its parent")
		}
		c.Stop()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	c = Context{}
	c.Start(parent, limit(time.Hour))
	cancel()
	if !errors.Is(c.Err(), context.Canceled) {
		t.Error("the parent's end is not its own")
	}
}

func TestTheLimit(t *testing.T) {
	for _, detached := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			parent := context.WithValue(t.Context(), key{}, 7)
			var c Context
			if detached {
				c.StartDetached(parent, limit(time.Second))
			} else {
				c.Start(parent, limit(time.Second))
			}
			defer c.Stop()
			start := time.Now()
			if d, ok := c.Deadline(); !ok || d.Sub(start) != time.Second {
				t.Errorf("deadline %v, %v", d, ok)
			}
			<-c.Done()
			if took := time.Since(start); took != time.Second {
				t.Errorf("it ended after %v", took)
			}
			if !errors.Is(c.Err(), context.DeadlineExceeded) || c.Value(key{}) != 7 {
				t.Errorf("%v, %v", c.Err(), c.Value(key{}))
			}
		})
	}
}

func TestTheParentsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("cause")
		parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, 7))
		var attached, detached, asked Context
		attached.Start(parent, limit(time.Second))
		detached.StartDetached(parent, limit(time.Second))
		asked.StartDetached(parent, limit(time.Second))
		_ = asked.Done()
		cancel(cause)
		<-attached.Done()
		if !errors.Is(attached.Err(), context.Canceled) || context.Cause(&attached) != cause {
			t.Errorf("attached: %v, %v", attached.Err(), context.Cause(&attached))
		}
		for _, c := range []*Context{&detached, &asked} {
			if c.Err() != nil || context.Cause(c) != nil || c.Value(key{}) != 7 {
				t.Errorf("detached: %v, %v, %v", c.Err(), context.Cause(c), c.Value(key{}))
			}
			child, stop := context.WithCancel(c)
			if child.Err() != nil {
				t.Error("a child of the detached one has ended")
			}
			stop()
			c.Stop()
		}
		attached.Stop()
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var early, late Context
		early.Start(t.Context(), limit(time.Hour))
		done := early.Done()
		early.Stop()
		<-done
		late.Start(t.Context(), limit(time.Hour))
		late.Stop()
		<-late.Done() // also if somebody asks only then
		if late.Err() == nil {
			t.Error("it has not ended")
		}
	})
}

func TestLimitsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := limit(time.Second)
		parent := context.WithValue(context.Background(), key{}, 7)
		var first, later, other, attached Context
		first.StartDetached(parent, second)
		later.Start(parent, second)
		other.Start(parent, second)
		attached.Start(t.Context(), second)
		_ = first.Done()
		time.Sleep(100 * time.Millisecond)
		if later.Done() != first.Done() {
			t.Error("a tenth of the limit later there is another one")
		}
		if attached.Done() == first.Done() {
			t.Error("one whose parent can end shares")
		}
		time.Sleep(time.Nanosecond)
		if other.Done() == first.Done() {
			t.Error("more than a tenth later it is still the same")
		}
		child, stop := context.WithCancel(&first)
		defer stop()
		if child.Value(key{}) != 7 {
			t.Error("a child has not the parent's values")
		}
		first.Stop()
		if later.Err() != nil {
			t.Error("one has ended the limit of another")
		}
		<-child.Done()
		for _, c := range []context.Context{&first, &later, child} {
			if !errors.Is(c.Err(), context.DeadlineExceeded) {
				t.Errorf("it ended with %v", c.Err())
			}
		}
		<-other.Done()
		attached.Stop()
	})
}
