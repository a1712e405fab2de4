package check

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/memstore"
)

// ideal makes clients use the memory store at random, and returns what they saw in the
// seam. Requests and replies take time. Of some the outcome is unknown: the request
// was lost, or the reply, or it arrives long after.
type ideal struct {
	seed    uint64
	clients int
	ops     int
	unknown int // in percent
	spoil   func(driver.Store) driver.Store
}

var errLostReply = errors.New("nobody knows")

func (c ideal) run(t *testing.T) []history.Event {
	t.Helper()
	var sink history.Memory
	synctest.Test(t, func(t *testing.T) {
		inner, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		var store driver.Store = inner
		if c.spoil != nil {
			store = c.spoil(store)
		}
		start := time.Now()
		now := func() time.Duration { return time.Since(start) + time.Second }
		var all sync.WaitGroup
		for n := range c.clients {
			name := fmt.Sprintf("c%d", n)
			u := &idealUser{
				Rand: rand.New(rand.NewPCG(c.seed, uint64(n))), ideal: c, store: store.(driver.Queuer),
				rec: history.NewRecorder(name, now, &sink), name: name,
			}
			all.Go(func() {
				for range c.ops {
					u.act()
				}
				u.late.Wait()
			})
		}
		all.Wait()
	})
	return sink.Events()
}

// idealUser is one client.
type idealUser struct {
	*rand.Rand
	ideal
	store    driver.Queuer
	rec      *history.Recorder
	name     string
	holders  []string
	versions []uint64
	n        int
	late     sync.WaitGroup
}

func (u *idealUser) upTo(d time.Duration) time.Duration {
	x := time.Duration(u.Int64N(int64(d)))
	if u.IntN(2) == 0 {
		x = x.Round(time.Millisecond)
	}
	return x
}

// do is one request, with what may happen to it on its way. It runs on virtual time.
func (u *idealUser) do(e history.Event, ask func() (history.Event, error)) (history.Event, error) {
	e.Layer = history.Seam
	id := u.rec.Call(e)
	time.Sleep(u.upTo(3 * time.Millisecond))
	var r history.Event
	err := errLostReply
	if u.IntN(100) >= u.unknown {
		r, err = ask()
		time.Sleep(u.upTo(3 * time.Millisecond))
	} else {
		switch u.IntN(3) {
		case 0:
			_, _ = ask()
		case 1:
			after := u.upTo(200 * time.Millisecond)
			u.late.Go(func() {
				time.Sleep(after)
				_, _ = ask()
			})
		}
	}
	r.Layer, r.Op, r.Key, r.Outcome = history.Seam, e.Op, e.Key, idealOutcome(err)
	u.rec.Return(id, r)
	return r, err
}

func idealOutcome(err error) history.Outcome {
	for target, o := range map[error]history.Outcome{
		driver.ErrHeld: history.Held, driver.ErrLost: history.Lost, driver.ErrLimit: history.Limit,
		driver.ErrNotFound: history.NotFound, driver.ErrConflict: history.Conflict,
	} {
		if errors.Is(err, target) {
			return o
		}
	}
	if err != nil {
		return history.Unknown
	}
	return history.OK
}

func grantEvent(g driver.Grant, err error) (history.Event, error) {
	var limit *driver.LimitError
	if errors.As(err, &limit) {
		return history.Event{Limit: limit.Have}, err
	}
	return history.Event{Holder: g.Holder, Fence: g.Fence, Slots: g.Slots, TTL: g.TTL, At: g.At}, err
}

func (u *idealUser) holder() string {
	if len(u.holders) == 0 || u.IntN(3) == 0 {
		u.n++
		u.holders = append(u.holders, fmt.Sprintf("%s/%d", u.name, u.n))
		u.holders = u.holders[max(0, len(u.holders)-3):]
	}
	return u.holders[u.IntN(len(u.holders))]
}

func (u *idealUser) ttl() time.Duration { return max(u.upTo(40*time.Millisecond), driver.MinTTL) }

// act does one thing at random. It runs on virtual time.
func (u *idealUser) act() {
	time.Sleep(u.upTo(10 * time.Millisecond))
	if u.IntN(4) == 0 {
		u.record(context.Background(), fmt.Sprintf("r%d", u.IntN(2)))
	} else {
		u.lease(context.Background(), fmt.Sprintf("n%d", u.IntN(2)))
	}
}

