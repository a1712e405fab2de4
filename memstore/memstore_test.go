package memstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

func newStore(t testing.TB, o *Options) *Store {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOptions(t *testing.T) {
	weigh := func(string, any) uint32 { return 1 }
	for _, o := range []Options{
		{MaxEntries: -1},
		{MaxEntries: 1, MaxWeight: 1, Weigh: weigh},
		{MaxWeight: 1},
		{Weigh: weigh},
		{MaxEntries: 1, Weigh: weigh},
	} {
		if s, err := New(&o); s != nil || !errors.Is(err, driver.ErrInvalid) {
			t.Errorf("New(%+v) = %v, %v, want ErrInvalid", o, s, err)
		}
	}
	for _, o := range []*Options{nil, {}, {MaxEntries: 1}, {MaxWeight: 1, Weigh: weigh}, {MaxWeight: math.MaxUint64, Weigh: weigh}} {
		if _, err := New(o); err != nil {
			t.Errorf("New(%+v): %v", o, err)
		}
	}
}

func saveObject(t testing.TB, s *Store, key string, v any) {
	t.Helper()
	if _, err := s.SaveObject(t.Context(), key, v, driver.Write{TTL: driver.NoExpiry}); err != nil {
		t.Fatal(err)
	}
}

// settle lets the engine do what it has put off, and returns how many records there
// are.
func (s *Store) settle() int {
	s.cache.CleanUp()
	return s.cache.EstimatedSize()
}

func TestMaxEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = 100
		s := newStore(t, &Options{MaxEntries: bound})
		for i := range 20 * bound {
			saveObject(t, s, strconv.Itoa(i), i)
		}
		if n := s.settle(); n > bound || n < bound/2 {
			t.Errorf("%d records, want almost %d and no more", n, bound)
		}
		found := 0
		for i := range 20 * bound {
			v, _, err := s.LoadObject(t.Context(), strconv.Itoa(i))
			switch {
			case err == nil && v == any(i):
				found++
			case !errors.Is(err, driver.ErrNotFound):
				t.Fatalf("LoadObject = %v, %v", v, err)
			}
		}
		if found > bound || found == 0 {
			t.Errorf("%d records are found", found)
		}
	})
}

func TestDefaultBound(t *testing.T) {
	s := newStore(t, nil)
	for i := range DefaultMaxEntries + 10_000 {
		saveObject(t, s, strconv.Itoa(i), nil)
	}
	if n := s.settle(); n > DefaultMaxEntries {
		t.Errorf("%d records, the most is %d", n, DefaultMaxEntries)
	}
}

// What is used often stays when what is used once comes along.
func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hot, rounds = 20, 300
		s := newStore(t, &Options{MaxEntries: 100})
		misses := 0
		for round := range rounds {
			for i := range hot {
				key := "hot" + strconv.Itoa(i)
				if _, _, err := s.LoadObject(t.Context(), key); err != nil {
					saveObject(t, s, key, i)
					if round >= rounds/2 {
						misses++
					}
				}
				saveObject(t, s, fmt.Sprint(round, i), i)
			}
			s.settle()
		}
		if most := hot * rounds / 2 / 10; misses > most {
			t.Errorf("%d misses of what is in use, want at most %d", misses, most)
		}
	})
}

type boxed struct{ v any }

func (b boxed) Unbox() any { return b.v }

func TestMaxWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]any{}
		o := &Options{MaxWeight: 1000, Weigh: func(key string, v any) uint32 {
			mu.Lock()
			defer mu.Unlock()
			seen[key] = v
			switch v := v.(type) {
			case int:
				return uint32(v)
			case []byte:
				return uint32(len(v))
			}
			return 1
		}}
		s := newStore(t, o)
		o.Weigh = nil // ours no more
		saveObject(t, s, "boxed", boxed{7})
		saveObject(t, s, "nothing", boxed{nil})
		if _, err := s.Save(t.Context(), "bytes", []byte("abc"), driver.Write{TTL: driver.NoExpiry}); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		_, asked := seen["nothing"]
		if seen["boxed"] != any(7) || string(seen["bytes"].([]byte)) != "abc" || asked {
			t.Errorf("Weigh saw %v, want the user's values", seen)
		}
		mu.Unlock()
		for i := range 100 {
			saveObject(t, s, strconv.Itoa(i), 50)
		}
		n := s.settle()
		if w := s.cache.WeightedSize(); w > 1000 || w < 500 || n > 25 {
			t.Errorf("%d records weigh %d, the most is 1000", n, w)
		}
	})
}

func TestEvictionSparesLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, &Options{MaxEntries: 10})
		client := driver.NewClient()
		var grants []driver.Grant
		for i := range 1000 {
			g, err := s.Acquire(t.Context(), driver.AcquireRequest{
				Name: "lease" + strconv.Itoa(i), Holder: client.NewHolder(), Limit: 1, Slots: 1, TTL: time.Hour,
			})
			if err != nil {
				t.Fatal(err)
			}
			grants = append(grants, g)
			saveObject(t, s, strconv.Itoa(i), i)
		}
		s.settle()
		for _, g := range grants {
			if err := s.Release(t.Context(), g); err != nil {
				t.Fatalf("Release of %s: %v", g.Name, err)
			}
		}
	})
}

func (s *Store) places() int {
	n := 0
	for i := range s.shards {
		s.shards[i].mu.Lock()
		n += len(s.shards[i].names)
		s.shards[i].mu.Unlock()
	}
	return n
}

