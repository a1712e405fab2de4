package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

const perClient = 8 // goroutines

// BenchmarkRedisContended is one key that all want and each holds for 1 ms: how many
// get it, how evenly, and what that costs the server.
func BenchmarkRedisContended(b *testing.B) {
	srv := startRedis(b)
	for _, clients := range []int{2, 8, 32} {
		t := newTable(fmt.Sprintf("One key on Redis %s, %d clients × %d goroutines, held 1 ms, 3 s", srv.version, clients, perClient),
			"", "version", "acquisitions/s", "per goroutine", "max/min", "commands each")
		again := *cachifyPeer
		again.name = "cachify, again (A/A)"
		for _, p := range slices.Concat([]*redisPeer{cachifyPeer}, lockPeers, []*redisPeer{&again}) {
			c := contended(b, srv, p, clients, 3*time.Second)
			ratio := "∞"
			if c.min > 0 {
				ratio = fmt.Sprintf("%.2f", float64(c.max)/float64(c.min))
			}
			t.add(p.name, versionOf(p.module), fmt.Sprintf("%.0f", c.perSecond), fmt.Sprintf("%d..%d", c.min, c.max),
				ratio, fmt.Sprintf("%.2f", c.commands))
			metrics(b, fmt.Sprintf("clients=%d/%s", clients, p.name), map[string]float64{
				"acq/s": c.perSecond, "min": float64(c.min), "max": float64(c.max), "cmds/acq": c.commands,
			})
		}
	}
}

type contention struct {
	total     int
	perSecond float64
	min, max  int     // acquisitions of one goroutine
	commands  float64 // that clients sent, for one acquisition
}

// contended counts from the first attempt until the time is over: neither the
// connecting nor the leaving.
func contended(tb testing.TB, srv *redisServer, p *redisPeer, n int, length time.Duration) contention {
	tb.Helper()
	clients := make([]redisClient, n)
	for i := range clients {
		clients[i] = p.connect(tb, srv)
		unlock, err := clients[i].lock(tb.Context(), fmt.Sprintf("%s-warm-up-%d", p.name, i))
		if err == nil {
			err = unlock()
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex // guards counts, and over
	counts, over := make([]int, n*perClient), false
	key := fmt.Sprintf("%s-hot-%d", p.name, n)
	var wg sync.WaitGroup
	before, start := srv.commands(p.direct...), time.Now()
	for i := range counts {
		wg.Go(func() {
			hold := time.NewTimer(time.Hour)
			defer hold.Stop()
			for ctx.Err() == nil {
				unlock, err := clients[i/perClient].lock(ctx, key)
				if err != nil {
					if ctx.Err() == nil {
						tb.Errorf("%s: %v", p.name, err)
					}
					return
				}
				mu.Lock()
				if !over {
					counts[i]++
				}
				mu.Unlock()
				hold.Reset(time.Millisecond)
				<-hold.C
				if err := unlock(); err != nil && ctx.Err() == nil {
					tb.Errorf("%s: %v", p.name, err)
				}
			}
		})
	}
	end := time.NewTimer(length)
	<-end.C
	mu.Lock()
	over = true
	mu.Unlock()
	took, sent := time.Since(start), srv.commands(p.direct...)-before
	cancel()
	wg.Wait()
	c := contention{min: slices.Min(counts), max: slices.Max(counts)}
	for _, n := range counts {
		c.total += n
	}
	c.perSecond = float64(c.total) / took.Seconds()
	c.commands = float64(sent) / float64(max(c.total, 1))
	return c
}
