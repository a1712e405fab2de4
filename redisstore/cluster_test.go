package redisstore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/storetest"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	s := startSeveral(t)
	t.Run("conformance", func(t *testing.T) { storetest.Run(t, harness(s.url(), s.url()+"?protocol=2")) })
	for i := range masters {
		s.nodes[i].do(s.clients[i], "FLUSHALL")
	}
	t.Run("names on all nodes", func(t *testing.T) { testNamesOnAllNodes(t, s) })
	t.Run("a seed that is not there", func(t *testing.T) { testDeadSeed(t, s) })
	t.Run("a node that hangs", func(t *testing.T) { testHungNode(t, s) })
	t.Run("a slot that moves", func(t *testing.T) { testMovingSlot(t, s) })
	t.Run("master killed", func(t *testing.T) { testClusterFailOver(t, s) })
}

func testNamesOnAllNodes(t *testing.T, s *several) {
	ctx, me := t.Context(), driver.NewClient()
	stores := []*redisstore.Store{newStore(t, s.url()), newStore(t, s.url())}
	var want []string
	for i := range masters {
		for _, limit := range []int{1, 3} {
			name := s.nameOn(i, "job-"+strconv.Itoa(limit)+"-")
			want = append(want, name)
			g, err := stores[0].Acquire(ctx, slots(me, name, limit, limit, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stores[1].Enqueue(ctx, slots(me, name, limit, limit, time.Minute), time.Minute); !errors.Is(err, driver.ErrHeld) {
				t.Fatal(err)
			}
			o, err := stores[1].Holders(ctx, name)
			if err != nil || len(o.Holders) != 1 || o.Holders[0].Fence != g.Fence || o.Waiting != 1 {
				t.Errorf("Holders tells %+v, %v", o, err)
			}
		}
		// All that belongs to the names is on one node, and in one slot of it.
		all, err := s.nodes[i].do(s.clients[i], "KEYS", "*job*").AsStrSlice()
		if err != nil || len(all) != 5 {
			t.Errorf("node %d has %q, %v", i, all, err)
		}
	}
	slices.Sort(want)
	got, err := stores[0].Names(ctx, "job-", 100)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Names lists %q, %v, want %q", got, err, want)
	}
	for _, name := range want {
		if err := stores[1].Evict(ctx, name); err != nil { // the waiter gets it
			t.Error(err)
		}
		if err := stores[0].Evict(ctx, name); err != nil {
			t.Error(err)
		}
	}
	if got, err := stores[0].Names(ctx, "job-", 100); err != nil || len(got) > 0 {
		t.Errorf("Names lists %q, %v, want nothing", got, err)
	}
	for i := range masters {
		for range 3 { // on whatever node each of them listens
			listenOn(t, newStore(t, s.url()), s.nameOn(i, "pushed-")).hears(t, stores[0])
		}
	}
}

// That a node of the URL is gone does not matter to anything.
func testDeadSeed(t *testing.T, s *several) {
	nobody, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.(io.Closer).Close()
	url := strings.Replace(s.url(), "redis://", "redis+cluster://"+nobody.Addr().String()+",", 1)
	for range 3 {
		store := newStore(t, url)
		for range 10 {
			if err := store.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		}
		me := driver.NewClient()
		stop, err := store.Listen(t.Context(), "job", me.ID(), func(driver.Wake) {})
		if err != nil {
			t.Error(err)
			continue
		}
		stop()
	}
}

// Who asks for a name of a node that hangs, and is not connected to it, waits no
// longer than the ctx, whatever the other nodes have answered.
func testHungNode(t *testing.T, s *several) {
	const hung = 1
	store, me := newStore(t, s.url()), driver.NewClient()
	well, ill := s.nameOn(0, "well-"), s.nameOn(hung, "ill-")
	others := func(t *testing.T) {
		t.Helper()
		for range 200 {
			if _, err := store.Load(t.Context(), well); !errors.Is(err, driver.ErrNotFound) {
				t.Fatal(err)
			}
		}
	}
	ask := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := store.Acquire(ctx, request(me, ill))
		return err
	}
	t.Run("stopped", func(t *testing.T) {
		s.nodes[hung].do(s.clients[hung], "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		hang(t, s.nodes[hung])
		_ = ask(20 * time.Millisecond) // finds out that the connection is gone
		others(t)
		connecting := make(chan error, 1)
		go func() { connecting <- ask(10 * time.Second) }()
		others(t)
		start := time.Now()
		if err := ask(20 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire: %v, want the ctx's error", err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		_ = s.nodes[hung].Proc.Process.Signal(syscall.SIGCONT)
		if err := <-connecting; err != nil {
			t.Logf("the request that had to connect: %v", err)
		}
	})
	within(t, recovery, "answer of the node", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return store.Evict(ctx, ill) == nil
	})
}

// testMovingSlot moves a slot to and fro between two nodes while its locks are in
// use. Nothing is lost by that, and nobody holds a lock twice; requests that find
// half of a name's keys are refused, and sent again.
func testMovingSlot(t *testing.T, s *several) {
	instances := instancesOn(t, newStore(t, s.url()), newStore(t, s.url()+"?protocol=2"))
	name := s.nameOn(0, "moved-")
	slot, err := s.nodes[0].do(s.clients[0], "CLUSTER", "KEYSLOT", name).ToInt64()
	if err != nil {
		t.Fatal(err)
	}
	line := queueUp(t, newStore(t, s.url()), instances, 3, "{"+name+"}waited-for")
	heard := listenOn(t, newStore(t, s.url()), "{"+name+"}pushed")
	work := startWorkload(t, instances, false, name, "{"+name+"}", "x{"+name+"}", s.nameOn(1, "stays-"))
	work.more(t, 10)
	for i := range 4 {
		s.move(t, slot, i%2, 1-i%2)
		t.Logf("locks work %v after a move", work.more(t, 10))
	}
	line.serve(t)
	heard.hears(t, newStore(t, s.url()))
	work.stop(t)
	if n := work.lost.Load(); n > 0 {
		t.Errorf("%d leases are lost", n)
	}
}

// move moves a slot as redis-cli does, key by key.
func (s *several) move(t *testing.T, slot int64, from, to int) {
	t.Helper()
	n := strconv.FormatInt(slot, 10)
	ask := func(node int, args ...string) rueidis.RedisResult { return s.nodes[node].do(s.clients[node], args...) }
	ask(to, "CLUSTER", "SETSLOT", n, "IMPORTING", s.ids[from])
	ask(from, "CLUSTER", "SETSLOT", n, "MIGRATING", s.ids[to])
	for {
		keys, err := ask(from, "CLUSTER", "GETKEYSINSLOT", n, "1").AsStrSlice()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		ask(from, "MIGRATE", "127.0.0.1", strconv.Itoa(s.nodes[to].Port), keys[0], "0", "10000")
	}
	for _, node := range []int{to, from, 2} {
		ask(node, "CLUSTER", "SETSLOT", n, "NODE", s.ids[to])
	}
}

// testClusterFailOver kills a master, whose replica takes over.
func testClusterFailOver(t *testing.T, s *several) {
	stores := []*redisstore.Store{newStore(t, s.url()), newStore(t, s.url()+"?protocol=2")}
	instances := instancesOn(t, stores...)
	name := s.nameOn(0, "dies-")
	heard := make([]*hearer, 6) // on whatever nodes, the one that dies perhaps
	for i := range heard {
		heard[i] = listenOn(t, newStore(t, s.url()), "{"+name+"}pushed")
	}
	line := queueUp(t, stores[0], instances, 3, "{"+name+"}waited-for")
	work := startWorkload(t, instances, true, name, "{"+name+"}", s.nameOn(1, "lives-"), s.nameOn(2, "lives-"))
	work.more(t, 10)

	// What the replica has and the master has not any more is not listed.
	me, over := driver.NewClient(), "{"+name+"}over"
	g, err := stores[0].Acquire(t.Context(), slots(me, over, 2, 1, 5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "lease on the replica", func() bool {
		all, err := command(s.clients[masters], "KEYS", "*over*").AsStrSlice()
		return err == nil && len(all) > 0
	})
	cutOff(t, s.nodes[0])
	if err := stores[0].Release(t.Context(), g); err != nil {
		t.Error(err)
	}
	if names, err := stores[0].Names(t.Context(), over, 1); err != nil || len(names) > 0 {
		t.Errorf("Names lists %q, %v, want nothing", names, err)
	}
	lost := acquireAll(t, stores[0], "{"+name+"}lost-1", "{"+name+"}lost-2")
	forgotten := queueUp(t, stores[0], instances, 3, "{"+name+"}forgotten")
	work.more(t, 10)
	s.downAfter(1000)
	start := time.Now()
	s.nodes[0].kill()
	s.clients[0] = s.clients[masters]
	within(t, recovery, "promotion of the replica", func() bool {
		info, err := command(s.clients[masters], "INFO", "replication").ToString()
		return err == nil && strings.Contains(info, "role:master")
	})
	t.Logf("there is another master after %v", time.Since(start))
	s.await("cluster", "cluster_state:ok\r")
	s.downAfter(15000)
	t.Logf("locks work again %v later", work.more(t, 10))
	lost.areLost(t, stores[1])
	forgotten.serve(t)
	line.serve(t)
	for _, h := range heard {
		h.hears(t, stores[1])
	}
	work.stop(t)
	within(t, recovery, "list of names", func() bool {
		names, err := stores[0].Names(t.Context(), "", 100)
		return err == nil && len(names) == 0
	})
	for i := 1; i <= masters; i++ {
		expires(t, s.nodes[i], s.clients[i])
	}
	after := startWorkload(t, instances, false, name, s.nameOn(1, "lives-"), s.nameOn(2, "lives-"))
	after.more(t, 10)
	after.stop(t)
}
