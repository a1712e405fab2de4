package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/rueidis"
)

const aboutRedis = "The server is one of the benchmark's own, on the loopback, without persistence. " +
	"Each library is used as its README says for one server, and with its defaults otherwise; redsync also on the client that cachify uses. "

// redisOwnKeys is acquire and release of keys that nobody else wants, with the processor
// time that a pair takes on either side.
func redisOwnKeys(goroutines int) func(l *lab) *Group {
	return func(l *lab) *Group {
		srv := l.redis()
		g := &Group{
			Section: sectionRedis,
			Title:   "Own keys, " + plural(goroutines, "goroutine"),
			About: aboutRedis + "The raw commands are no lock: nobody is told apart by them, and there is no fence. What compares and acts in " +
				"one step is a script on Redis, so the limit of a lock is two scripts that do nothing; and the limit of cachify, with the " +
				"queue, the fence and the holder that its scripts see to, is to send these without anything around them.",
			What: "acquire + release", Unit: "pairs/s", More: true, Subject: "cachify",
			Columns: []Column{{Key: "server", Title: "CPU a pair, server", Unit: "µs"}, {Key: "client", Title: "client", Unit: "µs"}},
		}
		var all []contestant
		for _, p := range append([]*redisPeer{cachifyPeer, rawPeer, tunedPeer, emptyPeer, fourPeer, barePeer, redsyncRueidisPeer}, lockPeers...) {
			client := p.connect(l, srv)
			pairs := func(length time.Duration) counts {
				ctx, cancel := context.WithCancel(context.Background()) // that of most requests can end
				defer cancel()
				return l.during(goroutines, length, func(i int) error {
					unlock, err := client.try(ctx, p.name+"-"+strconv.Itoa(i))
					if err != nil {
						return fmt.Errorf("%s: %w", p.name, err)
					}
					return unlock()
				})
			}
			pairs(l.long(50 * time.Millisecond)) // connects, and loads the scripts
			all = append(all, p.contestant(func() sample {
				server, own := srv.busy(), l.busy()
				c := pairs(l.long(150 * time.Millisecond))
				n := float64(c.total())
				return sample{c.perSecond(), map[string]float64{
					"client": micros(l.busy()-own) / n,
					"server": micros(srv.busy()-server) / n,
				}}
			}))
		}
		return l.inTurn(g, 21, all)
	}
}

func (p *redisPeer) contestant(measure func() sample) contestant {
	return contestant{p.name, p.kind, p.module, measure}
}

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 }

