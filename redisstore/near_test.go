package redisstore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/storetest"
)

// near returns a store that keeps copies.
func (s *server) near(opts redisstore.NearCache) *redisstore.Store {
	s.t.Helper()
	store, err := redisstore.New(context.Background(), redisstore.Options{URL: s.url(), NearCache: &opts})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = store.Close() })
	return store
}

// reads returns how many GET the server has done.
func (s *server) reads(admin rueidis.Client) (n int) {
	s.t.Helper()
	stats, err := s.do(admin, "INFO", "commandstats").ToString()
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(stats) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_get:calls="); ok {
			calls, _, _ := strings.Cut(rest, ",")
			if n, err = strconv.Atoi(calls); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return n
}

func save(t *testing.T, s *redisstore.Store, key, value string, ttl time.Duration) {
	t.Helper()
	if _, err := s.Save(t.Context(), key, []byte(value), driver.Write{TTL: ttl}); err != nil {
		t.Fatal(err)
	}
}

// has reports whether s returns value, or for the empty one that there is none.
func has(t *testing.T, s *redisstore.Store, key, value string) bool {
	t.Helper()
	r, err := s.Load(t.Context(), key)
	if errors.Is(err, driver.ErrNotFound) {
		return value == ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Value) == value
}

// Copies keep all rules of a store that is used by one program alone; what others write
// is seen a moment later.
func TestConformanceWithNearCache(t *testing.T) {
	srv := startServer(t)
	storetest.Run(t, storetest.Harness{
		New: func(ctx context.Context) (driver.Store, func() error, error) {
			s, err := redisstore.New(ctx, redisstore.Options{URL: srv.url(), NearCache: &redisstore.NearCache{}})
			if err != nil {
				return nil, nil, err
			}
			return s, s.Close, nil
		},
		Close:       func(s driver.Store) error { return s.(*redisstore.Store).Close() },
		Parallel:    true,
		SharedSpace: true,
		Resolution:  50 * time.Millisecond, // a copy tells the time that was left when the read began
	})
}

