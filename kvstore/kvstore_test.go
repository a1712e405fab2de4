package kvstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

func mustNew(t *testing.T, c Client) *Store {
	t.Helper()
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func lock(name, holder string, ttl time.Duration) driver.AcquireRequest {
	return driver.AcquireRequest{Name: name, Holder: holder, Limit: 1, Slots: 1, TTL: ttl}
}

// each runs f for each kind of client, on virtual time.
func each(t *testing.T, f func(t *testing.T, client Client, raw *mapClient)) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, raw := c.make()
				f(t, client, raw)
			})
		})
	}
}

func swapping(t *testing.T, f func(t *testing.T, client Client, raw *mapClient)) {
	synctest.Test(t, func(t *testing.T) {
		raw := newMapClient()
		f(t, swapClient{raw}, raw)
	})
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(nil, nil); !errors.Is(err, driver.ErrInvalid) {
		t.Errorf("nil client: %v", err)
	}
	for _, memory := range []time.Duration{-1, time.Second - 1, driver.NoExpiry} {
		if _, err := New(newMapClient(), &Options{FenceMemory: memory}); !errors.Is(err, driver.ErrInvalid) {
			t.Errorf("FenceMemory %v: %v", memory, err)
		}
	}
}

func TestCloseLeavesTheClientOpen(t *testing.T) {
	each(t, func(t *testing.T, client Client, _ *mapClient) {
		ctx := t.Context()
		a, b := mustNew(t, client), mustNew(t, client)
		must[driver.Grant](t)(a.Acquire(ctx, lock("n", "h/1", time.Second)))
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		wantErr(t, a.Release(ctx, driver.Grant{Name: "n", Holder: "h/1"}), driver.ErrClosed)
		if err := b.Release(ctx, driver.Grant{Name: "n", Holder: "h/1"}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestForeignLease(t *testing.T) {
	each(t, func(t *testing.T, client Client, raw *mapClient) {
		ctx := t.Context()
		s := mustNew(t, client)
		for _, foreign := range []string{"", "somebody", leaseMark, leaseMark + "1 2 3", leaseMark + "1 2 x 4 5 c 6 h/1", leaseMark + "1 2 0 4 5 c 6 "} {
			raw.set(leasePrefix+"n", []byte(foreign), time.Minute)
			_, err := s.Acquire(ctx, lock("n", "h/1", time.Second))
			var held *driver.HeldError
			if !errors.As(err, &held) || held.RetryAfter != driver.NoExpiry {
				t.Fatalf("%q: Acquire: %v", foreign, err)
			}
			o := must[driver.Occupancy](t)(s.Holders(ctx, "n"))
			if len(o.Holders) != 1 || !o.Holders[0].Foreign || o.Limit != 1 {
				t.Fatalf("%q: Holders: %+v", foreign, o)
			}
			wantErr(t, s.Release(ctx, driver.Grant{Name: "n", Holder: "h/1"}), driver.ErrLost)
			if err := s.Evict(ctx, "n"); err != nil {
				t.Fatal(err)
			}
			if o := must[driver.Occupancy](t)(s.Holders(ctx, "n")); o.Limit != 0 {
				t.Fatalf("%q: after Evict: %+v", foreign, o)
			}
		}
	})
}

func TestForeignRecordIsNoRecord(t *testing.T) {
	each(t, func(t *testing.T, client Client, raw *mapClient) {
		ctx := t.Context()
		s := mustNew(t, client)
		for _, foreign := range []string{"", "x", recordMark + "0 1 2 c 3\nv", recordMark + "7 1 2 c 3"} {
			for _, w := range []driver.Write{{TTL: time.Second}, {If: driver.IfAbsent, TTL: time.Second}} {
				raw.set(recordPrefix+"k", []byte(foreign), time.Minute)
				_, err := s.Load(ctx, "k")
				wantErr(t, err, driver.ErrNotFound)
				_, err = s.Save(ctx, "k", nil, driver.Write{If: driver.IfVersion, Version: 7, TTL: time.Second})
				wantErr(t, err, driver.ErrConflict)
				wantErr(t, s.Delete(ctx, "k", 7), driver.ErrConflict)
				must[driver.Version](t)(s.Save(ctx, "k", []byte("ours"), w))
				if r := must[driver.Record](t)(s.Load(ctx, "k")); string(r.Value) != "ours" {
					t.Fatalf("%q: loaded %q", foreign, r.Value)
				}
			}
		}
		raw.set(recordPrefix+"k", []byte("x"), time.Minute)
		if err := s.Delete(ctx, "k", 0); err != nil {
			t.Fatal(err)
		}
		if v, ok := raw.get(recordPrefix + "k"); ok && !strings.HasPrefix(v, tombstoneMark) {
			t.Fatalf("Delete left %q", v)
		}
	})
}

// A second process reads the same times when the wall clocks agree, and sane ones
// when they do not.
func TestOtherProcessReadsTheWallClock(t *testing.T) {
	each(t, func(t *testing.T, client Client, raw *mapClient) {
		ctx := t.Context()
		a, b := mustNew(t, client), mustNew(t, client)
		must[driver.Grant](t)(a.Acquire(ctx, lock("n", "h/1", 10*time.Second)))
		time.Sleep(4 * time.Second)
		h := must[driver.Occupancy](t)(b.Holders(ctx, "n")).Holders[0]
		if h.TTL != 6*time.Second || h.Age != 4*time.Second {
			t.Fatalf("same clock: %+v", h)
		}

		write := func(skew time.Duration) {
			l := b.newLease("h/2", 1, 0, 10*time.Second)
			l.since.wall += int64(skew)
			raw.set(leasePrefix+"n", l.bytes(), driver.NoExpiry)
		}
		write(time.Hour)
		h = must[driver.Occupancy](t)(a.Holders(ctx, "n")).Holders[0]
		if h.TTL != 10*time.Second || h.Age != 0 {
			t.Fatalf("writer ahead: %+v", h)
		}
		write(-time.Minute)
		h = must[driver.Occupancy](t)(a.Holders(ctx, "n")).Holders[0]
		if h.TTL != 0 || h.Age != time.Minute {
			t.Fatalf("writer behind: %+v", h)
		}
		_, err := a.Acquire(ctx, lock("n", "h/3", time.Second))
		var held *driver.HeldError
		if !errors.As(err, &held) || held.RetryAfter != 50*time.Second {
			t.Fatalf("writer behind: %#v", err)
		}
	})
}

// The engine has the lease for longer than was asked for, and the holder asks again.
func TestAcquireAgainNeverOutlivesTheRequest(t *testing.T) {
	each(t, func(t *testing.T, client Client, raw *mapClient) {
		ctx := t.Context()
		s := mustNew(t, client)
		g := must[driver.Grant](t)(s.Acquire(ctx, lock("n", "h/1", time.Second)))
		stored, _ := raw.get(leasePrefix + "n")
		raw.set(leasePrefix+"n", []byte(stored), time.Hour)
		time.Sleep(600 * time.Millisecond)
		again := must[driver.Grant](t)(s.Acquire(ctx, lock("n", "h/1", time.Minute)))
		if again.Fence != g.Fence || again.At+again.TTL != g.At+g.TTL {
			t.Fatalf("first %+v, again %+v", g, again)
		}
		time.Sleep(400 * time.Millisecond)
		_, err := s.Acquire(ctx, lock("n", "h/1", time.Minute))
		wantErr(t, err, driver.ErrHeld)
	})
}

// counter returns what is stored for the fences of n.
func counter(t *testing.T, raw *mapClient) uint64 {
	t.Helper()
	v, _ := raw.get(fencePrefix + "n")
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFenceOutlivesTheCounter(t *testing.T) {
	swapping(t, func(t *testing.T, client Client, raw *mapClient) {
		ctx := t.Context()
		s := mustNew(t, client)
		last := uint64(0)
		for i, pause := range []time.Duration{0, 0, time.Millisecond, FenceMemoryDefault - 1, FenceMemoryDefault + 1, 1000 * time.Hour} {
			time.Sleep(pause)
			if i == 2 {
				delete(raw.values, fencePrefix+"n") // the engine lost it
			}
			g := must[driver.Grant](t)(s.Acquire(ctx, lock("n", fmt.Sprint("h/", i), time.Second)))
			if g.Fence <= last || g.Fence != counter(t, raw) {
				t.Fatalf("round %d: fence %d after %d, counter %d", i, g.Fence, last, counter(t, raw))
			}
			last = g.Fence
			if err := s.Release(ctx, g); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A counter that a clock far ahead has set stays until all clocks have caught up.
func TestFenceCounterAheadOfTheClock(t *testing.T) {
	swapping(t, func(t *testing.T, client Client, raw *mapClient) {
		ctx := t.Context()
		s := mustNew(t, client)
		const ahead = 100 * time.Hour
		far := uint64(time.Now().Add(ahead).UnixMicro())
		raw.set(fencePrefix+"n", []byte(strconv.FormatUint(far, 10)), time.Hour)
		g := must[driver.Grant](t)(s.Acquire(ctx, lock("n", "h/1", time.Second)))
		if g.Fence != far+1 {
			t.Fatalf("fence %d, want %d", g.Fence, far+1)
		}
		time.Sleep(ahead + FenceMemoryDefault - time.Second)
		if counter(t, raw) != far+1 {
			t.Fatal("the counter was lost")
		}
		g = must[driver.Grant](t)(s.Acquire(ctx, lock("n", "h/2", time.Second)))
		if g.Fence <= far+1 {
			t.Fatalf("fence went back to %d", g.Fence)
		}
	})
}

func TestFenceCounterThatCannotBeRaised(t *testing.T) {
	swapping(t, func(t *testing.T, client Client, raw *mapClient) {
		ctx := t.Context()
		s := mustNew(t, client)
		for _, bad := range []string{"", "x", "-1", strconv.Itoa(maxFence)} {
			raw.set(fencePrefix+"n", []byte(bad), driver.NoExpiry)
			if g, err := s.Acquire(ctx, lock("n", "h/1", time.Second)); err == nil {
				t.Fatalf("counter %q: granted %+v", bad, g)
			}
			if err := s.Release(ctx, driver.Grant{Name: "n", Holder: "h/1"}); err != nil {
				t.Fatal(err)
			}
		}
		raw.set(fencePrefix+"n", []byte(strconv.Itoa(maxFence-1)), driver.NoExpiry)
		if g := must[driver.Grant](t)(s.Acquire(ctx, lock("n", "h/1", time.Second))); g.Fence != maxFence {
			t.Fatalf("fence %d", g.Fence)
		}
	})
}

// Who is so slow that its claim is over before the fence is in it does not hold the
// name, whoever has it then.
func TestSlowClaimantHoldsNothing(t *testing.T) {
	swapping(t, func(t *testing.T, client Client, raw *mapClient) {
		ctx := t.Context()
		slow, fast := mustNew(t, client), mustNew(t, client)
		var fastGrant driver.Grant
		once := false
		raw.before = func(op, key string) {
			if op != "swap" || key != leasePrefix+"n" || once {
				return
			}
			once = true
			time.Sleep(claimTTL)
			fastGrant = must[driver.Grant](t)(fast.Acquire(ctx, lock("n", "fast/1", time.Hour)))
		}
		_, err := slow.Acquire(ctx, lock("n", "slow/1", time.Hour))
		var held *driver.HeldError
		if !errors.As(err, &held) || held.Holder != "fast/1" {
			t.Fatalf("the slow one got %v", err)
		}
		if fastGrant.Fence != counter(t, raw) {
			t.Fatalf("the fence of the holder, %d, is not the largest, %d", fastGrant.Fence, counter(t, raw))
		}
	})
}

// The first attempt took the name, and its reply was lost before the fence was there.
func TestClaimIsCompletedByTheSameHolder(t *testing.T) {
	swapping(t, func(t *testing.T, client Client, raw *mapClient) {
		s := mustNew(t, client)
		ctx, cancel := context.WithCancel(t.Context())
		raw.before = func(op, _ string) {
			if op == "swap" {
				cancel()
			}
		}
		_, err := s.Acquire(ctx, lock("n", "h/1", time.Hour))
		wantErr(t, err, context.Canceled)
		raw.before = nil
		_, err = s.Acquire(t.Context(), lock("n", "h/2", time.Hour))
		wantErr(t, err, driver.ErrHeld)
		g := must[driver.Grant](t)(s.Acquire(t.Context(), lock("n", "h/1", time.Hour)))
		if g.Fence == 0 || g.TTL != time.Hour {
			t.Fatalf("got %+v", g)
		}
	})
}

func TestAbandonedClaimEndsSoon(t *testing.T) {
	swapping(t, func(t *testing.T, client Client, raw *mapClient) {
		s := mustNew(t, client)
		ctx, cancel := context.WithCancel(t.Context())
		raw.before = func(op, _ string) {
			if op == "swap" {
				cancel()
			}
		}
		_, err := s.Acquire(ctx, lock("n", "h/1", driver.NoExpiry))
		wantErr(t, err, context.Canceled)
		raw.before = nil
		time.Sleep(claimTTL)
		must[driver.Grant](t)(s.Acquire(t.Context(), lock("n", "h/2", time.Second)))
	})
}

// Many clients and holders at once: one holder at a time, and fences that rise.
func TestRaceForLease(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			client, _ := c.make()
			var inside atomic.Int32
			var last, acquired atomic.Uint64
			var wg sync.WaitGroup
			for w := range 8 {
				s := mustNew(t, client)
				wg.Go(func() {
					for i := range 100 {
						holder := fmt.Sprintf("w%d/%d", w, i)
						// One request in two goroutines: a lost reply that was not lost.
						var twin sync.WaitGroup
						var grants [2]driver.Grant
						for j := range grants {
							twin.Go(func() { grants[j], _ = s.Acquire(t.Context(), lock("n", holder, time.Hour)) })
						}
						twin.Wait()
						g := grants[0]
						if g.Holder == "" {
							g = grants[1]
						}
						if g.Holder == "" {
							continue
						}
						if inside.Add(1) != 1 {
							t.Error("two holders")
						}
						if c.name == "swapping" && g.Fence <= last.Swap(g.Fence) {
							t.Error("the fence did not rise")
						}
						if c.name == "swapping" {
							if e, err := s.Extend(t.Context(), g, time.Minute); err != nil || e.Fence != g.Fence {
								t.Errorf("Extend: %+v, %v", e, err)
							}
						}
						acquired.Add(1)
						inside.Add(-1)
						if err := s.Release(t.Context(), g); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if acquired.Load() == 0 {
				t.Error("nobody got the lease")
			}
		})
	}
}

// Of those who write over one version exactly one succeeds, on each client.
func TestRaceForVersion(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			client, _ := c.make()
			s := mustNew(t, client)
			v := must[driver.Version](t)(s.Save(ctx, "k", []byte("0"), driver.Write{TTL: time.Hour}))
			for range 100 {
				var won atomic.Int32
				var next atomic.Uint64
				var wg sync.WaitGroup
				for range 4 {
					s := mustNew(t, client)
					wg.Go(func() {
						made, err := s.Save(ctx, "k", []byte("1"), driver.Write{If: driver.IfVersion, Version: v, TTL: time.Hour})
						if err == nil {
							won.Add(1)
							next.Store(uint64(made))
						} else if !errors.Is(err, driver.ErrConflict) {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if won.Load() != 1 {
					t.Fatalf("%d writers succeeded", won.Load())
				}
				v = driver.Version(next.Load())
			}
			if r := must[driver.Record](t)(s.Load(ctx, "k")); r.Version != v {
				t.Fatalf("the winner was %d, there is %d", v, r.Version)
			}
		})
	}
}

func TestRaceForRecord(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			client, _ := c.make()
			var wg sync.WaitGroup
			var created atomic.Int32
			for range 4 {
				s := mustNew(t, client)
				wg.Go(func() {
					for range 100 {
						if _, err := s.Save(ctx, "k", []byte("v"), driver.Write{TTL: time.Hour}); err != nil {
							t.Error(err)
						}
						if _, err := s.Save(ctx, "once", []byte("v"), driver.Write{If: driver.IfAbsent, TTL: time.Hour}); err == nil {
							created.Add(1)
						}
						if r, err := s.Load(ctx, "k"); err == nil && string(r.Value) != "v" {
							t.Errorf("loaded %q", r.Value)
						}
						if err := s.Delete(ctx, "k", 0); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if created.Load() != 1 {
				t.Errorf("%d writers created the record", created.Load())
			}
		})
	}
}

// An unconditional write without compare and swap goes through, though another one
// gets into the moment in which there is no record.
func TestWriteInTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		raw := newMapClient()
		s, other := mustNew(t, raw), mustNew(t, raw)
		must[driver.Version](t)(s.Save(ctx, "k", []byte("old"), driver.Write{TTL: time.Hour}))
		intrude := func() {
			deleted := false
			raw.before = func(op, _ string) {
				deleted = deleted || op == "delete"
				if deleted && op == "set" {
					raw.before = nil
					must[driver.Version](t)(other.Save(ctx, "k", []byte("theirs"), driver.Write{If: driver.IfAbsent, TTL: time.Hour}))
				}
			}
		}
		intrude()
		v := must[driver.Version](t)(s.Save(ctx, "k", []byte("ours"), driver.Write{TTL: time.Hour}))
		if r := must[driver.Record](t)(s.Load(ctx, "k")); string(r.Value) != "ours" || r.Version != v {
			t.Fatalf("Always: loaded %q", r.Value)
		}
		intrude()
		_, err := s.Save(ctx, "k", []byte("mine"), driver.Write{If: driver.IfVersion, Version: v, TTL: time.Hour})
		wantErr(t, err, driver.ErrConflict)
		if r := must[driver.Record](t)(s.Load(ctx, "k")); string(r.Value) != "theirs" {
			t.Fatalf("IfVersion: loaded %q", r.Value)
		}
	})
}

// A Delete that comes between the two steps of a conditional write stops it, and one
// that has stopped nothing leaves nothing for long.
func TestDeleteInTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		raw := newMapClient()
		s, other := mustNew(t, raw), mustNew(t, raw)
		v := must[driver.Version](t)(s.Save(ctx, "k", []byte("old"), driver.Write{TTL: time.Hour}))
		deleted := false
		raw.before = func(op, _ string) {
			deleted = deleted || op == "delete"
			if deleted && op == "set" {
				raw.before = nil
				if err := other.Delete(ctx, "k", 0); err != nil {
					t.Error(err)
				}
			}
		}
		_, err := s.Save(ctx, "k", []byte("stale"), driver.Write{If: driver.IfVersion, Version: v, TTL: time.Hour})
		wantErr(t, err, driver.ErrConflict)
		_, err = s.Load(ctx, "k")
		wantErr(t, err, driver.ErrNotFound)

		must[driver.Version](t)(s.Save(ctx, "k", []byte("new"), driver.Write{If: driver.IfAbsent, TTL: time.Hour}))
		if err := s.Delete(ctx, "k", 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(tombstoneTTL)
		if v, ok := raw.get(recordPrefix + "k"); ok {
			t.Fatalf("still there: %q", v)
		}
	})
}

func TestKeysAreAsDocumented(t *testing.T) {
	swapping(t, func(t *testing.T, client Client, raw *mapClient) {
		s := mustNew(t, client)
		must[driver.Grant](t)(s.Acquire(t.Context(), lock("n", "host:1:x/1", time.Second)))
		must[driver.Version](t)(s.Save(t.Context(), "n", []byte("two\nlines"), driver.Write{TTL: time.Second}))
		for _, want := range []string{"lease/n", "fence/n", "record/n"} {
			if _, ok := raw.get(want); !ok {
				t.Errorf("nothing under %q", want)
			}
		}
		v, _ := raw.get("lease/n")
		if !strings.HasPrefix(v, "cachify-lease-1 ") || !strings.HasSuffix(v, " host:1:x/1") {
			t.Errorf("the lease is %q", v)
		}
	})
}

func TestBusyKeyEndsWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := newMapClient()
		s := mustNew(t, raw)
		raw.before = func(op, key string) {
			if op == "delete" {
				raw.mu.Lock()
				defer raw.mu.Unlock()
				raw.set(key, s.newRecord(nil, time.Hour).bytes(), time.Hour)
			}
		}
		raw.set(recordPrefix+"k", []byte("x"), time.Hour)
		wantErr(t, s.Delete(t.Context(), "k", 0), errBusy)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantErr(t, s.Delete(ctx, "k", 0), context.Canceled)
	})
}
