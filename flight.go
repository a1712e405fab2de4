package cachify

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-cachify/cachify/driver"
)

// flights are the runs of cached functions of one instance that callers can still
// join, by name.
//
// A run leaves as soon as its function has returned, and when nobody waits for it
// any more, so that nobody joins one whose result was there before the call, or
// whose ctx has ended. (Those of other single-flight packages can be joined until
// the last waiter was told: under load, an error is then handed out for long.)
type flights struct {
	mu   sync.Mutex
	runs map[string]*flight
}

// flight is one run.
type flight struct {
	all  *flights
	name string

	done   chan struct{}
	result any // once done is closed; nil: the function ended its goroutine
	cancel context.CancelFunc

	// Under the mutex of all:
	waiting int            // callers
	version driver.Version // of what it will replace; 0: not known yet, or nothing
	blind   bool           // it will replace nothing: it could not reserve
}

// do joins the run of name, unless it is to be a new one, or begins one of fn, and
// waits for its result. The run goes on in a goroutine of its own, under a ctx with
// the values of ours that ends when nobody waits for it. The error is that of ctx, or
// errOwnResult.
func (fs *flights) do(ctx context.Context, name string, anew bool, fn func(context.Context, *flight) any) (any, error) {
	f := fs.join(ctx, name, anew, fn)
	if f == nil {
		return nil, errOwnResult
	}
	defer f.leave()
	select {
	case <-f.done:
		return f.result, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// errOwnResult is what a run gets that waits for its own end, which would never come.
var errOwnResult = fmt.Errorf("%w: the cached function calls itself with the same key, and would wait for itself", ErrInvalid)

// within is the chain of runs that a ctx stands under.
type within struct {
	run   *flight
	outer *within
}

type withinKey struct{}

// covers reports whether ctx comes from the run.
func (f *flight) covers(ctx context.Context) bool {
	for u, _ := ctx.Value(withinKey{}).(*within); u != nil; u = u.outer {
		if u.run == f {
			return true
		}
	}
	return false
}

// join returns the run to wait for; nil if ctx comes from that very run.
func (fs *flights) join(ctx context.Context, name string, anew bool, fn func(context.Context, *flight) any) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.runs[name]
	if f != nil && !anew && f.covers(ctx) {
		return nil
	}
	if f == nil || anew {
		f = &flight{all: fs, name: name, done: make(chan struct{})}
		outer, _ := ctx.Value(withinKey{}).(*within)
		ctx = context.WithValue(context.WithoutCancel(ctx), withinKey{}, &within{f, outer})
		ctx, f.cancel = context.WithCancel(ctx)
		if fs.runs == nil {
			fs.runs = make(map[string]*flight)
		}
		fs.runs[name] = f
		go f.run(ctx, fn)
	}
	f.waiting++
	return f
}

func (f *flight) run(ctx context.Context, fn func(context.Context, *flight) any) {
	defer f.cancel()
	defer close(f.done)
	defer f.close()
	f.result = fn(ctx, f)
}

// close keeps others from joining the run.
func (f *flight) close() {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	f.closeLocked()
}

func (f *flight) closeLocked() {
	if f.all.runs[f.name] == f {
		delete(f.all.runs, f.name)
	}
}

func (f *flight) leave() {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.closeLocked()
		f.cancel()
	}
}

// reserved notes the version of what the run will replace.
func (f *flight) reserved(v driver.Version) {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	f.version, f.blind = v, v == 0
}

// find returns the run of name, and a question to be asked with the version that is
// in the store: whether the run's result is out of date. nil: there is none.
func (fs *flights) find(name string) (run *flight, outdated func(driver.Version) bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.runs[name]
	if f == nil {
		return nil, nil
	}
	version, blind := f.version, f.blind
	return f, func(v driver.Version) bool { return blind || version != 0 && version != v }
}

// forget keeps others from joining the run of name.
func (fs *flights) forget(name string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.runs, name)
}
