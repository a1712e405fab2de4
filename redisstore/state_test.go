package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

// keys returns the keys of the server other than the clocks, which all have to
// expire.
func keys(t testing.TB, srv *server, c rueidis.Client) []string {
	t.Helper()
	all, err := srv.do(c, "KEYS", "*").AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(key string) bool {
		if !strings.HasSuffix(key, ":cachify:clock") {
			return false
		}
		ms, err := srv.do(c, "PTTL", key).ToInt64()
		if err != nil || ms <= 0 || ms > (24*time.Hour).Milliseconds() {
			t.Errorf("%q expires in %d ms, %v", key, ms, err)
		}
		return true
	})
}

// expires checks that all that is left has an end, and waits for it.
func expires(t testing.TB, srv *server, c rueidis.Client) {
	t.Helper()
	for _, key := range keys(t, srv, c) {
		if ms, err := srv.do(c, "PTTL", key).ToInt64(); err != nil || ms == -1 {
			t.Errorf("%q never expires (%d, %v)", key, ms, err)
		}
	}
	eventually(t, "end of all keys", func() bool { return len(keys(t, srv, c)) == 0 })
}

func slots(c *driver.Client, name string, limit, n int, ttl time.Duration) driver.AcquireRequest {
	return driver.AcquireRequest{Name: name, Holder: c.NewHolder(), Limit: limit, Slots: n, TTL: ttl}
}

func TestNothingIsStranded(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	ctx := t.Context()
	const soon = 60 * time.Millisecond
	acquire := func(r driver.AcquireRequest) driver.Grant {
		t.Helper()
		g, err := store.Acquire(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	queue := func(r driver.AcquireRequest, patience time.Duration) {
		t.Helper()
		if _, err := store.Enqueue(ctx, r, patience); !errors.Is(err, driver.ErrHeld) {
			t.Fatalf("Enqueue: %v, want ErrHeld", err)
		}
	}
	release := func(g driver.Grant) {
		t.Helper()
		if err := store.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		do   func(name string)
		left int // keys that are still there
	}{
		"a lock released":            {func(n string) { release(acquire(request(me, n))) }, 0},
		"a pool released":            {func(n string) { release(acquire(slots(me, n, 3, 2, driver.NoExpiry))) }, 0},
		"a lock expired":             {func(n string) { acquire(slots(me, n, 1, 1, soon)) }, 1},
		"a pool expired":             {func(n string) { acquire(slots(me, n, 3, 1, soon)); acquire(slots(me, n, 3, 1, soon/2)) }, 2},
		"evicted":                    {func(n string) { acquire(slots(me, n, 2, 2, driver.NoExpiry)); _ = store.Evict(ctx, n) }, 0},
		"a dead client in the queue": {func(n string) { g := acquire(request(me, n)); queue(request(me, n), soon); _ = g; del(srv, client, n) }, 2},
		"one who left the queue": {func(n string) {
			g := acquire(request(me, n))
			w := request(me, n)
			queue(w, driver.NoExpiry)
			_ = store.Leave(ctx, n, w.Holder)
			release(g)
		}, 0},
		"one who was served and left": {func(n string) {
			g := acquire(request(me, n))
			w := request(me, n)
			queue(w, driver.NoExpiry)
			release(g)
			_ = store.Leave(ctx, n, w.Holder)
		}, 0},
		"a pool's queue that is served and dies": {func(n string) {
			g := acquire(slots(me, n, 2, 2, driver.NoExpiry))
			queue(slots(me, n, 2, 1, soon), driver.NoExpiry)
			queue(slots(me, n, 2, 1, soon), driver.NoExpiry)
			release(g)
		}, 2},
		"extended shorter": {func(n string) { g := acquire(slots(me, n, 2, 1, driver.NoExpiry)); _, _ = store.Extend(ctx, g, soon) }, 2},
		"shortened, with a queue": {func(n string) {
			g := acquire(slots(me, n, 1, 1, driver.NoExpiry))
			queue(slots(me, n, 1, 1, soon), soon)
			_, _ = store.Extend(ctx, g, soon)
		}, 3},
		"limit mismatch after a dead queue": {func(n string) {
			g := acquire(slots(me, n, 1, 1, soon))
			_ = g
			_, _ = store.Acquire(ctx, slots(me, n, 2, 1, time.Minute))
		}, 1},
		"an endless client that left an impatient one": {func(n string) {
			acquire(request(me, n))
			endless := request(driver.NewClient(), n)
			queue(endless, driver.NoExpiry)
			queue(request(me, n), soon)
			_ = store.Leave(ctx, n, endless.Holder)
			del(srv, client, n)
		}, 2},
		"a record": {func(n string) { _, _ = store.Save(ctx, n, nil, driver.Write{TTL: soon}) }, 1},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			test.do("name")
			if left := keys(t, srv, client); len(left) > test.left {
				t.Errorf("left are %q, want %d", left, test.left)
			}
			expires(t, srv, client)
		})
	}
}

