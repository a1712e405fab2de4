package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/sqlitestore"
)

// decades are the numbers of keys that costs are compared at.
var decades = []int{100, 1_000, 10_000, 100_000, 1_000_000}

func keysTitle(n int) string { return number(float64(n)) + " keys" }

// flat is what an operation costs while more and more keys are in a store, 10² to limit.
// Each number of keys has a process of its own: what the collector has to go through
// would be shared otherwise.
func flat(title, what, about string, limit int, store string) func(l *lab) *Group {
	return flatBeside(title, what, about, limit, store, "")
}

// flatBeside is flat with what is under it beside it.
func flatBeside(title, what, about string, most int, store, under string) func(l *lab) *Group {
	return func(l *lab) *Group {
		g := &Group{
			Section: sectionScale, Title: title, What: what, Unit: "ns", Subject: keysTitle(decades[0]),
			About: about + " Each number of keys has a process of its own.",
		}
		var all []contestant
		for _, n := range decades {
			if n > most {
				break
			}
			all = append(all, contestant{keysTitle(n), ours, "", l.costs(store, n)})
			if under != "" {
				all = append(all, contestant{engineTitle(n), limit, "github.com/maypok86/otter/v2", l.costs(under, n)})
			}
		}
		return l.inTurn(g, 15, all)
	}
}

// costs starts a process that measures.
func (l *lab) costs(operation string, n int) func() sample {
	crowd := l.children(1, "costing", fmt.Sprintf("%s %d", operation, l.size(n)))
	length := strconv.FormatInt(l.long(40*time.Millisecond).Milliseconds(), 10)
	return func() sample { return sample{value: askAll[float64](l, crowd, length)[0]} }
}

// operations are what costing measures, on a store with n keys.
var operations = map[string]func(l *lab, n int) func() error{
	"lock-memory": func(l *lab, n int) func() error { return l.lockAmong(memoryStore(l), n) },
	"lock-redis":  func(l *lab, n int) func() error { return l.lockAmong(redisStore(l), n) },
	"lock-sqlite": func(l *lab, n int) func() error { return l.lockAmong(sqliteStore(l), n) },
	"hit-hot":     func(l *lab, n int) func() error { return l.hitAmong(n, min(n, 1000)) },
	"hit-all":     func(l *lab, n int) func() error { return l.hitAmong(n, n) },
	"engine-all": func(l *lab, n int) func() error {
		engine := l.engine()
		for i := range n {
			engine.Set(engineKey(i), &engineEntry{value: &user{"Ada"}})
		}
		return func() error {
			if e, ok := engine.GetIfPresent(engineKey(rand.IntN(n))); !ok || e == nil {
				return errMissing
			}
			return nil
		}
	},
}

// costing is the role of a process that measures one operation. Its argument: which, and
// among how many keys. It is asked how many milliseconds to take.
func costing(l *lab, argument string) func(string) any {
	name, n, _ := strings.Cut(argument, " ")
	do := operations[name](l, atoi(n))
	measure := func(length time.Duration) float64 {
		done, start := 0, time.Now()
		for time.Since(start) < length || done == 0 {
			for range 32 {
				l.must(do())
			}
			done += 32
		}
		return float64(time.Since(start).Nanoseconds()) / float64(done)
	}
	return func(request string) any {
		length := time.Duration(atoi(request)) * time.Millisecond
		measure(length / 2) // the others have had the processor's caches
		return measure(length)
	}
}

// lockAmong acquires and releases while n other keys are held.
func (l *lab) lockAmong(store driver.Store, n int) func() error {
	l.must(hold(l.ctx, store, n))
	c, err := cachify.New(store, nil)
	l.must(err)
	l.atEnd(func() { _ = c.Close(context.Background()) })
	i := 0
	return func() error {
		i++
		lease, err := c.Lock("free-" + strconv.Itoa(i%1000)).Acquire(l.ctx)
		if err != nil {
			return err
		}
		return lease.Release(l.ctx)
	}
}

// hold fills a store with leases.
func hold(ctx context.Context, store driver.Store, n int) error {
	me := driver.NewClient()
	return each(n, func(i int) error {
		_, err := store.Acquire(ctx, driver.AcquireRequest{
			Name: "PYC-held-" + strconv.Itoa(i), Holder: me.NewHolder(), Limit: 1, Slots: 1, TTL: 24 * time.Hour,
		})
		return err
	})
}

func memoryStore(l *lab) driver.Store {
	s, err := memstore.New(nil)
	l.must(err)
	l.atEnd(func() { _ = s.Close() })
	return s
}

func redisStore(l *lab) driver.Store {
	s, err := redisstore.New(l.ctx, redisstore.Options{URL: l.redis().url()})
	l.must(err)
	l.atEnd(func() { _ = s.Close() })
	return s
}

