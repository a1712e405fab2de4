package redisstore_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/storetest"
)

func TestSentinel(t *testing.T) {
	t.Parallel()
	w := startWatched(t)
	t.Run("conformance", func(t *testing.T) { storetest.Run(t, harness(w.url(), w.url()+"?protocol=2")) })
	w.servers[0].do(w.servers[0].client(), "FLUSHALL")
	t.Run("users", func(t *testing.T) { testSentinelUsers(t, w) })
	// A master that dies, with all that it acknowledged since its replicas heard of it
	// last.
	t.Run("master killed", func(t *testing.T) {
		old := w.master(t)
		testFailOver(t, w, true, func() *server {
			w.downAfter(1000)
			old.kill()
			return w.awaitMaster(t, old)
		})
		w.join(t, old)
	})
	// One that hangs: no connection breaks.
	t.Run("master hangs", func(t *testing.T) {
		old := w.master(t)
		testFailOver(t, w, false, func() *server {
			w.downAfter(1000)
			hang(t, old)
			return w.awaitMaster(t, old)
		})
		old.kill()
		w.join(t, old)
	})
	// One that is well, and a master beside the other one for some time yet.
	t.Run("ordered", func(t *testing.T) {
		old := w.master(t)
		testFailOver(t, w, false, func() *server {
			eventually(t, "start of the fail-over", func() bool {
				return command(w.asks[0], "SENTINEL", "FAILOVER", "mymaster").Error() == nil
			})
			return w.awaitMaster(t, old)
		})
	})
}

// The sentinels have users of their own.
func testSentinelUsers(t *testing.T, w *watched) {
	for i, c := range w.asks {
		w.sentinels[i].do(c, "ACL", "SETUSER", "watcher", "on", ">s%cret1", "+@all")
	}
	w.servers[0].do(w.servers[0].client(), "ACL", "SETUSER", "worker", "on", ">s@cret2", "~*", "&*", "+@all")
	url := func(server, sentinel string) string {
		return strings.Replace(w.url(), "://", "://worker:"+server+"@", 1) + "?sentinel_username=watcher&sentinel_password=" + sentinel
	}
	if err := newStore(t, url("s%40cret2", "s%25cret1")).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{url("s%40cret3", "s%25cret1"), url("s%40cret2", "s%25cret3")} {
		_, err := redisstore.New(t.Context(), redisstore.Options{URL: wrong})
		if err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("a wrong password: %v", err)
		}
	}
}

// hang stops a server until the test ends.
func hang(t *testing.T, s *server) {
	t.Helper()
	p := s.Proc.Process
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Signal(syscall.SIGCONT) }) // not one that was killed: then p is done
}

// join starts a server again that was killed, as a replica of the master.
func (w *watched) join(t *testing.T, s *server) {
	t.Helper()
	s.Args = append(s.Args, "--replicaof", "127.0.0.1 "+strconv.Itoa(w.master(t).Port))
	s.start()
	c := s.client()
	eventually(t, "link to the master", func() bool {
		info, err := command(c, "INFO", "replication").ToString()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
}

// cutOff keeps the replicas of a master from all that it does from now on.
func cutOff(t *testing.T, master *server) {
	t.Helper()
	c := master.client()
	master.do(c, "ACL", "SETUSER", "default", "-psync", "-sync")
	master.do(c, "CLIENT", "KILL", "TYPE", "replica")
	eventually(t, "end of the replication", func() bool {
		info, err := command(c, "INFO", "replication").ToString()
		return err == nil && strings.Contains(info, "connected_slaves:0")
	})
}

// testFailOver lets failOver change the master, in the middle of everything.
func testFailOver(t *testing.T, w *watched, lossy bool, failOver func() *server) {
	stores := []*redisstore.Store{newStore(t, w.url()+"?client_name=one"), newStore(t, w.url()+"?client_name=two&protocol=2")}
	instances := instancesOn(t, stores...)
	heard := listenOn(t, stores[0], "pushed")
	heard.hears(t, stores[1])
	line := queueUp(t, stores[0], instances, 3, "waited-for")
	work := startWorkload(t, instances, true, "a", "b", "c{x}")
	work.more(t, 10)

	var lost *lostLeases
	var forgotten *crowdOf
	if lossy {
		cutOff(t, w.master(t))
		lost = acquireAll(t, stores[0], "lost-1", "lost-2", "{x}lost-3")
		forgotten = queueUp(t, stores[0], instances, 3, "forgotten")
		work.more(t, 10)
	}
	start := time.Now()
	master := failOver()
	w.downAfter(60000)
	t.Logf("there is another master after %v", time.Since(start))
	c := master.client()
	within(t, recovery, "stores on the other master", func() bool {
		list, err := command(c, "CLIENT", "LIST", "TYPE", "normal").ToString()
		return err == nil && strings.Contains(list, "name=one") && strings.Contains(list, "name=two")
	})
	t.Logf("the stores are there after %v", time.Since(start))
	t.Logf("locks work again %v later", work.more(t, 10))
	if lossy {
		lost.areLost(t, stores[1])
		forgotten.serve(t)
	}
	line.serve(t)
	heard.hears(t, stores[1])
	work.stop(t)

	expires(t, master, master.client())
	after := startWorkload(t, instances, false, "a", "b", "c{x}")
	after.more(t, 10)
	after.stop(t)
}

// lostLeases are leases that a server acknowledged, and another one will know
// nothing of.
type lostLeases struct {
	store  *redisstore.Store
	grants []driver.Grant
}

func acquireAll(t *testing.T, store *redisstore.Store, names ...string) *lostLeases {
	t.Helper()
	l := &lostLeases{store: store}
	for _, name := range names {
		g, err := store.Acquire(t.Context(), request(driver.NewClient(), name))
		if err != nil {
			t.Fatal(err)
		}
		l.grants = append(l.grants, g)
	}
	return l
}

// areLost checks that the names are free, and that their fences rise all the same.
func (l *lostLeases) areLost(t *testing.T, other driver.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), recovery)
	defer cancel()
	for _, g := range l.grants {
		within(t, recovery, "answer to a release of what is lost", func() bool {
			err := l.store.Release(ctx, g)
			if err == nil {
				t.Errorf("%s was not lost", g.Name)
			}
			return err == nil || errors.Is(err, driver.ErrLost)
		})
		var next driver.Grant
		within(t, recovery, "lease on a name whose holder is lost", func() (ok bool) {
			var err error
			next, err = other.Acquire(ctx, request(driver.NewClient(), g.Name))
			return err == nil
		})
		if next.Fence <= g.Fence {
			t.Errorf("%s: fence %d came after %d", g.Name, next.Fence, g.Fence)
		}
		if err := other.Release(ctx, next); err != nil {
			t.Error(err)
		}
	}
}