// busy returns the processor time that this process has used.
func (l *lab) busy() time.Duration {
	var u syscall.Rusage
	l.must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// percentiles are what latencies of a round are shown by.
var percentiles = []Column{{Key: "p99", Title: "p99", Unit: "µs"}, {Key: "samples", Title: "samples a round"}}

func latencies(took []time.Duration) sample {
	xs := make([]float64, len(took))
	for i, d := range took {
		xs[i] = micros(d)
	}
	return sample{median(xs), map[string]float64{"p99": percentile(xs, 99), "samples": float64(len(xs))}}
}

const (
	publishName = "PUBLISH → message"
	leastName   = "a script that compares, sets and publishes → goroutine"
)

// redisHandOver is the time from the moment at which the holder begins to release until
// Acquire returns to the one who waits in another client, beside that from a bare
// PUBLISH to the message.
func redisHandOver(l *lab) *Group {
	srv := l.redis()
	g := &Group{
		Section: sectionRedis, Title: "Hand-over to one waiter in another client",
		About: aboutRedis + "From the moment at which the holder begins to release, until Acquire returns to the waiter. The lock is held long " +
			"enough for the waiter to have settled, and where the waiter polls a random part of its longest pause more. redislock " +
			"waits for nobody by default; here it tries again every 50 ms.",
		What: "p50", Unit: "µs", Subject: "cachify", Columns: percentiles,
	}
	take := func(n int, one func() time.Duration) func() sample {
		return func() sample {
			took := make([]time.Duration, l.times(n))
			for i := range took {
				took[i] = one()
			}
			return latencies(took)
		}
	}
	all := []contestant{
		{publishName, limit, rueidisModule, take(25, l.publishing(srv))},
		{leastName, limit, rueidisModule, take(25, l.handingOverLeast(srv))},
	}
	for _, p := range append([]*redisPeer{cachifyPeer}, lockPeers...) {
		n := 25
		if p.polls > 0 {
			n = 6 // which take long
		}
		all = append(all, p.contestant(take(n, l.handingOver(srv, p))))
	}
	return l.inTurn(g, 15, all)
}

// wokenWithin is how long a waiter waits at most.
const wokenWithin = 5 * time.Second

// handingOver returns a function that takes one sample.
func (l *lab) handingOver(srv *redisServer, p *redisPeer) func() time.Duration {
	holder, waiter := p.connect(l, srv), p.connect(l, srv)
	ctx, key := context.Background(), p.name+"-handed-over"
	type acquired struct {
		at     time.Time
		unlock func() error
		err    error
	}
	return func() time.Duration {
		unlock, err := holder.lock(ctx, key)
		l.must(err)
		got := make(chan acquired, 1)
		go func() {
			ctx, cancel := context.WithTimeout(ctx, wokenWithin)
			defer cancel()
			unlock, err := waiter.lock(ctx, key)
			got <- acquired{time.Now(), unlock, err}
		}()
		settled := 10 * time.Millisecond
		if p.polls > 0 {
			settled += rand.N(p.polls)
		}
		l.pause(settled)
		start := time.Now()
		l.must(unlock())
		a := <-got
		if errors.Is(a.err, context.DeadlineExceeded) && p.name == "rueidislock" {
			return wokenWithin // it loses wake-ups now and then: an issue of long standing
		}
		l.must(a.err)
		l.must(a.unlock())
		return a.at.Sub(start)
	}
}

func (l *lab) publishing(srv *redisServer) func() time.Duration {
	sender, receiver := newRueidis(l, srv), newRueidis(l, srv)
	heard := make(chan time.Time, 1)
	conn, done := receiver.Dedicate()
	l.atEnd(done)
	conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(rueidis.PubSubMessage) { heard <- time.Now() }})
	ctx := context.Background()
	l.must(conn.Do(ctx, conn.B().Subscribe().Channel("channel").Build()).Error())
	return func() time.Duration {
		l.pause(10 * time.Millisecond) // as with the locks, so that all begin as cold
		start := time.Now()
		l.must(sender.Do(ctx, sender.B().Publish().Channel("channel").Message("x").Build()).Error())
		return (<-heard).Sub(start)
	}
}

// handingOverLeast returns a function that takes one sample of the least that hands
// over to one who is known: a script that looks whose the lock is, writes whose it is
// now, and tells, and a goroutine that waits for that.
func (l *lab) handingOverLeast(srv *redisServer) func() time.Duration {
	sender, receiver := newRueidis(l, srv), newRueidis(l, srv)
	script := rueidis.NewLuaScript("if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end " +
		"redis.call('SET', KEYS[1], ARGV[2], 'PX', 30000) redis.call('PUBLISH', KEYS[1], ARGV[2]) return 1")
	heard := make(chan struct{}, 1)
	conn, done := receiver.Dedicate()
	l.atEnd(done)
	conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(rueidis.PubSubMessage) { heard <- struct{}{} }})
	ctx, key := context.Background(), "least"
	l.must(conn.Do(ctx, conn.B().Subscribe().Channel(key).Build()).Error())
	return func() time.Duration {
		l.must(sender.Do(ctx, sender.B().Set().Key(key).Value("one").Build()).Error())
		woken := make(chan time.Time, 1)
		go func() {
			<-heard
			woken <- time.Now()
		}()
		l.pause(10 * time.Millisecond)
		start := time.Now()
		if n, err := script.Exec(ctx, sender, []string{key}, []string{"one", "two"}).AsInt64(); err != nil || n != 1 {
			l.fail("the script: %d, %w", n, err)
		}
		return (<-woken).Sub(start)
	}
}

const perClient = 8 // goroutines

