package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A lab is where one group of measurements is made. Most of what fails in a benchmark
// ends it: must says so from any depth, and perform turns that into an error.
type lab struct {
	ctx   context.Context
	brief bool // everything for a moment only: the numbers mean nothing
	undo  []func()
}

// givenUp is what must panics with.
type givenUp struct{ err error }

// perform calls f, and undoes afterwards what it made.
func perform(ctx context.Context, brief bool, f func(*lab)) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &lab{ctx: ctx, brief: brief}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case givenUp:
			err = r.err
		default:
			panic(r)
		}
		l.close()
	}()
	f(l)
	return ctx.Err()
}

// must ends the group if err is not nil. Only for the goroutine that perform calls.
func (l *lab) must(err error) {
	if err != nil {
		panic(givenUp{err})
	}
}

// fail ends the group.
func (l *lab) fail(format string, args ...any) { l.must(fmt.Errorf(format, args...)) }

// atEnd calls f when the group is over, the last one first.
func (l *lab) atEnd(f func()) { l.undo = append(l.undo, f) }

func (l *lab) close() {
	for len(l.undo) > 0 {
		last := len(l.undo) - 1
		f := l.undo[last]
		l.undo = l.undo[:last]
		f()
	}
}

// part returns a lab for what is undone before the group is over, by its close.
func (l *lab) part() *lab { return &lab{ctx: l.ctx, brief: l.brief} }

// dir returns a new directory that is removed at the end.
func (l *lab) dir() string {
	dir, err := os.MkdirTemp("", "cachify-bench-")
	l.must(err)
	l.atEnd(func() { _ = os.RemoveAll(dir) })
	return dir
}

// times returns n, or in brief 1.
func (l *lab) times(n int) int {
	if l.brief {
		return 1
	}
	return n
}

// size returns n, or in brief a hundredth, but at least 4.
func (l *lab) size(n int) int {
	if l.brief {
		return min(n, max(4, n/100))
	}
	return n
}

// long returns d, or in brief a tenth, at most 20 ms.
func (l *lab) long(d time.Duration) time.Duration {
	if l.brief {
		return min(d/10, 20*time.Millisecond)
	}
	return d
}

// pause waits without using the processor.
func (l *lab) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.ctx.Done():
		l.must(l.ctx.Err())
	}
}

// crowd calls f for 0 to n-1, each in a goroutine of its own, and returns their errors.
func crowd(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// each is crowd with no more than 64 goroutines at a time.
func each(n int, f func(i int) error) error {
	var next atomic.Int64
	return crowd(min(n, 64), func(int) error {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	})
}
