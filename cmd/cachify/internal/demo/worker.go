package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/sqlitestore"
)

// Worker is one process of the demo.
type Worker struct {
	Name  string
	Store string // the path of the file
	Stay  bool   // it keeps the lock the second time, until it is killed
}

// The play. The lease is short, so that nobody waits long for one who was killed, and
// long enough for a machine that is busy.
const (
	lease = 2 * time.Second
	stay  = time.Minute
)

// rounds is how often each worker comes.
var rounds = map[string]int{Lock: 3, Pool: 5}

// One round of a worker: how long it holds the lock and a slot of the pool, and how
// long it rests before it comes again.
const (
	inLock = 180 * time.Millisecond
	inPool = 420 * time.Millisecond
	rest   = 120 * time.Millisecond
)

// Run plays the worker's part and writes what happens to events, in one write each. It
// ends early, without an error, when alive has an end: then who has started it is gone.
func (w Worker) Run(ctx context.Context, alive io.Reader, events io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, alive)
		cancel()
	}()
	store, err := sqlitestore.New(ctx, sqlitestore.Options{Path: w.Store})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	log := &eventLog{worker: w.Name, out: events}
	c, err := cachify.New(store, &cachify.Config{Events: &cachify.Events{Waiting: log.waiting}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	var wg sync.WaitGroup
	var errs [2]error
	wg.Go(func() { errs[0] = w.fight(ctx, log, Lock, w.lock(c), inLock) })
	wg.Go(func() { errs[1] = w.fight(ctx, log, Pool, w.pool(c), inPool) })
	wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errs[:]...)
}

// acquirer is a lock or a pool.
type acquirer interface {
	Acquire(ctx context.Context) (*cachify.Lease, error)
}

func (Worker) lock(c *cachify.Cachify) acquirer {
	return c.Lock(Lock, cachify.Wait(cachify.Forever), cachify.Expiry(lease), cachify.KeepAlive())
}

func (Worker) pool(c *cachify.Cachify) acquirer {
	return c.Pool(Pool, PoolSize, cachify.Wait(cachify.Forever), cachify.SlotExpiry(lease), cachify.KeepAlive())
}

// fight is all that a worker does with one thing.
func (w Worker) fight(ctx context.Context, log *eventLog, what string, a acquirer, hold time.Duration) error {
	for round := range rounds[what] {
		log.begin(what)
		held, err := a.Acquire(ctx)
		if err != nil {
			return err
		}
		log.write(Event{Kind: In, What: what, Fence: held.Fence()})
		if w.Stay && what == Lock && round == 1 {
			hold = stay
		}
		pause(held.Context(), ctx, hold)
		log.write(Event{Kind: Out, What: what})
		if err := held.Release(ctx); err != nil {
			return err
		}
		pause(ctx, ctx, rest)
	}
	return nil
}

// pause waits, but not for longer than a and b last.
func pause(a, b context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.Done():
	case <-b.Done():
	}
}

// eventLog writes events.
type eventLog struct {
	worker string

	mu     sync.Mutex
	out    io.Writer
	queued map[string]bool // of the turns that are under way
}

func (l *eventLog) write(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.locked(e)
}

func (l *eventLog) locked(e Event) {
	e.Worker = l.worker
	if line, err := json.Marshal(e); err == nil {
		_, _ = l.out.Write(append(line, '\n')) // if nobody reads, Run ends by that
	}
}

func (l *eventLog) begin(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queued == nil {
		l.queued = map[string]bool{}
	}
	l.queued[what] = false
	l.locked(Event{Kind: Wants, What: what})
}

// waiting is told of each refusal of one who stays in the queue. The first one is news.
func (l *eventLog) waiting(e cachify.WaitEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.queued[e.Key] {
		l.queued[e.Key] = true
		l.locked(Event{Kind: Queued, What: e.Key})
	}
}
