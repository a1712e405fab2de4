package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/itest/internal/check"
	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/itest/internal/seamlog"
	"github.com/go-cachify/cachify/itest/internal/workload"
)

// rest is how long after its last operation a schedule goes on until it is looked at
// what is left. It is longer than the longest lease (that of a load, 30 s), a place in
// the queue of a client that died, and the clean-up after a request that nobody answered
// take together.
const rest = 45 * time.Second

// Outcome is a schedule that was run.
type Outcome struct {
	Plan   Plan
	Events []history.Event
	Check  check.Config
	Counts faultstore.Counts // of all clients

	// Stuck are the clients that had not ended long after all faults were over.
	Stuck []string
}

// patience is how long clients may take to finish what they have begun when all faults
// are over. Nothing that they do waits longer than for some leases to run out.
const patience = 5 * time.Minute

// Run runs the schedule of a seed. It must be called in a bubble of testing/synctest,
// in which nothing else goes on. wrap spoils each store that the schedule makes; nil: it
// is sound.
func Run(seed int64, wrap func(driver.Store) driver.Store) Outcome {
	r := &run{plan: draw(seed), start: time.Now(), stopped: map[string]bool{}}
	r.engine = newEngine(wrap, r.plan.Objects)
	r.resource = &resource{rec: r.recorder("resource"), seen: map[string]uint64{}}
	r.faults = r.recorder("faults")
	if r.plan.Rates != (faultstore.Rates{}) {
		r.faults.Note(history.Event{Layer: history.Fault, Fault: "requests", Target: "all"})
	}
	for i := range r.plan.Clients {
		r.launch(fmt.Sprintf("c%d", i+1))
	}
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		r.breakThings()
	}()
	<-broken
	time.Sleep(time.Until(r.start.Add(r.plan.Load.Duration)))
	for _, c := range r.clients {
		if !c.dead {
			c.store.SetScript(nil)
		}
	}
	end := r.now()
	stuck := r.finish()
	time.Sleep(rest)
	r.lookAround()
	out := r.close(end)
	out.Stuck = stuck
	return out
}

// run is a schedule under way.
type run struct {
	plan     Plan
	start    time.Time
	engine   *engine
	resource *resource
	faults   *history.Recorder
	clients  []*client // the first ones, then those that came for others

	mu      sync.Mutex
	memory  history.Memory
	stopped map[string]bool // clients that see nothing any more
}

func (r *run) now() time.Duration { return time.Since(r.start) }

// finish waits for the clients, and names those that do not end by themselves.
func (r *run) finish() (stuck []string) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for _, c := range r.clients {
		select {
		case <-c.done:
		case <-limit.C:
			limit.Reset(0)
			stuck = append(stuck, c.name)
			c.cancel()
			<-c.done
		}
		c.store.Wait()
	}
	return stuck
}

func (r *run) recorder(name string) *history.Recorder { return history.NewRecorder(name, r.now, r) }

// Add implements [history.Sink]. A dead client writes nothing down, while what it had
// sent may still reach the store.
func (r *run) Add(e history.Event) {
	if e.Layer == history.User {
		r.mu.Lock()
		stopped := r.stopped[e.Client]
		r.mu.Unlock()
		if stopped {
			return
		}
	}
	r.memory.Add(e)
}

// client is one instance and those who use it.
type client struct {
	name   string
	store  *faultstore.Store
	c      *cachify.Cachify
	cancel context.CancelFunc
	done   chan struct{}
	dead   bool
	script faultstore.Script
}

// launch starts a client.
func (r *run) launch(name string) {
	rec := r.recorder(name)
	c := &client{name: name, done: make(chan struct{}), script: r.script(name)}
	c.store = faultstore.New(seamlog.New(r.engine, rec), c.script)
	var err error
	c.c, err = cachify.New(c.store, &cachify.Config{Prefix: "p-", LockPollInterval: r.plan.Poll, Events: workload.Events(rec)})
	if err != nil {
		panic(err)
	}
	load := r.plan.Load
	load.Client = name
	load.Duration -= r.now()
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() {
		defer close(c.done)
		if err := workload.Run(ctx, c.c, rec, r.resource, load); err != nil {
			panic(err)
		}
	}()
	r.clients = append(r.clients, c)
}

