package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
)

// pairs acquires and releases a name of its own, n times, and prints how long each
// pair took, in ns.
func pairs(ctx context.Context, store *sqlitestore.Store, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	me := driver.NewClient()
	fmt.Println("ready")
	for {
		if _, err := os.Stat(args[1]); err == nil {
			break
		}
	}
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		g, err := store.Acquire(ctx, request(me, me.ID()))
		if err != nil {
			return err
		}
		if err := store.Release(ctx, g); err != nil {
			return err
		}
		took[i] = time.Since(begin)
	}
	for _, d := range took {
		fmt.Println(d.Nanoseconds())
	}
	return store.Close()
}

// report tells percentiles.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	for _, p := range []int{50, 99, 100} {
		at := min(len(took)*p/100, len(took)-1)
		b.ReportMetric(float64(took[at].Nanoseconds())/1000, fmt.Sprintf("p%d-µs", p))
	}
}

// BenchmarkPairs is an acquire and a release, in as many processes, each of a name of
// its own.
func BenchmarkPairs(b *testing.B) {
	for _, processes := range []int{1, 4, 16} {
		b.Run(strconv.Itoa(processes), func(b *testing.B) {
			dir := b.TempDir()
			path, gun := filepath.Join(dir, "cachify.db"), filepath.Join(dir, "go")
			n := b.N/processes + 1
			open(b, path) // and keep it open
			all := make([]*process, processes)
			for i := range all {
				all[i] = start(b, "pairs", path, n, gun)
			}
			for _, p := range all {
				p.line()
			}
			b.ResetTimer()
			if err := os.WriteFile(gun, nil, 0o600); err != nil {
				b.Fatal(err)
			}
			var took []time.Duration
			for _, p := range all {
				for range n {
					ns, err := strconv.Atoi(p.line())
					if err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Duration(ns))
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "pairs/s")
			report(b, took)
			if info, err := os.Stat(path + "-wal"); err == nil {
				b.ReportMetric(float64(info.Size())/(1<<20), "log-MB")
			}
		})
	}
}

// BenchmarkPairsInProcess is the same for goroutines of one process.
func BenchmarkPairsInProcess(b *testing.B) {
	store := open(b, filepath.Join(b.TempDir(), "cachify.db"))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		me := driver.NewClient()
		for pb.Next() {
			g, err := store.Acquire(b.Context(), request(me, me.ID()))
			if err == nil {
				err = store.Release(b.Context(), g)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkStart opens a file that is there, locks, unlocks and closes it.
func BenchmarkStart(b *testing.B) {
	path := filepath.Join(b.TempDir(), "cachify.db")
	for b.Loop() {
		store, err := sqlitestore.New(b.Context(), sqlitestore.Options{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		g, err := store.Acquire(b.Context(), request(driver.NewClient(), "job"))
		if err == nil {
			err = store.Release(b.Context(), g)
		}
		if err = errors.Join(err, store.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is a hit.
func BenchmarkLoad(b *testing.B) {
	store := open(b, filepath.Join(b.TempDir(), "cachify.db"))
	if _, err := store.Save(b.Context(), "key", make([]byte, 200), driver.Write{TTL: time.Hour}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Load(b.Context(), "key"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSave writes 200 bytes.
func BenchmarkSave(b *testing.B) {
	store := open(b, filepath.Join(b.TempDir(), "cachify.db"))
	value := make([]byte, 200)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := store.Save(b.Context(), "key"+strconv.Itoa(i%1000), value, driver.Write{TTL: time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWakeUp is the time from a release to the moment at which the waiter in
// another process has the lock.
func BenchmarkWakeUp(b *testing.B) {
	for way, newPath := range ways {
		b.Run(way, func(b *testing.B) { report(b, wakeUps(b, newPath(b), max(b.N, 10))) })
	}
}