// redisOneKey is one key that all want and each holds for 1 ms: how many get it, how
// evenly, and what that costs the server.
func redisOneKey(clients int) func(l *lab) *Group {
	length := 1500 * time.Millisecond
	if clients > 8 {
		length = 8 * time.Second // or there are too few for each to tell how even they are
	}
	return func(l *lab) *Group {
		srv := l.redis()
		g := &Group{
			Section: sectionRedis,
			Title:   fmt.Sprintf("One key, %d clients × %d goroutines, held for 1 ms", clients, perClient),
			About: aboutRedis + "Counting begins when each goroutine has had the key, or after a second: then all are connected, have loaded their " +
				"scripts and have subscribed. Commands are those that clients send, as the server counts them; what scripts call is " +
				"not among them. Start: those of a client until then, the connecting included. max : min is how often the goroutine served most had the key, for each " +
				"time of the one served least; ∞: one had it not once.",
			What: "acquisitions", Unit: "a second", More: true, Subject: "cachify",
			Columns: []Column{
				{Key: "commands", Title: "commands each"}, {Key: "min", Title: "least served"}, {Key: "max", Title: "most served"},
				{Key: "uneven", Title: "max : min"}, {Key: "start", Title: "start, commands a client"},
			},
		}
		var all []contestant
		for _, p := range append([]*redisPeer{cachifyPeer}, lockPeers...) {
			all = append(all, p.contestant(func() sample { return l.contended(srv, p, l.size(clients), l.long(length)) }))
		}
		return l.inTurn(g, 3, all)
	}
}

// newKey numbers keys that were not there before.
var newKey atomic.Int64

// contended lets n clients want one key.
func (l *lab) contended(srv *redisServer, p *redisPeer, n int, length time.Duration) sample {
	part := l.part()
	defer part.close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	beginning := srv.commands(p.direct...)
	clients := make([]redisClient, n)
	for i := range clients {
		clients[i] = p.connect(part, srv)
	}
	t := newTally(n * perClient)
	key := fmt.Sprintf("hot-%d", newKey.Add(1))
	over := make(chan error, 1)
	go func() {
		over <- crowd(n*perClient, func(i int) error {
			for ctx.Err() == nil {
				unlock, err := clients[i/perClient].lock(ctx, key)
				if err != nil && ctx.Err() != nil {
					return nil //nolint:nilerr // it was told to stop
				}
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				t.served(i)
				hold := time.NewTimer(time.Millisecond)
				<-hold.C
				if err := unlock(); err != nil && ctx.Err() == nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
			}
			return nil
		})
	}()
	begun := time.NewTimer(l.long(time.Second))
	defer begun.Stop()
	select {
	case <-t.all:
	case <-begun.C:
	case err := <-over:
		l.fail("everybody has stopped: %w", err)
	}
	before, start := srv.commands(p.direct...), time.Now()
	t.reset()
	part.pause(length)
	for l.brief && t.total() == 0 {
		part.pause(length)
	}
	got := t.reset()
	took, sent := time.Since(start), srv.commands(p.direct...)-before
	cancel()
	l.must(<-over)
	c := counts{each: got, took: took}
	return sample{c.perSecond(), map[string]float64{
		"commands": float64(sent) / float64(max(c.total(), 1)),
		"start":    float64(before-beginning) / float64(n),
		"min":      float64(slices.Min(got)), "max": float64(slices.Max(got)), "uneven": c.uneven(),
	}}
}

// tally counts who was served how often.
type tally struct {
	mu      sync.Mutex
	got     []int
	missing int           // who was not served yet
	all     chan struct{} // closed when nobody is missing
}

func newTally(n int) *tally {
	return &tally{got: make([]int, n), missing: n, all: make(chan struct{})}
}

func (t *tally) served(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.got[i]++
	if t.got[i] == 1 && t.missing > 0 {
		if t.missing--; t.missing == 0 {
			close(t.all)
		}
	}
}

func (t *tally) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return counts{each: t.got}.total()
}

// reset begins anew, and returns what was counted.
func (t *tally) reset() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	got := t.got
	t.got, t.missing = make([]int, len(got)), 0
	return got
}