func (u *idealUser) lease(ctx context.Context, name string) {
	e := history.Event{Key: name, Holder: u.holder(), Patience: u.ttl(), Limit: 1, Slots: 1}
	e.TTL = time.Duration(5+int(e.Holder[len(e.Holder)-1]-'0')*4) * time.Millisecond // a holder asks for the same each time
	if name == "n1" {
		e.Limit, e.Slots = 3, 1+len(e.Holder)*int(e.Holder[len(e.Holder)-1])%3
	}
	if u.IntN(20) == 0 {
		e.Limit++
	}
	req := driver.AcquireRequest{Name: name, Holder: e.Holder, Limit: e.Limit, Slots: e.Slots, TTL: e.TTL}
	grant := driver.Grant{Name: name, Holder: e.Holder}
	switch u.IntN(12) {
	case 0, 1:
		e.Op = opAcquire
		_, _ = u.do(e, func() (history.Event, error) { return grantEvent(u.store.Acquire(ctx, req)) })
	case 2, 3, 4:
		e.Op = opEnqueue
		_, _ = u.do(e, func() (history.Event, error) { return grantEvent(u.store.Enqueue(ctx, req, e.Patience)) })
	case 5, 6:
		e.Op = opRelease
		_, _ = u.do(e, func() (history.Event, error) { return history.Event{}, u.store.Release(ctx, grant) })
	case 7:
		e.Op = opExtend
		_, _ = u.do(e, func() (history.Event, error) { return grantEvent(u.store.Extend(ctx, grant, e.TTL)) })
	case 8:
		e.Op = opLeave
		_, _ = u.do(e, func() (history.Event, error) { return history.Event{}, u.store.Leave(ctx, name, e.Holder) })
	case 9:
		e.Op, e.Holder = opLook, u.name
		_, _ = u.do(e, func() (history.Event, error) {
			s, err := u.store.Look(ctx, name, u.name, e.Patience)
			r := history.Event{Waiting: s.Waiting}
			for _, g := range s.Grants {
				r.Grants = append(r.Grants, history.Grant{Holder: g.Holder, Fence: g.Fence, Slots: g.Slots, TTL: g.TTL})
			}
			return r, err
		})
	case 10:
		e.Op, e.Holder = opHolders, ""
		_, _ = u.do(e, func() (history.Event, error) {
			o, err := u.store.Holders(ctx, name)
			r := history.Event{Waiting: o.Waiting, Limit: o.Limit}
			for _, h := range o.Holders {
				r.Grants = append(r.Grants, history.Grant{Holder: h.ID, Fence: h.Fence, Slots: h.Slots, TTL: h.TTL})
			}
			return r, err
		})
	case 11:
		if u.IntN(4) == 0 {
			e.Op, e.Holder = opEvict, ""
			_, _ = u.do(e, func() (history.Event, error) { return history.Event{}, u.store.Evict(ctx, name) })
		}
	}
}

func (u *idealUser) record(ctx context.Context, key string) {
	u.n++
	value := fmt.Sprintf("%s-%d", u.name, u.n)
	e := history.Event{Key: key, TTL: u.ttl()}
	version := uint64(1)
	if len(u.versions) > 0 {
		version = u.versions[len(u.versions)-1]
	}
	switch u.IntN(3) {
	case 0:
		e.Op = opLoad
		r, err := u.do(e, func() (history.Event, error) {
			r, err := u.store.Load(ctx, key)
			return history.Event{Value: string(r.Value), Version: uint64(r.Version), TTL: r.TTL}, err
		})
		if err == nil {
			u.versions = append(u.versions, r.Version)
		}
	case 1:
		w := driver.Write{If: driver.Condition(u.IntN(3)), TTL: e.TTL}
		if w.If == driver.IfVersion {
			w.Version = driver.Version(version)
		}
		e.Op, e.Value, e.If, e.Version = opSave, value, []string{"always", "absent", "version"}[w.If], uint64(w.Version)
		_, _ = u.do(e, func() (history.Event, error) {
			v, err := u.store.Save(ctx, key, []byte(value), w)
			return history.Event{Version: uint64(v)}, err
		})
	case 2:
		if u.IntN(2) == 0 {
			version = 0
		}
		e.Op, e.Version = opDelete, version
		_, _ = u.do(e, func() (history.Event, error) {
			return history.Event{}, u.store.Delete(ctx, key, driver.Version(version))
		})
	}
}

// What an ideal store does is nothing to complain of.
func TestIdealStore(t *testing.T) {
	for _, c := range []ideal{
		{clients: 1, ops: 200},
		{clients: 4, ops: 60},
		{clients: 3, ops: 40, unknown: 5},
		{clients: 8, ops: 12},
	} {
		undecided, all := 0, 0
		for seed := range uint64(40) {
			c.seed = seed
			events := c.run(t)
			r := Run(events, Config{End: history.Forever})
			for _, v := range r.Violations {
				t.Errorf("%+v: %s of %s: %s", c, v.Rule, v.Key, v.Text)
				for _, o := range ops(v.Events, history.Seam) {
					t.Logf("%v..%v %s", o.call.T, o.ret.T, o.text())
				}
			}
			if t.Failed() {
				return
			}
			undecided += len(r.Undecided)
			all += r.Histories
		}
		if undecided*20 > all {
			t.Errorf("%+v: %d of %d histories are undecided", c, undecided, all)
		}
	}
}