func TestNearCache(t *testing.T) {
	srv := startServer(t)
	admin, near, far := srv.client(), srv.near(redisstore.NearCache{}), srv.store()

	save(t, far, "key", "one", time.Hour)
	if !has(t, near, "key", "one") {
		t.Fatal("no record")
	}
	before := srv.reads(admin)
	for range 1000 {
		r, err := near.Load(t.Context(), "key")
		if err != nil || string(r.Value) != "one" || r.TTL <= 59*time.Minute || r.TTL > time.Hour {
			t.Fatalf("got %q for %v, %v", r.Value, r.TTL, err)
		}
	}
	if n := srv.reads(admin) - before; n != 0 {
		t.Errorf("1000 hits cost %d reads", n)
	}

	save(t, far, "key", "two", driver.NoExpiry)
	eventually(t, "message that it has changed", func() bool { return has(t, near, "key", "two") })
	if r, err := near.Load(t.Context(), "key"); err != nil || r.TTL != driver.NoExpiry {
		t.Errorf("got %v, %v, want a record that lasts for ever", r.TTL, err)
	}
	if err := far.Delete(t.Context(), "key", 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "message that it is gone", func() bool { return has(t, near, "key", "") })
	srv.do(admin, "SET", "key", "three")
	eventually(t, "another program's value", func() bool { return has(t, near, "key", "three") })
	srv.do(admin, "FLUSHALL")
	eventually(t, "FLUSHALL", func() bool { return has(t, near, "key", "") })

	save(t, far, "short", "x", 300*time.Millisecond)
	if !has(t, near, "short", "x") {
		t.Fatal("no record")
	}
	eventually(t, "end of the record", func() bool { return has(t, near, "short", "") })
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Load(t.Context(), "key"); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A copy lasts no longer than MaxAge, and copies take no more room than MaxBytes.
func TestNearCacheLimits(t *testing.T) {
	srv := startServer(t)
	admin, far := srv.client(), srv.store()
	young := srv.near(redisstore.NearCache{MaxAge: 50 * time.Millisecond})
	save(t, far, "key", "x", time.Hour)
	before := srv.reads(admin)
	eventually(t, "second read, after MaxAge", func() bool {
		return has(t, young, "key", "x") && srv.reads(admin) > before+1
	})

	small := srv.near(redisstore.NearCache{MaxBytes: 100 << 10})
	for i := range 100 {
		save(t, far, strconv.Itoa(i), strings.Repeat("x", 10<<10), time.Hour)
	}
	before = srv.reads(admin)
	for range 2 {
		for i := range 100 {
			if !has(t, small, strconv.Itoa(i), strings.Repeat("x", 10<<10)) {
				t.Fatal("no record")
			}
		}
	}
	if n := srv.reads(admin) - before; n < 150 {
		t.Errorf("200 loads of ten times as much as there is room for cost %d reads", n)
	}
}

// A store never returns an older copy of what it has written itself, however many reads
// are on their way at the time.
func TestNearCacheReadsItsWrites(t *testing.T) {
	srv := startServer(t)
	near := srv.near(redisstore.NearCache{})
	for i := range uint64(1000) {
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for range 4 {
					if _, err := near.Load(t.Context(), "key"); err != nil && !errors.Is(err, driver.ErrNotFound) {
						t.Error(err)
					}
				}
			})
		}
		want := string(binary.BigEndian.AppendUint64(nil, i))
		if i%10 == 9 {
			want = ""
			if err := near.Delete(t.Context(), "key", 0); err != nil {
				t.Fatal(err)
			}
		} else {
			save(t, near, "key", want, time.Hour)
		}
		for range 3 {
			if !has(t, near, "key", want) {
				t.Fatalf("%d: an older copy", i)
			}
		}
		readers.Wait()
	}
}

// When the connection breaks, what the server would have told is unknown, so no copy is
// used any more.
func TestNearCacheIsFlushedWhenTheConnectionBreaks(t *testing.T) {
	srv := startServer(t)
	admin, near := srv.client(), srv.near(redisstore.NearCache{})
	for i := range 20 {
		key := "key" + strconv.Itoa(i)
		srv.do(admin, "SET", key, "old")
		if !has(t, near, key, "old") {
			t.Fatal("no record")
		}
		srv.do(admin, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		srv.do(admin, "SET", key, "new") // nobody is told
		eventually(t, "new value", func() bool {
			r, err := near.Load(t.Context(), key)
			return err == nil && string(r.Value) == "new"
		})
	}
	srv.kill()
	eventually(t, "error instead of a copy", func() bool {
		_, err := near.Load(t.Context(), "key19")
		return err != nil
	})
}

func TestNearCacheOptions(t *testing.T) {
	srv := startServer(t)
	for _, opts := range []redisstore.Options{
		{URL: srv.url(), NearCache: &redisstore.NearCache{MaxBytes: -1}},
		{URL: srv.url(), NearCache: &redisstore.NearCache{MaxAge: -1}},
		{URL: srv.url() + "?protocol=2", NearCache: &redisstore.NearCache{}},
	} {
		s, err := redisstore.New(t.Context(), opts)
		if !errors.Is(err, driver.ErrInvalid) {
			t.Errorf("%+v: %v", *opts.NearCache, err)
		}
		if err == nil {
			_ = s.Close()
		}
	}
}

// BenchmarkNearCache is a hit with copies and without.
func BenchmarkNearCache(b *testing.B) {
	srv := startServer(b)
	for name, s := range map[string]*redisstore.Store{"near": srv.near(redisstore.NearCache{}), "far": srv.store()} {
		if _, err := s.Save(b.Context(), "key", make([]byte, 200), driver.Write{TTL: time.Hour}); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Load(b.Context(), "key"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