// script is the fate of a client's requests.
func (r *run) script(name string) faultstore.Script {
	seed := uint64(r.plan.Seed) * 31
	for _, b := range []byte(name) {
		seed = seed*31 + uint64(b)
	}
	random := faultstore.Random(seed, r.plan.Rates)
	return func(c faultstore.Call) faultstore.Fault {
		f := random(c)
		if (c.Op == faultstore.LoadObject || c.Op == faultstore.SaveObject) && hangs(f.Kind) {
			f = faultstore.Fault{Kind: faultstore.Fail} // what is in the process does not hang
		}
		if c.Op == faultstore.Extend && f.Kind == faultstore.Duplicate && !r.plan.DuplicateExtend {
			f.Kind, f.After = faultstore.None, 0
		}
		return f
	}
}

func hangs(k faultstore.Kind) bool {
	return k == faultstore.Hang || k == faultstore.HangReply || k == faultstore.Late
}

// unreachable is the script of a client that does not reach the store.
func unreachable(c faultstore.Call) faultstore.Fault {
	if c.Op == faultstore.LoadObject || c.Op == faultstore.SaveObject {
		return faultstore.Fault{Kind: faultstore.Fail}
	}
	return faultstore.Fault{Kind: faultstore.Drop}
}

// breakThings does what the plan says, one thing after the other.
func (r *run) breakThings() {
	for i := range r.plan.Breaks {
		b := r.plan.Breaks[i]
		time.Sleep(time.Until(r.start.Add(b.At)))
		r.note(b, history.Call)
		switch b.Kind {
		case Kill:
			r.kill(r.clients[b.Client])
			r.launch(r.clients[b.Client].name + "b")
		case Cut:
			c := r.clients[b.Client]
			if c.dead {
				continue
			}
			c.store.SetScript(unreachable)
			time.Sleep(b.For)
			c.store.SetScript(c.script)
		case Down, Restart:
			r.engine.goDown()
			time.Sleep(b.For)
			r.engine.comeBack(b.Kind == Restart)
		}
		r.note(b, history.Return)
	}
}

func (r *run) note(b Break, p history.Phase) {
	e := history.Event{Layer: history.Fault, Fault: string(b.Kind), Target: "store"}
	if b.Kind == Kill || b.Kind == Cut {
		e.Target = r.clients[b.Client].name
	}
	if p == history.Return {
		e.Fault += " over"
	}
	r.faults.Note(e)
}

// kill ends a client as if its process were gone: nothing that it does from now on
// reaches anybody, and nobody hears of it.
func (r *run) kill(c *client) {
	r.mu.Lock()
	r.stopped[c.name] = true
	r.mu.Unlock()
	c.dead = true
	c.store.SetScript(faultstore.Always(faultstore.Fault{Kind: faultstore.Fail, Err: driver.ErrClosed}))
	c.cancel()
}

// lookAround writes down what is left in the store.
func (r *run) lookAround() {
	s := seamlog.New(r.engine, r.recorder("observer"))
	for _, verb := range []string{"lock%d", "pool%d-pool", "once%d-once", "cached%d-cached-load"} {
		for k := range r.plan.Load.Keys {
			_, _ = s.Holders(context.Background(), "p-"+fmt.Sprintf(verb, k))
		}
	}
}

// close ends everything that may still be there.
func (r *run) close(end time.Duration) Outcome {
	out := Outcome{Plan: r.plan, Check: check.Config{Poll: r.plan.Poll, MayLose: r.plan.MayLose, End: end}}
	if rates := r.plan.Rates; rates != (faultstore.Rates{}) {
		out.Check.Late = 2 * rates.MaxDelay
		if rates.Late > 0 {
			out.Check.Late += 5 * time.Second // for which the client waited in vain
		}
	}
	for _, c := range r.clients {
		_ = c.c.Close(context.Background())
		c.cancel()
		out.Counts = out.Counts.Add(c.store.Counts())
		_ = c.store.Close()
	}
	out.Events = r.memory.Events()
	return out
}

// resource is what the locks guard.
type resource struct {
	rec  *history.Recorder
	mu   sync.Mutex
	seen map[string]uint64
	seq  uint64
}

// Write implements [workload.Resource].
func (g *resource) Write(_ context.Context, key string, fence uint64, holder string) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seq++
	e := history.Event{Layer: history.Resource, Op: history.Write, Key: key, Fence: fence, Holder: holder, Seq: g.seq, Outcome: history.OK}
	if fence < g.seen[key] {
		e.Outcome = history.Refused
	} else {
		g.seen[key] = fence
	}
	g.rec.Note(e)
	return e.Outcome == history.OK, nil
}
