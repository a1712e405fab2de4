package itest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// graceTime is how long clients may take to end what they have begun when the round is
// over, and to be ready at its beginning.
const graceTime = time.Minute

// round is one round of a run. Its files are in a directory of its own.
type round struct {
	run    *run
	plan   plan
	dir    string
	prefix string
	engine *Instance
	start  time.Duration // on the machine's monotonic clock
	end    time.Duration // of the clients' work
	healed time.Duration // when all faults were over

	faults   *history.Recorder
	resource *process
	slots    []*slot

	mu       sync.Mutex
	files    []string // of histories
	counts   map[string]int
	failures []failure // of processes, and of the engine
}

// failure is what did not go as it should.
type failure struct {
	what string
	err  error
}

// slot is where a client process is, and when that is killed, the next one.
type slot struct {
	index int
	mu    sync.Mutex // one fault at a time; those that wait for it come later than planned
	made  int
	now   atomic.Pointer[process]
}

func (r *round) path(name string) string { return filepath.Join(r.dir, name) }

// history names a new file for a history.
func (r *round) history(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	file := r.path(name + ".jsonl")
	r.files = append(r.files, file)
	return file
}

func (r *round) failed(what string, err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, failure{what, err})
}

// do makes the round: when it returns, the histories are complete and nothing of it runs
// any more. ctx ends it early.
func (r *round) do(ctx context.Context) (err error) {
	file, err := history.Create(r.history("faults"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r.faults = history.NewRecorder("faults", history.Monotonic, file)
	defer r.stopAll()
	if err := r.startAll(ctx); err != nil {
		return err
	}
	length := r.run.Round
	for _, s := range r.slots {
		if err := r.startClient(s); err != nil {
			return err
		}
	}
	if err := r.awaitReady(ctx); err != nil {
		return err
	}
	r.start = history.Monotonic()
	r.end = r.start + length
	for _, s := range r.slots {
		s.now.Load().tell(beginLine + strconv.FormatInt(int64(r.start), 10))
	}
	r.breakThings(ctx)
	r.healed = history.Monotonic()
	r.drain(ctx)
	return r.sweep()
}

func (r *round) startAll(ctx context.Context) error {
	socket := r.path("resource.sock")
	var err error
	r.resource, err = r.run.starter.spawn(roleResource, resourceConfig{socket, r.history("resource")}, r.path("resource.err"))
	if err != nil {
		return err
	}
	<-r.resource.ready
	for i := range r.processes() {
		r.slots = append(r.slots, &slot{index: i})
	}
	return ctx.Err()
}

// processes is how many client processes there are at a time.
func (r *round) processes() int {
	if r.run.engine.OneProcess {
		return 1
	}
	return r.plan.clients
}

// startClient starts a client in a slot. The caller is alone with the slot.
func (r *round) startClient(s *slot) error {
	s.made++
	c := clientConfig{
		Engine: r.run.engine.Name, URL: r.engine.URL, Seed: int64(r.plan.seed >> 1), Prefix: r.prefix,
		Socket: r.path("resource.sock"), Start: r.start, End: r.end, Length: r.run.Round, Workers: r.plan.workers,
	}
	if r.plan.shifted == s.index || r.run.engine.OneProcess && r.plan.shifted >= 0 {
		c.Shift = time.Hour
	}
	first, last := s.index, s.index
	if r.run.engine.OneProcess {
		first, last = 0, r.plan.clients-1
		c.Sweep = r.clientFiles()
	}
	for i := first; i <= last; i++ {
		name := fmt.Sprintf("c%d", i+1)
		if s.made > 1 {
			name += "." + strconv.Itoa(s.made)
		}
		c.Names = append(c.Names, name)
		c.Files = append(c.Files, r.history(name))
	}
	if r.run.engine.OneProcess {
		c.Sweep = append(c.Sweep, c.Files...)
		c.Files = append(c.Files, r.history(fmt.Sprintf("sweep-%d", s.made)))
	}
	p, err := r.run.starter.spawn(roleClient, c, r.path(c.Names[0]+".err"))
	if err != nil {
		return err
	}
	s.now.Store(p)
	return nil
}

// clientFiles are those that the clients have made so far.
func (r *round) clientFiles() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var files []string
	for _, f := range r.files {
		if _, err := os.Stat(f); err == nil && filepath.Base(f)[0] == 'c' {
			files = append(files, f)
		}
	}
	return files
}

func (r *round) awaitReady(ctx context.Context) error {
	limit := time.NewTimer(graceTime)
	defer limit.Stop()
	for _, s := range r.slots {
		select {
		case <-s.now.Load().ready:
		case <-ctx.Done():
		case <-limit.C:
			return fmt.Errorf("client %d is not ready after %v", s.index+1, graceTime)
		}
	}
	return nil
}

// breakThings does what the plan says, each thing when its time has come, and returns
// when all is mended.
func (r *round) breakThings(ctx context.Context) {
	var running sync.WaitGroup
	locks := make(map[string]*sync.Mutex)
	for _, f := range r.engine.Faults {
		locks[f.Kind] = new(sync.Mutex)
	}
	for _, b := range r.plan.breaks {
		running.Go(func() {
			if !until(ctx, r.start+b.at) {
				return
			}
			if b.kind.client {
				r.hitClient(ctx, b)
				return
			}
			locks[b.kind.name].Lock()
			defer locks[b.kind.name].Unlock()
			r.hitEngine(ctx, b)
		})
	}
	running.Wait()
}

// until returns true at that time of the machine's clock, or false when ctx ends.
func until(ctx context.Context, at time.Duration) bool {
	return pause(ctx, at-history.Monotonic())
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// broken writes down that something is broken from now on, and returns what writes
// down that it is mended.
func (r *round) broken(kind, target string) (mended func()) {
	r.mu.Lock()
	r.counts[kind]++
	r.mu.Unlock()
	e := history.Event{Layer: history.Fault, Op: history.Op(kind), Fault: kind, Target: target}
	id := r.faults.Call(e)
	return func() { r.faults.Return(id, e) }
}

func (r *round) hitClient(ctx context.Context, b breakage) {
	s := r.slots[b.target%len(r.slots)]
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.now.Load()
	select {
	case <-p.done: // it has ended early
		return
	default:
	}
	name := fmt.Sprintf("c%d", s.index+1)
	if s.made > 1 {
		name += "." + strconv.Itoa(s.made)
	}
	if r.run.engine.OneProcess {
		name = history.AllClients
	}
	defer r.broken(b.kind.name, name)()
	switch b.kind.name {
	case killClient:
		p.kill()
		if pause(ctx, b.last) {
			r.failed("a client", r.startClient(s))
		}
	case stopClient:
		p.signal(syscall.SIGSTOP)
		pause(ctx, b.last)
		p.signal(syscall.SIGCONT)
	case wallClock:
		if r.run.engine.OneProcess {
			return // it is the engine's clock too: wrong from the start, or never
		}
		hour := int64(time.Hour / time.Second)
		if b.seed%2 == 0 {
			hour = -hour
		}
		p.tell(shiftLine + strconv.FormatInt(hour, 10))
		pause(ctx, b.last)
		p.tell(shiftLine + "0")
	}
}

func (r *round) hitEngine(ctx context.Context, b breakage) {
	i := slices.IndexFunc(r.engine.Faults, func(f Fault) bool { return f.Kind == b.kind.name })
	f := r.engine.Faults[i]
	defer r.broken(f.Kind, r.run.engine.Name)()
	err := f.Break(ctx, rand.New(rand.NewPCG(b.seed, 0)))
	if ctx.Err() == nil {
		r.failed(f.Kind, err)
	}
	if f.Mend == nil {
		return
	}
	pause(ctx, b.last)
	mending, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	r.failed("mending "+f.Kind, f.Mend(mending))
}

// drain waits until the clients have ended; when ctx ends they end early.
func (r *round) drain(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		for _, s := range r.slots {
			s.now.Load().finish()
		}
	})
	defer stop()
	for _, s := range r.slots {
		left := max(r.end-history.Monotonic(), 0)
		if r.run.engine.OneProcess {
			left += sweepTime // it looks what is left behind, too
		}
		r.failed(fmt.Sprintf("client c%d", s.index+1), s.now.Load().await(left+graceTime))
	}
}

// sweep looks what is left behind. Where all is in one process, that has done it.
func (r *round) sweep() error {
	if r.run.engine.OneProcess {
		return nil
	}
	c := clientConfig{Engine: r.run.engine.Name, URL: r.engine.URL, Sweep: r.clientFiles()}
	c.Files = []string{r.history("sweep")}
	p, err := r.run.starter.spawn(roleSweep, c, r.path("sweep.err"))
	if err != nil {
		return err
	}
	r.failed("looking what is left", p.await(graceTime+sweepTime))
	return nil
}

// stopAll ends whatever still runs.
func (r *round) stopAll() {
	for _, s := range r.slots {
		if p := s.now.Load(); p != nil {
			p.kill()
		}
	}
	if r.resource != nil {
		r.resource.finish()
		r.failed("the resource", r.resource.await(graceTime))
	}
}

// events are those of all histories. A process that was killed early has none.
func (r *round) events() ([]history.Event, error) {
	var files []string
	for _, f := range r.files {
		if _, err := os.Stat(f); err == nil {
			files = append(files, f)
		}
	}
	return history.Read(files...)
}
