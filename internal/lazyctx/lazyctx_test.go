package lazyctx

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type key struct{}

func TestItCostsNothingUnasked(t *testing.T) {
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 7))
	var c Context
	allocs := testing.AllocsPerRun(10, func() {
		c = Context{}
		c.Start(parent, time.Hour)
		if c.Err() != nil || c.Value(key{}) != 7 {
			t.Error("it is not like its parent")
		}
		c.Stop()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	c = Context{}
	c.Start(parent, time.Hour)
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
				c.StartDetached(parent, time.Second)
			} else {
				c.Start(parent, time.Second)
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
		attached.Start(parent, time.Second)
		detached.StartDetached(parent, time.Second)
		asked.StartDetached(parent, time.Second)
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
		early.Start(t.Context(), time.Hour)
		done := early.Done()
		early.Stop()
		<-done
		late.Start(t.Context(), time.Hour)
		late.Stop()
		<-late.Done() // also if somebody asks only then
		if late.Err() == nil {
			t.Error("it has not ended")
		}
	})
}
