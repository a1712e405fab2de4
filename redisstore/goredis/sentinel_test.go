package goredis_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/internal/redistest"
)

// When the master goes, the replica that takes its place has the leases and the queue,
// as far as they had come there.
func TestFailover(t *testing.T) {
	master := startServer(t)
	replica := startServer(t, "--replicaof", fmt.Sprintf("127.0.0.1 %d", master.Port))
	sentinel := &server{redistest.StartSentinel(t, fmt.Sprintf(`sentinel monitor main 127.0.0.1 %d 1
sentinel down-after-milliseconds main 60000
sentinel failover-timeout main 5000
`, master.Port)), t}
	watcher := sentinel.client()
	eventually(t, "replica that the sentinel knows", func() bool {
		known, _ := watcher.Do(t.Context(), "SENTINEL", "REPLICAS", "main").Slice()
		return len(known) == 1 && strings.Contains(fmt.Sprint(known), "master-link-status:ok")
	})

	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "main", SentinelAddrs: []string{fmt.Sprintf("127.0.0.1:%d", sentinel.Port)},
	})
	defer func() { _ = client.Close() }()
	store, me := storeOn(t, client), driver.NewClient()
	ctx := t.Context()
	g, err := store.Acquire(ctx, request(me, "job"))
	if err != nil {
		t.Fatal(err)
	}
	waits := request(me, "job")
	if _, err := store.Enqueue(ctx, waits, time.Minute); !errors.Is(err, driver.ErrHeld) {
		t.Fatal(err)
	}
	woken := listen(t, store, "job", me)
	offset, copied := replicated(t, master.client()), replica.client()
	eventually(t, "end of the replication", func() bool { return replicated(t, copied) >= offset })
	if err := watcher.Do(ctx, "SENTINEL", "SET", "main", "down-after-milliseconds", "1000").Err(); err != nil {
		t.Fatal(err)
	}
	master.Kill()

	if w := <-woken; w.Grant.Holder != "" {
		t.Errorf("the first wake is %+v, want one that says to look", w)
	}
	eventually(t, "release", func() bool { return store.Release(ctx, g) == nil })
	if next := handedOver(t, woken); next.Holder != waits.Holder || next.Fence <= g.Fence {
		t.Errorf("got %+v, want the hand-over to %q", next, waits.Holder)
	}
}

// replicated is how far the history of a server has come.
func replicated(t *testing.T, c *redis.Client) int64 {
	t.Helper()
	role, err := c.Do(t.Context(), "ROLE").Slice()
	if err != nil {
		t.Fatal(err)
	}
	place := 1 // master, offset, replicas
	if role[0] == "slave" {
		place = 4 // slave, host, port, state, offset
	}
	n, _ := role[place].(int64)
	return n
}