func sqliteStore(l *lab) driver.Store {
	s, err := sqlitestore.New(l.ctx, sqlitestore.Options{Path: l.dir() + "/cachify.db"})
	l.must(err)
	l.atEnd(func() { _ = s.Close() })
	return s
}

// hitAmong asks for so many of n results that are remembered, at random.
func (l *lab) hitAmong(n, asked int) func() error {
	f := l.remember(n)
	return func() error { return found(f.Call(l.ctx, rand.IntN(asked))) }
}

func engineTitle(n int) string { return "otter, " + keysTitle(n) }

func engineKey(i int) string { return "PYC-user-" + strconv.Itoa(i) + "-cached" }

// remember returns a cached function that remembers its results for 0 to n-1.
func (l *lab) remember(n int) *cachify.CachedFunc[int, *user] {
	store, err := memstore.New(&memstore.Options{MaxEntries: engineSize})
	l.must(err)
	l.atEnd(func() { _ = store.Close() })
	c, err := cachify.New(store, nil)
	l.must(err)
	l.atEnd(func() { _ = c.Close(context.Background()) })
	f := cachify.Must(cachify.Cached(c, "user-{id}", func(context.Context, int) (*user, error) { return &user{"Ada"}, nil }, cachify.TTL(time.Hour)))
	l.must(each(n, func(i int) error { return found(f.Call(l.ctx, i)) }))
	return f
}

// weights is the memory that leases and waiters take.
func weights(n int) func(l *lab) *Group {
	return func(l *lab) *Group {
		size := l.size(n)
		g := &Group{
			Section: sectionScale, Title: "Memory, " + number(float64(n)) + " of each",
			About: "Heap and stacks of the process after a collection, for each; a waiter's goroutine, and what calls Acquire in it, is part of it. " +
				"On Redis the server's memory besides. Each is measured in a new process.",
			What: "each takes", Unit: "bytes", Columns: []Column{{Key: "server", Title: "server", Unit: "bytes"}},
		}
		var all []contestant
		for _, w := range []struct{ name, argument string }{
			{"parked goroutine", "parked"},
			{"held lease, memory", "memory held"},
			{"waiter for one key, memory", "memory one-key"},
			{"waiter for a key of its own, memory", "memory own-keys"},
			{"held lease, Redis", "redis held"},
			{"waiter for one key, Redis", "redis one-key"},
		} {
			k := ours
			if w.argument == "parked" {
				k = limit
			}
			all = append(all, contestant{w.name, k, "", func() sample {
				part := l.part()
				defer part.close()
				if !strings.HasPrefix(w.argument, "redis") {
					return sample{askAll[float64](part, part.children(1, "weighing", w.argument), strconv.Itoa(size))[0], nil}
				}
				srv := part.redis()
				crowd := part.children(1, "weighing", w.argument+" "+srv.addr)
				before := srv.memory()
				own := askAll[float64](part, crowd, strconv.Itoa(size))[0]
				return sample{own, map[string]float64{"server": (srv.memory() - before) / float64(size)}}
			}})
		}
		return l.inTurn(g, 3, all)
	}
}

// weighing is the role of a process that is filled once, and says how many bytes each
// thing takes. Its argument: store, what, and where the store is.
func weighing(l *lab, argument string) func(string) any {
	words := strings.Fields(argument)
	if words[0] == "parked" {
		return func(request string) any { return l.weigh(atoi(request), l.park) }
	}
	var store driver.Store
	switch words[0] {
	case "memory":
		store = memoryStore(l)
	case "redis":
		s, err := redisstore.New(l.ctx, redisstore.Options{URL: "redis://" + words[2]})
		l.must(err)
		store = s // nothing is closed: the server ends too
	}
	c, err := cachify.New(store, nil)
	l.must(err)
	fill := map[string]func(c *cachify.Cachify, store driver.Store, n int){
		"held":     l.holdAll,
		"one-key":  func(c *cachify.Cachify, s driver.Store, n int) { l.wait(c, s, n, false) },
		"own-keys": func(c *cachify.Cachify, s driver.Store, n int) { l.wait(c, s, n, true) },
	}[words[1]]
	return func(request string) any {
		n := atoi(request)
		if words[1] == "own-keys" {
			l.must(hold(l.ctx, store, n)) // what they wait for is not weighed
		}
		return l.weigh(n, func(n int) { fill(c, store, n) })
	}
}

func (l *lab) weigh(n int, fill func(n int)) float64 {
	before := inUse()
	fill(n)
	return (inUse() - before) / float64(n)
}