func del(srv *server, c rueidis.Client, key string) { srv.do(c, "DEL", key) }

func TestForeignValues(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	ctx := t.Context()
	tests := map[string]struct {
		write []string
		id    string
	}{
		"text":            {[]string{"SET", "job", "host-7"}, "host-7"},
		"bytes":           {[]string{"SET", "job", "\xff\x00\x01"}, ""},
		"nothing":         {[]string{"SET", "job", ""}, ""},
		"not a string":    {[]string{"RPUSH", "job", "x"}, ""},
		"nearly ours":     {[]string{"SET", "job", "\x80\x02U\x28cachify"}, ""},
		"a record":        {nil, ""},
		"with an end":     {[]string{"SET", "job", "x", "PX", "60000"}, "x"},
		"a hash, to wait": {[]string{"HSET", "job", "a", "b"}, ""},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			srv.do(client, "FLUSHALL")
			if test.write == nil {
				if _, err := store.Save(ctx, "job", []byte{0}, driver.Write{TTL: time.Minute}); err != nil {
					t.Fatal(err)
				}
			} else {
				srv.do(client, test.write...)
			}
			o, err := store.Holders(ctx, "job")
			if err != nil || len(o.Holders) != 1 || !o.Holders[0].Foreign || o.Holders[0].ID != test.id || o.Limit != 1 {
				t.Errorf("Holders tells %+v, %v", o, err)
			}
			for _, limit := range []int{1, 3} {
				if _, err := store.Acquire(ctx, slots(me, "job", limit, 1, time.Minute)); !errors.Is(err, driver.ErrHeld) {
					t.Errorf("Acquire with limit %d: %v, want ErrHeld", limit, err)
				}
			}
			req := slots(me, "job", 3, 2, time.Minute)
			if _, err := store.Enqueue(ctx, req, time.Minute); !errors.Is(err, driver.ErrHeld) {
				t.Errorf("Enqueue: %v, want ErrHeld", err)
			}
			g := driver.Grant{Name: "job", Holder: req.Holder}
			if err := store.Release(ctx, g); !errors.Is(err, driver.ErrLost) {
				t.Errorf("Release: %v, want ErrLost", err)
			}
			if _, err := store.Extend(ctx, g, time.Minute); !errors.Is(err, driver.ErrLost) {
				t.Errorf("Extend: %v, want ErrLost", err)
			}
			srv.do(client, "DEL", "job")
			if g, err := store.Enqueue(ctx, req, time.Minute); err != nil || g.Slots != 2 {
				t.Errorf("the waiter was not served: %+v, %v", g, err)
			}
			if err := store.Evict(ctx, "job"); err != nil {
				t.Error(err)
			}
		})
	}
}

