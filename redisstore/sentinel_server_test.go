package redisstore_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/redisstore/internal/redistest"

	"github.com/go-cachify/cachify/redisstore"
)

// watched is a server with two replicas, and three sentinels that watch them.
type watched struct {
	t         testing.TB
	servers   []*server
	sentinels []*server
	asks      []rueidis.Client // one for each sentinel
}

// startWatched starts all six processes and waits until the sentinels know each
// other. They do not take a server for dead before it is silent for a minute; see
// downAfter.
func startWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{t: t}
	// So that a fail-over never finds a replica that cannot take over.
	quick := []string{"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--repl-timeout", "10"}
	master := startServer(t, quick...)
	w.servers = append(w.servers, master)
	for range 2 {
		w.servers = append(w.servers, startServer(t, append(quick, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port))...))
	}
	w.awaitReplicas()
	for range 3 {
		s := startSentinel(t, master.Port)
		w.sentinels = append(w.sentinels, s)
		w.asks = append(w.asks, tcpClient(t, s.Port))
	}
	eventually(t, "sentinels that know each other and the replicas", func() bool {
		for _, c := range w.asks {
			info, err := command(c, "SENTINEL", "MASTER", "mymaster").AsStrMap()
			if err != nil || info["num-slaves"] != "2" || info["num-other-sentinels"] != "2" {
				return false
			}
		}
		return true
	})
	return w
}

// startSentinel starts one sentinel. It takes nobody for dead; see downAfter.
func startSentinel(t testing.TB, master int) *server {
	t.Helper()
	return &server{redistest.StartSentinel(t, fmt.Sprintf(`sentinel monitor mymaster 127.0.0.1 %d 2
sentinel down-after-milliseconds mymaster 60000
sentinel failover-timeout mymaster 3000
`, master)), t}
}

// downAfter sets how long a server may be silent before the sentinels take it for
// dead. On a busy machine a short time is right only while it is to happen.
func (w *watched) downAfter(ms int) {
	w.t.Helper()
	for i, c := range w.asks {
		w.sentinels[i].do(c, "SENTINEL", "SET", "mymaster", "down-after-milliseconds", strconv.Itoa(ms))
	}
}

// url has all sentinels, and one that is not there.
func (w *watched) url() string {
	nobody, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	_ = nobody.(io.Closer).Close()
	hosts := []string{nobody.Addr().String()}
	for _, s := range w.sentinels {
		hosts = append(hosts, "127.0.0.1:"+strconv.Itoa(s.Port))
	}
	return "redis+sentinel://" + strings.Join(hosts, ",") + "/mymaster"
}

func (w *watched) master(t *testing.T) *server {
	t.Helper()
	return w.awaitMaster(t, nil)
}

// vote returns the server that most of the sentinels take for the master, if any.
func (w *watched) vote() *server {
	votes := map[string]int{}
	for _, c := range w.asks {
		addr, err := command(c, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster").AsStrSlice()
		if err == nil && len(addr) == 2 {
			votes[addr[1]]++
		}
	}
	for _, s := range w.servers {
		if votes[strconv.Itoa(s.Port)] >= 2 {
			return s
		}
	}
	return nil
}

// awaitMaster waits until most sentinels agree on another master than old.
func (w *watched) awaitMaster(t *testing.T, old *server) *server {
	t.Helper()
	var now *server
	within(t, recovery, "other master", func() bool {
		now = w.vote()
		return now != nil && now != old
	})
	return now
}

// awaitReplicas waits until all servers but the first have its data.
func (w *watched) awaitReplicas() {
	w.t.Helper()
	for _, s := range w.servers[1:] {
		c := s.client()
		eventually(w.t.(*testing.T), "link to the master", func() bool {
			info, err := command(c, "INFO", "replication").ToString()
			return err == nil && strings.Contains(info, "master_link_status:up")
		})
	}
}

func newStore(t testing.TB, url string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(context.Background(), redisstore.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// tcpClient returns a client to look at a process with, once that answers.
func tcpClient(t *testing.T, port int) rueidis.Client {
	t.Helper()
	var c rueidis.Client
	eventually(t, "answer of a new process", func() (ok bool) {
		var err error
		c, err = rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{"127.0.0.1:" + strconv.Itoa(port)}, ForceSingleClient: true, DisableCache: true,
		})
		return err == nil
	})
	t.Cleanup(c.Close)
	return c
}

// command runs a command that may fail.
func command(c rueidis.Client, args ...string) rueidis.RedisResult {
	return c.Do(context.Background(), c.B().Arbitrary(args[0]).Args(args[1:]...).Build())
}
