package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/moby/locker"
	"k8s.io/utils/keymutex"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
)

// mapLock is the least a keyed lock can be: a map under a mutex, without expiry,
// fence, owner or waiting.
type mapLock struct {
	mu   sync.Mutex
	held map[string]struct{}
}

func (l *mapLock) acquire(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.held[key]; ok {
		return false
	}
	l.held[key] = struct{}{}
	return true
}

func (l *mapLock) release(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, key)
}

// inMemory returns an instance on a memory store of its own.
func (l *lab) inMemory() *cachify.Cachify {
	c, err := cachify.New(nil, nil)
	l.must(err)
	l.atEnd(func() { _ = c.Close(context.Background()) })
	return c
}

// memoryLock is a keyed lock in one process: do acquires and releases key.
type memoryLock struct {
	contestant
	do func(key string) error
}

// memoryLocks are what is compared. opts are for cachify.
func (l *lab) memoryLocks(opts ...cachify.LockOption) []memoryLock {
	ctx := context.Background()
	c := l.inMemory()
	bare := &mapLock{held: make(map[string]struct{})}
	named, hashed := locker.New(), keymutex.NewHashed(0)
	return []memoryLock{
		{contestant{name: "cachify", kind: ours}, func(key string) error {
			lease, err := c.Lock(key, opts...).Acquire(ctx)
			if err != nil {
				return err
			}
			return lease.Release(ctx)
		}},
		{contestant{name: "map under a mutex", kind: limit}, func(key string) error {
			for !bare.acquire(key) {
				runtime.Gosched()
			}
			bare.release(key)
			return nil
		}},
		{contestant{name: "moby/locker", kind: peer, module: "github.com/moby/locker"}, func(key string) error {
			named.Lock(key)
			return named.Unlock(key)
		}},
		{contestant{name: "Kubernetes keymutex", kind: peer, module: "k8s.io/utils"}, func(key string) error {
			hashed.LockKey(key)
			return hashed.UnlockKey(key)
		}},
	}
}

const aboutMemoryLocks = "None of the others has leases that expire, fences, holders, or a wait that can be given up. " +
	"The map cannot wait at all: where the key is held it yields the processor and tries again. " +
	"moby/locker has a mutex for each key in use, keymutex a few mutexes that all keys share."

// aloneName is the memory store without leases over it.
const aloneName = "the memory store alone"

func (l *lab) storeAlone() contestant {
	store, err := memstore.New(nil)
	l.must(err)
	l.atEnd(func() { _ = store.Close() })
	ctx := context.Background()
	req := driver.AcquireRequest{Name: "invoice-42", Holder: driver.NewClient().NewHolder(), Limit: 1, Slots: 1, TTL: leaseTime}
	return contestant{name: aloneName, kind: limit, measure: l.timed(func() error {
		grant, err := store.Acquire(ctx, req)
		if err != nil {
			return err
		}
		return store.Release(ctx, grant)
	})}
}

// withHolderName is the memory store with what a lease cannot do without.
const withHolderName = "the memory store, a holder each time, five clock readings"

// storeWithHolder is storeAlone with what makes it safe: a holder that nobody else
// is, a deadline counted from before the request, and a look at the clock whether it is
// past, after the grant and at the release.
func (l *lab) storeWithHolder() contestant {
	store, err := memstore.New(nil)
	l.must(err)
	l.atEnd(func() { _ = store.Close() })
	ctx, me, epoch := context.Background(), driver.NewClient(), time.Now()
	req := driver.AcquireRequest{Name: "invoice-42", Limit: 1, Slots: 1, TTL: leaseTime}
	return contestant{name: withHolderName, kind: limit, measure: l.timed(func() error {
		req.Holder = me.NewHolder()
		deadline := time.Since(epoch) + leaseTime
		grant, err := store.Acquire(ctx, req)
		if err != nil {
			return err
		}
		atGrant, atRelease := time.Since(epoch), time.Since(epoch)
		if max(atGrant, atRelease) > deadline {
			return errors.New("the machine was stopped")
		}
		return store.Release(ctx, grant)
	})}
}

func memoryUncontended(l *lab) *Group {
	var all []contestant
	for _, m := range l.memoryLocks() {
		m.measure = l.timed(func() error { return m.do("invoice-42") })
		all = append(all, m.contestant)
	}
	waits := l.memoryLocks(cachify.Wait(cachify.Forever))[0]
	waits.name, waits.measure = "cachify, with Wait", l.timed(func() error { return waits.do("invoice-42") })
	c, ctx := l.inMemory(), context.Background()
	lock := c.Lock("invoice-42")
	once := contestant{name: "cachify, Lock made once", kind: ours, measure: l.timed(func() error {
		lease, err := lock.Acquire(ctx)
		if err != nil {
			return err
		}
		return lease.Release(ctx)
	})}
	all = append(all, once, waits.contestant, l.storeAlone(), l.storeWithHolder())
	return l.inTurn(&Group{
		Section: sectionMemory, Title: "A free lock, one goroutine",
		About: aboutMemoryLocks, What: "acquire + release", Unit: "ns", Subject: "cachify",
		Columns: []Column{allocations},
	}, 15, all)
}

func memoryOwnKeys(l *lab) *Group {
	keys := make([]string, 64)
	for i := range keys {
		keys[i] = "invoice-" + strconv.Itoa(i)
	}
	return memoryCrowd(l, &Group{
		Section: sectionMemory, Title: "64 goroutines, each with a key of its own",
		About: "Pairs of acquire and release, of all goroutines together.",
	}, keys, l.memoryLocks())
}

func memoryOneKey(l *lab) *Group {
	return memoryCrowd(l, &Group{
		Section: sectionMemory, Title: "64 goroutines, one key",
		About: "Each acquires with a wait and releases at once. cachify serves in order those who have asked, so that each pair has to " +
			"wait until another goroutine runs, and what is uneven is when they come to run; a mutex lets the one that runs go on, " +
			"which makes more pairs and serves unevenly. " +
			"max : min is how often the goroutine served most had the lock, for each time of the one served least.",
		Columns: []Column{{Key: "uneven", Title: "max : min"}},
	}, slices.Repeat([]string{"invoice-42"}, 64), l.memoryLocks(cachify.Wait(cachify.Forever)))
}

func memoryCrowd(l *lab, g *Group, keys []string, locks []memoryLock) *Group {
	g.What, g.Unit, g.More, g.Subject = "acquire + release", "pairs/s", true, "cachify"
	var all []contestant
	for _, m := range locks {
		m.measure = func() sample {
			c := l.during(len(keys), l.long(100*time.Millisecond), func(i int) error { return m.do(keys[i]) })
			return sample{c.perSecond(), map[string]float64{"uneven": c.uneven()}}
		}
		all = append(all, m.contestant)
	}
	return l.inTurn(g, 11, all)
}
