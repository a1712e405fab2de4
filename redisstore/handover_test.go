package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

// queueing is a lock and those who want it. The same on two names leaves the same
// behind, but for the names and the times.
type queueing struct {
	t      *testing.T
	srv    *server
	client rueidis.Client
	store  *redisstore.Store
	name   string
	held   driver.Grant
	wakes  chan driver.Wake
}

func newQueueing(t *testing.T, srv *server, store *redisstore.Store, client rueidis.Client, name string) *queueing {
	c := &queueing{t: t, srv: srv, client: client, store: store, name: name, wakes: make(chan driver.Wake, 16)}
	for _, id := range []string{"host:1:a", "host:1:b"} {
		stop, err := store.Listen(t.Context(), name, id, func(w driver.Wake) { c.wakes <- w })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	g, err := store.Acquire(t.Context(), c.request("host:1:h/1", time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	c.held = g
	return c
}

func (c *queueing) request(holder string, ttl time.Duration) driver.AcquireRequest {
	return driver.AcquireRequest{Name: c.name, Holder: holder, Limit: 1, Slots: 1, TTL: ttl}
}

func (c *queueing) queue(holder string, ttl, patience time.Duration) {
	c.t.Helper()
	if _, err := c.store.Enqueue(c.t.Context(), c.request(holder, ttl), patience); !errors.Is(err, driver.ErrHeld) {
		c.t.Fatalf("Enqueue: %v, want ErrHeld", err)
	}
}

func (c *queueing) beside(what string) string { return "{" + c.name + "}:cachify:" + what }

// state is all that the server has about the name, and what it pushes to one who was
// handed the lock.
func (c *queueing) state() string {
	c.t.Helper()
	var b strings.Builder
	o, err := c.store.Holders(c.t.Context(), c.name)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range o.Holders {
		fmt.Fprintf(&b, "held by %s, %d slots, for %s\n", h.ID, h.Slots, about(h.TTL))
	}
	for _, z := range must(c.srv.do(c.client, "ZRANGE", c.beside("line"), "0", "-1", "WITHSCORES").AsZScores())(c.t) {
		score := "a time"
		if z.Score >= 0 {
			score = strconv.FormatFloat(z.Score, 'f', 0, 64)
		} else if z.Score == -1<<53+1 {
			score = "for ever"
		}
		fmt.Fprintf(&b, "line: %s %s\n", z.Member, score)
	}
	notes := must(c.srv.do(c.client, "HGETALL", c.beside("notes")).AsStrMap())(c.t)
	for _, field := range slices.Sorted(maps.Keys(notes)) {
		fmt.Fprintf(&b, "notes: %s = %s\n", field, notes[field])
	}
	for _, key := range []string{c.name, c.beside("line"), c.beside("notes")} {
		ms := must(c.srv.do(c.client, "PTTL", key).ToInt64())(c.t)
		fmt.Fprintf(&b, "%s: %s\n", strings.ReplaceAll(key, c.name, "NAME"), about(time.Duration(ms)*time.Millisecond))
	}
	if has := holderOf(o); strings.HasPrefix(has, "host:") && has != c.held.Holder {
		select {
		case w := <-c.wakes:
			if w.Grant.Fence != o.Holders[0].Fence {
				c.t.Errorf("the push tells of fence %d, the lock has %d", w.Grant.Fence, o.Holders[0].Fence)
			}
			fmt.Fprintf(&b, "push: %s, %d slots, for %s\n", w.Grant.Holder, w.Grant.Slots, about(w.Grant.TTL))
		case <-time.After(time.Minute):
			c.t.Error("no push")
		}
	}
	return b.String()
}

// about is a time to live, roughly.
func about(d time.Duration) string {
	switch {
	case d == driver.NoExpiry || d == -time.Millisecond:
		return "ever"
	case d < 0:
		return "no time: there is none"
	}
	return d.Round(10 * time.Minute).String()
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil && !rueidis.IsRedisNil(err) {
			t.Fatal(err)
		}
		return v
	}
}

// A release that hands a lock over has a short way. Leave, of a holder, comes to the
// same by the general one.
func TestAReleaseIsWhatLeavingIs(t *testing.T) {
	srv := startServer(t)
	store, client := srv.store(), srv.client()
	const soon, minutes, hour, foreign = 30 * time.Millisecond, 10 * time.Minute, time.Hour, "a foreign program's"
	tests := map[string]struct {
		do   func(*queueing)
		next string // who has the lock then
	}{
		"one waits": {func(c *queueing) { c.queue("host:1:a/1", minutes, hour) }, "host:1:a/1"},
		"two of one client wait": {func(c *queueing) {
			c.queue("host:1:a/1", minutes, hour)
			c.queue("host:1:a/2", hour, hour)
		}, "host:1:a/1"},
		"two clients wait": {func(c *queueing) {
			c.queue("host:1:b/1", minutes, hour)
			c.queue("host:1:a/1", minutes, hour)
			c.queue("host:1:b/2", minutes, hour)
		}, "host:1:b/1"},
		"a lease for ever":  {func(c *queueing) { c.queue("host:1:a/1", driver.NoExpiry, hour) }, "host:1:a/1"},
		"patience for ever": {func(c *queueing) { c.queue("host:1:a/1", minutes, driver.NoExpiry) }, "host:1:a/1"},
		"patience for ever, and another's": {func(c *queueing) {
			c.queue("host:1:a/1", minutes, driver.NoExpiry)
			c.queue("host:1:b/1", minutes, hour)
		}, "host:1:a/1"},
		"patience that is over": {func(c *queueing) {
			c.queue("host:1:a/1", minutes, soon)
			c.queue("host:1:b/1", minutes, hour)
			c.impatient("host:1:a")
		}, "host:1:b/1"},
		"the second's patience is over": {func(c *queueing) {
			c.queue("host:1:b/1", minutes, hour)
			c.queue("host:1:a/1", minutes, soon)
			c.impatient("host:1:a")
		}, "host:1:b/1"},
		"all have left": {func(c *queueing) {
			c.queue("host:1:a/1", minutes, hour)
			_ = c.store.Leave(c.t.Context(), c.name, "host:1:a/1")
		}, ""},
		"torn notes": {func(c *queueing) {
			c.queue("host:1:a/1", minutes, hour)
			c.srv.do(c.client, "DEL", c.beside("notes"))
		}, ""},
		"it is held no more": {func(c *queueing) {
			c.queue("host:1:a/1", minutes, hour)
			c.srv.do(c.client, "DEL", c.name)
		}, "host:1:a/1"},
		"it is another's": {func(c *queueing) {
			c.queue("host:1:a/1", minutes, hour)
			c.srv.do(c.client, "SET", c.name, foreign)
		}, foreign},
		"the last fence is of a time to come": {func(c *queueing) {
			c.queue("host:1:a/1", minutes, hour)
			for _, key := range must(c.srv.do(c.client, "KEYS", "*:cachify:clock").AsStrSlice())(c.t) {
				c.srv.do(c.client, "SET", key, strconv.FormatUint(c.held.Fence+uint64(hour.Microseconds()), 10), "PX", "60000")
			}
		}, "host:1:a/1"},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			short, general := newQueueing(t, srv, store, client, "short"), newQueueing(t, srv, store, client, "general")
			test.do(short)
			test.do(general)
			_ = short.store.Release(t.Context(), short.held)
			_ = general.store.Leave(t.Context(), general.name, general.held.Holder)
			got, want := short.state(), general.state()
			if got != want {
				t.Errorf("Release leaves\n%s\nLeave\n%s", got, want)
			}
			o, err := store.Holders(t.Context(), short.name)
			if has := holderOf(o); err != nil || has != test.next {
				t.Errorf("%q has the lock, %v, want %q", has, err, test.next)
			}
			if len(o.Holders) > 0 && test.next != foreign && o.Holders[0].Fence <= short.held.Fence {
				t.Errorf("fence %d came after %d", o.Holders[0].Fence, short.held.Fence)
			}
			srv.do(client, "FLUSHALL")
		})
	}
}

