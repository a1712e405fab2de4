package bench

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRedisUncontended is acquire and release of keys that nobody else wants:
// pairs a second, the processor time they take on either side, which tells more when
// others are busy on the machine, and how many times faster cachify is than each,
// taken round by round. The raw commands are no lock: nobody is told apart by them,
// and there is no fence. What compares and acts in one step is a script on Redis, so
// the limit of a lock is two scripts that do nothing.
func BenchmarkRedisUncontended(b *testing.B) {
	srv := startRedis(b)
	for _, goroutines := range []int{1, 64} {
		uncontended(b, srv, goroutines, 21, 150*time.Millisecond).report(b, srv)
	}
}

// rates has for each peer what was measured, by round.
type rates struct {
	goroutines int
	rawAgain   *redisPeer
	peers      []*redisPeer
	perSecond  map[*redisPeer][]float64 // pairs
	server     map[*redisPeer][]float64 // its processor time for a pair, in µs
	client     map[*redisPeer][]float64 // likewise, of this process
}

// uncontended lets the peers take turns. The raw commands are measured twice a round,
// as is cachify: what those ratios are off one is what any ratio may be off.
func uncontended(tb testing.TB, srv *redisServer, goroutines, rounds int, slice time.Duration) *rates {
	tb.Helper()
	rawAgain, cachifyAgain := *rawPeer, *cachifyPeer
	rawAgain.name, cachifyAgain.name = "raw, again (A/A)", "cachify, again (A/A)"
	r := &rates{
		goroutines: goroutines,
		rawAgain:   &rawAgain,
		peers:      append([]*redisPeer{rawPeer, cachifyPeer, &rawAgain, &cachifyAgain, tunedPeer, emptyPeer, redsyncRueidisPeer}, lockPeers...),
		perSecond:  make(map[*redisPeer][]float64),
		server:     make(map[*redisPeer][]float64),
		client:     make(map[*redisPeer][]float64),
	}
	clients := make(map[*redisPeer]redisClient)
	for _, p := range r.peers {
		clients[p] = p.connect(tb, srv)
		pairs(tb, clients[p], p.name, goroutines, slice/4) // connects, and loads the scripts
	}
	for round := range rounds {
		for i := range r.peers {
			p := r.peers[(i+round)%len(r.peers)] // so that nobody is always the neighbour of the same one
			server, client := srv.busy(), busy(tb)
			n, took := pairs(tb, clients[p], p.name, goroutines, slice)
			r.perSecond[p] = append(r.perSecond[p], n/took.Seconds())
			r.client[p] = append(r.client[p], micros(busy(tb)-client)/n)
			r.server[p] = append(r.server[p], micros(srv.busy()-server)/n)
		}
	}
	return r
}

// pairs returns how many acquisitions and releases the goroutines make, each on a key
// of its own, and in what time. Their ctx can be cancelled, as that of most requests.
func pairs(tb testing.TB, c redisClient, prefix string, goroutines int, slice time.Duration) (float64, time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	var done atomic.Bool
	var n atomic.Int64
	start := time.Now()
	stop := time.AfterFunc(slice, func() { done.Store(true) })
	defer stop.Stop()
	for i := range goroutines {
		wg.Go(func() {
			key := prefix + "-" + strconv.Itoa(i)
			mine := int64(0)
			for !done.Load() {
				unlock, err := c.try(ctx, key)
				if err == nil {
					err = unlock()
				}
				if err != nil {
					tb.Errorf("%s: %v", prefix, err)
					break
				}
				mine++
			}
			n.Add(mine)
		})
	}
	wg.Wait()
	return float64(n.Load()), time.Since(start)
}

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 }

// busy returns the processor time that this process has used.
func busy(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ratio returns how many times faster cachify was, round by round. Of cachify, and of
// the raw commands, the two measurements of a round are compared.
func (r *rates) ratio(p *redisPeer) spread {
	base := r.perSecond[cachifyPeer]
	if p == r.rawAgain {
		base = r.perSecond[rawPeer]
	}
	var xs []float64
	for i, x := range r.perSecond[p] {
		xs = append(xs, base[i]/x)
	}
	return spreadOf(xs)
}

func (r *rates) report(b *testing.B, srv *redisServer) {
	b.Helper()
	t := newTable(fmt.Sprintf("Acquire and release on Redis %s, %d goroutines on own keys", srv.version, r.goroutines),
		"", "version", "pairs/s", "min..max", "CPU a pair: server", "client", "cachify is", "min..max")
	for _, p := range r.peers {
		rate, ratio := spreadOf(r.perSecond[p]), r.ratio(p)
		server, client := median(r.server[p]), median(r.client[p])
		row := []string{
			p.name, versionOf(p.module), fmt.Sprintf("%.0f", rate.median), fmt.Sprintf("%.0f..%.0f", rate.min, rate.max),
			fmt.Sprintf("%.1f µs", server), fmt.Sprintf("%.1f µs", client),
		}
		if p != cachifyPeer {
			row = append(row, fmt.Sprintf("%.2f ×", ratio.median), fmt.Sprintf("%.2f..%.2f", ratio.min, ratio.max))
		}
		t.add(row...)
		metrics(b, fmt.Sprintf("goroutines=%d/%s", r.goroutines, p.name), map[string]float64{
			"pairs/s": rate.median, "x-faster": ratio.median, "x-faster-min": ratio.min, "x-faster-max": ratio.max,
			"server-µs/pair": server, "client-µs/pair": client,
		})
	}
}