func inUse() float64 {
	runtime.GC()
	runtime.GC() // what has a finalizer goes the second time
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

func (l *lab) park(n int) {
	for range n {
		go func() { <-l.ctx.Done() }()
	}
}

// kept are leases that somebody has.
var kept []*cachify.Lease

func (l *lab) holdAll(c *cachify.Cachify, _ driver.Store, n int) {
	kept = make([]*cachify.Lease, n)
	l.must(each(n, func(i int) (err error) {
		kept[i], err = c.Lock("held-"+strconv.Itoa(i), cachify.Expiry(24*time.Hour)).Acquire(context.Background())
		return err
	}))
}

// wait lets n goroutines wait for one key, or each for one of those that hold has made
// held, and returns when all do.
func (l *lab) wait(c *cachify.Cachify, store driver.Store, n int, own bool) {
	name := func(i int) string { return "held-" + strconv.Itoa(i) }
	names := n
	if !own {
		name = func(int) string { return "held-0" }
		names = 1
		l.must(hold(l.ctx, store, 1))
	}
	for i := range n {
		go func() { _, _ = c.Lock(name(i), cachify.Wait(cachify.Forever)).Acquire(l.ctx) }()
	}
	for i := range names {
		for {
			o, err := store.Holders(l.ctx, "PYC-"+name(i))
			l.must(err)
			if o.Waiting == n/names {
				break
			}
			l.pause(time.Millisecond)
		}
	}
}

// settle waits until no goroutine of an earlier measurement ends any more.
func (l *lab) settle() {
	for n, calm := runtime.NumGoroutine(), 0; calm < l.times(10); calm++ {
		l.pause(10 * time.Millisecond)
		if now := runtime.NumGoroutine(); now != n {
			n, calm = now, 0
		}
	}
}

// resources is what an instance has of goroutines and connections.
func resources(l *lab) *Group {
	n := l.size(1000)
	g := &Group{
		Section: sectionScale, Title: "Goroutines and connections of one instance",
		About: fmt.Sprintf("With %s leases or waiters. Goroutines: other than those that call Acquire. Connections: as the server counts them.", number(float64(n))),
		What:  "goroutines", Unit: "", Columns: []Column{{Key: "connections", Title: "connections"}},
	}
	stores := []struct {
		name string
		open func(l *lab) (store driver.Store, before int, connections func() float64)
	}{
		{"memory", func(l *lab) (driver.Store, int, func() float64) {
			before := runtime.NumGoroutine()
			return memoryStore(l), before, nil
		}},
		{"SQLite", func(l *lab) (driver.Store, int, func() float64) {
			before := runtime.NumGoroutine()
			return sqliteStore(l), before, nil
		}},
		{"Redis", func(l *lab) (driver.Store, int, func() float64) {
			srv := l.redis()
			own, before := srv.connections(), runtime.NumGoroutine()
			s, err := redisstore.New(l.ctx, redisstore.Options{URL: srv.url()})
			l.must(err)
			l.atEnd(func() { _ = s.Close() })
			return s, before, func() float64 { return srv.connections() - own }
		}},
	}
	var all []contestant
	for _, s := range stores {
		for _, state := range []struct {
			name    string
			callers int
			reach   func(l *lab, c *cachify.Cachify, store driver.Store)
		}{
			{"idle", 0, func(*lab, *cachify.Cachify, driver.Store) {}},
			{"leases held", 0, func(l *lab, c *cachify.Cachify, store driver.Store) { l.holdAll(c, store, n) }},
			{"leases kept alive", 0, func(l *lab, c *cachify.Cachify, _ driver.Store) {
				kept = make([]*cachify.Lease, n)
				l.must(each(n, func(i int) (err error) {
					kept[i], err = c.Lock("held-"+strconv.Itoa(i), cachify.KeepAlive()).Acquire(l.ctx)
					return err
				}))
			}},
			{"waiting for one key", n, func(l *lab, c *cachify.Cachify, store driver.Store) { l.wait(c, store, n, false) }},
			{"waiting for keys of their own", n, func(l *lab, c *cachify.Cachify, store driver.Store) {
				l.must(hold(l.ctx, store, n))
				l.wait(c, store, n, true)
			}},
		} {
			all = append(all, contestant{s.name + ", " + state.name, ours, "", func() sample {
				var got sample
				l.must(perform(l.ctx, l.brief, func(l *lab) {
					l.settle()
					store, before, connections := s.open(l)
					c, err := cachify.New(store, nil)
					l.must(err)
					l.atEnd(func() { _ = c.Close(context.Background()) })
					state.reach(l, c, store)
					l.pause(l.long(100 * time.Millisecond)) // what only began is over
					got.value = float64(runtime.NumGoroutine() - before - state.callers)
					if connections != nil {
						got.besides = map[string]float64{"connections": connections()}
					}
				}))
				return got
			}})
		}
	}
	return l.inTurn(g, 3, all)
}