func holderOf(o driver.Occupancy) string {
	if len(o.Holders) == 0 {
		return ""
	}
	return o.Holders[0].ID
}

// impatient waits until the time is over that a client's places are kept.
func (c *queueing) impatient(client string) {
	c.t.Helper()
	eventually(c.t, "end of the patience", func() bool {
		ends := must(c.srv.do(c.client, "ZSCORE", c.beside("line"), "c"+client).AsFloat64())(c.t)
		now := must(c.srv.do(c.client, "TIME").AsIntSlice())(c.t)
		return -ends <= float64(now[0]*1e6+now[1])
	})
}

// A server that has no memory to give still hands over: the one who waits needs no
// more than the one who had it.
func TestAFullServerHandsOver(t *testing.T) {
	for _, waiters := range []int{1, 3} {
		t.Run(strconv.Itoa(waiters), func(t *testing.T) {
			srv := startServer(t, "--maxmemory-policy", "noeviction")
			store, client := srv.store(), srv.client()
			c := newQueueing(t, srv, store, client, "job")
			for i := range waiters {
				c.queue("host:1:a/"+strconv.Itoa(i), time.Hour, time.Hour)
			}
			srv.do(client, "CONFIG", "SET", "maxmemory", "1")
			if _, err := store.Acquire(context.Background(), request(driver.NewClient(), "other")); err == nil {
				t.Fatal("the server is not full")
			}
			if err := store.Release(context.Background(), c.held); err != nil {
				t.Fatal(err)
			}
			o, err := store.Holders(context.Background(), "job")
			if has := holderOf(o); err != nil || has != "host:1:a/0" {
				t.Errorf("%q has the lock, %v", has, err)
			}
		})
	}
}