// Leases that nobody releases do not fill the memory: names are swept when they have
// run out.
func TestAbandonedLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, nil)
		client := driver.NewClient()
		most := 0
		for i := range 200_000 {
			_, err := s.Acquire(t.Context(), driver.AcquireRequest{
				Name: "n" + strconv.Itoa(i), Holder: client.NewHolder(), Limit: 1, Slots: 1, TTL: time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			if i%100 == 99 {
				time.Sleep(time.Millisecond)
				most = max(most, s.places())
			}
		}
		// 100 last at a time; a shard sweeps from 256 names on.
		if bound := shardCount * firstSweep; most > bound {
			t.Errorf("%d names at a time, want at most %d", most, bound)
		}
		if names, err := s.Names(t.Context(), "", 10); len(names) != 0 || err != nil {
			t.Errorf("Names = %q, %v, want none: all have run out", names, err)
		}
	})
}

func TestReleasedNamesAreForgotten(t *testing.T) {
	s := newStore(t, nil)
	client := driver.NewClient()
	for i := range 10_000 {
		g, err := s.Acquire(t.Context(), driver.AcquireRequest{
			Name: "n" + strconv.Itoa(i), Holder: client.NewHolder(), Limit: 1, Slots: 1, TTL: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Release(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.places(); n != 0 {
		t.Errorf("%d names are left", n)
	}
}

// A name that is used again after others left it in disorder is as new: no limit, no
// fence, no lease of theirs.
func TestPlacesAreReusedClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, nil)
		client := driver.NewClient()
		for i := range 2000 {
			name := fmt.Sprint("n", i)
			limit := 1 + i%3
			var last driver.Grant
			for range limit {
				g, err := s.Acquire(t.Context(), driver.AcquireRequest{
					Name: name, Holder: client.NewHolder(), Limit: limit, Slots: 1, TTL: time.Millisecond,
				})
				if err != nil {
					t.Fatal(err)
				}
				if g.Fence <= last.Fence {
					t.Fatalf("fence %d after %d", g.Fence, last.Fence)
				}
				last = g
			}
			time.Sleep(time.Millisecond)
			if o, err := s.Holders(t.Context(), name); o.Limit != 0 || o.Holders != nil || err != nil {
				t.Fatalf("Holders = %+v, %v, want none", o, err)
			}
		}
	})
}

func TestExpiredRecordsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, nil)
		for i := range 10_000 {
			if _, err := s.SaveObject(t.Context(), strconv.Itoa(i), i, driver.Write{TTL: time.Millisecond}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		saveObject(t, s, "x", 1)
		if n := s.settle(); n != 1 {
			t.Errorf("%d records, want 1: the others have run out", n)
		}
	})
}

func TestClose(t *testing.T) {
	s := newStore(t, nil)
	ctx := t.Context()
	saveObject(t, s, "k", 1)
	req := driver.AcquireRequest{Name: "n", Holder: "h/1", Limit: 1, Slots: 1, TTL: time.Hour}
	g, err := s.Acquire(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan driver.Wake, 1)
	stop, err := s.Listen(ctx, "n", "h", func(w driver.Wake) { woken <- w })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if w := <-woken; w.Grant.Holder != "" {
		t.Errorf("Close woke with %+v", w)
	}
	stop()
	stop()
	w := driver.Write{TTL: driver.NoExpiry}
	errs := map[string]error{"Ping": s.Ping(ctx), "Release": s.Release(ctx, g), "Evict": s.Evict(ctx, "n"),
		"Delete": s.Delete(ctx, "k", 0), "Leave": s.Leave(ctx, "n", "h/1")}
	_, errs["Acquire"] = s.Acquire(ctx, req)
	_, errs["Enqueue"] = s.Enqueue(ctx, req, time.Second)
	_, errs["Extend"] = s.Extend(ctx, g, time.Second)
	_, errs["Holders"] = s.Holders(ctx, "n")
	_, errs["Load"] = s.Load(ctx, "k")
	_, errs["Save"] = s.Save(ctx, "k", nil, w)
	_, _, errs["LoadObject"] = s.LoadObject(ctx, "k")
	_, errs["SaveObject"] = s.SaveObject(ctx, "k", 1, w)
	_, errs["Look"] = s.Look(ctx, "n", "h", time.Second)
	_, errs["Listen"] = s.Listen(ctx, "n", "h", func(driver.Wake) {})
	_, errs["Names"] = s.Names(ctx, "", 1)
	for name, err := range errs {
		if !errors.Is(err, driver.ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
	if n := s.settle(); n != 0 || s.places() != 0 {
		t.Errorf("%d records and %d names are left", n, s.places())
	}
}

func TestEndedContext(t *testing.T) {
	s := newStore(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Ping = %v", err)
	}
	if _, err := s.SaveObject(ctx, "k", 1, driver.Write{TTL: driver.NoExpiry}); !errors.Is(err, context.Canceled) {
		t.Errorf("SaveObject = %v", err)
	}
	if n := s.settle(); n != 0 {
		t.Error("it was saved all the same")
	}
}

// A hit costs no allocation.
func TestLoadAllocations(t *testing.T) {
	s := newStore(t, nil)
	ctx := t.Context()
	v := new(int)
	saveObject(t, s, "k", v)
	if n := testing.AllocsPerRun(1000, func() {
		if got, _, err := s.LoadObject(ctx, "k"); got != any(v) || err != nil {
			t.Errorf("LoadObject = %v, %v", got, err)
		}
	}); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
}