// Fences rise whatever happens to the data.
func TestFenceRises(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	ctx := t.Context()
	last := uint64(0)
	for i := range 10 {
		for _, limit := range []int{1, 3} {
			g, err := store.Acquire(ctx, slots(me, "job", limit, 1, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if g.Fence <= last {
				t.Fatalf("fence %d came after %d", g.Fence, last)
			}
			last = g.Fence
			if err := store.Release(ctx, g); err != nil {
				t.Fatal(err)
			}
		}
		switch i {
		case 3:
			srv.do(client, "FLUSHALL")
		case 6:
			srv.kill()
			srv.start()
			eventually(t, "answer of the new server", func() bool { return store.Ping(ctx) == nil })
			client = srv.client()
		}
	}

	// As after the clock was set back by an hour.
	const ahead = 3_600_000_000
	clock, err := srv.do(client, "KEYS", "*:cachify:clock").AsStrSlice()
	if err != nil || len(clock) != 1 {
		t.Fatalf("the clocks are %q, %v", clock, err)
	}
	last += ahead
	srv.do(client, "SET", clock[0], strconv.FormatUint(last, 10))
	for _, limit := range []int{1, 3, 1} {
		g, err := store.Acquire(ctx, slots(me, "job", limit, 1, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if g.Fence != last+1 {
			t.Errorf("the fence is %d, want %d", g.Fence, last+1)
		}
		last = g.Fence
		o, err := store.Holders(ctx, "job")
		if err != nil || o.Holders[0].Fence != last || o.Holders[0].Age > time.Minute {
			t.Errorf("Holders tells %+v, %v", o, err)
		}
		if err := store.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	srv.do(client, "SET", clock[0], "nonsense")
	if _, err := store.Acquire(ctx, request(me, "job")); err != nil {
		t.Error(err)
	}
}

// A server that evicts keys may tear line and notes apart: the places are lost,
// and nothing is stuck.
func TestTornLine(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	ctx := t.Context()
	for _, limit := range []int{1, 2} {
		for _, torn := range []string{"{job}:cachify:line", "{job}:cachify:notes"} {
			g, err := store.Acquire(ctx, slots(me, "job", limit, limit, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			req := slots(me, "job", limit, 1, time.Minute)
			if _, err := store.Enqueue(ctx, req, time.Minute); !errors.Is(err, driver.ErrHeld) {
				t.Fatal(err)
			}
			srv.do(client, "DEL", torn)
			if _, err := store.Holders(ctx, "job"); err != nil {
				t.Error(err)
			}
			if s, err := store.Look(ctx, "job", me.ID(), time.Minute); err != nil || s.Waiting != 0 {
				t.Errorf("Look tells %+v, %v, want nobody waiting", s, err)
			}
			if limit == 1 {
				if err := store.Release(ctx, g); err != nil {
					t.Error(err)
				}
			}
			g, err = store.Enqueue(ctx, req, time.Minute)
			if err != nil {
				t.Fatalf("the name is stuck: %v", err)
			}
			if err := store.Release(ctx, g); err != nil {
				t.Error(err)
			}
			if left := keys(t, srv, client); len(left) > 0 {
				t.Errorf("left are %q", left)
			}
		}
	}
}

func TestNames(t *testing.T) {
	srv := startServer(t)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	ctx := t.Context()
	srv.do(client, "SET", "p-text", "x")
	srv.do(client, "RPUSH", "p-list", "x")
	if _, err := store.Save(ctx, "p-record", []byte("x"), driver.Write{TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, name := range []string{"p-", "p-{x}", "p-x}", "p-{}", "p-\xff", "p-*", "p-[a]", `p-\`} {
		for _, req := range []driver.AcquireRequest{request(me, name), slots(me, name+"pool", 2, 1, time.Minute)} {
			if _, err := store.Acquire(ctx, req); err != nil {
				t.Fatal(err)
			}
			want = append(want, req.Name)
		}
		if i%2 == 0 {
			if _, err := store.Enqueue(ctx, request(me, name), time.Minute); !errors.Is(err, driver.ErrHeld) {
				t.Fatal(err)
			}
		}
	}
	// One that others wait for and nobody holds just now.
	if _, err := store.Acquire(ctx, request(me, "p-free")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Enqueue(ctx, request(me, "p-free"), time.Minute); !errors.Is(err, driver.ErrHeld) {
		t.Fatal(err)
	}
	srv.do(client, "DEL", "p-free")
	want = append(want, "p-free")
	for i := range 2500 { // more than one step of a scan
		srv.do(client, "SET", fmt.Sprintf("other-p-%d", i), "x")
	}
	slices.Sort(want)
	for _, n := range []int{1, 5, 1000} {
		got, err := store.Names(ctx, "p-", n)
		if err != nil || !slices.Equal(got, want[:min(n, len(want))]) {
			t.Errorf("Names lists %q, %v, want the first %d of %q", got, err, n, want)
		}
	}
	if _, err := store.Names(ctx, "", 0); !errors.Is(err, driver.ErrInvalid) {
		t.Errorf("Names with limit 0: %v, want ErrInvalid", err)
	}
}

// counted counts what is sent through a client.
type counted struct {
	rueidis.Client
	sent atomic.Int64
}

func (c *counted) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	c.sent.Add(1)
	return c.Client.Do(ctx, cmd)
}

func (c *counted) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	c.sent.Add(int64(len(multi)))
	return c.Client.DoMulti(ctx, multi...)
}

// Each method is one command, whatever it finds.
func TestOneCommand(t *testing.T) {
	srv := startServer(t)
	client, me := &counted{Client: srv.client()}, driver.NewClient()
	ctx := t.Context()
	store, err := redisstore.NewFromClient(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	var g driver.Grant
	var v driver.Version
	var waits driver.AcquireRequest
	steps := []struct {
		what string
		do   func() error
	}{
		{"Acquire", func() (err error) { g, err = store.Acquire(ctx, request(me, "job")); return err }},
		{"Extend", func() (err error) { g, err = store.Extend(ctx, g, time.Minute); return err }},
		{"Acquire, refused", func() error { _, err := store.Acquire(ctx, request(me, "job")); return err }},
		{"Enqueue", func() error { waits = request(me, "job"); _, err := store.Enqueue(ctx, waits, time.Minute); return err }},
		{"Look", func() error { _, err := store.Look(ctx, "job", me.ID(), time.Minute); return err }},
		{"Holders", func() error { _, err := store.Holders(ctx, "job"); return err }},
		{"Release", func() error { return store.Release(ctx, g) }},
		{"Leave", func() error { return store.Leave(ctx, "job", waits.Holder) }},
		{"Evict", func() error { return store.Evict(ctx, "job") }},
		{"Save", func() (err error) { v, err = store.Save(ctx, "rec", nil, driver.Write{TTL: time.Minute}); return err }},
		{"Save over a version", func() (err error) {
			v, err = store.Save(ctx, "rec", nil, driver.Write{If: driver.IfVersion, Version: v, TTL: time.Minute})
			return err
		}},
		{"Load", func() error { _, err := store.Load(ctx, "rec"); return err }},
		{"Delete of a version", func() error { return store.Delete(ctx, "rec", v) }},
		{"Delete", func() error { return store.Delete(ctx, "rec", 0) }},
		{"Ping", func() error { return store.Ping(ctx) }},
	}
	for round := range 2 { // the first one makes the scripts known
		for _, step := range steps {
			client.sent.Store(0)
			if err := step.do(); err != nil && !errors.Is(err, driver.ErrHeld) {
				t.Fatalf("%s: %v", step.what, err)
			}
			if n := client.sent.Load(); round > 0 && n != 1 {
				t.Errorf("%s takes %d commands, want 1", step.what, n)
			}
		}
	}
}
