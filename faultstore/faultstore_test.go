package faultstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
)

const second = time.Second

func lock(name, holder string) driver.AcquireRequest {
	return driver.AcquireRequest{Name: name, Holder: holder, Limit: 1, Slots: 1, TTL: time.Hour}
}

// bubble runs f on virtual time with a store that has the script, and the store behind it.
func bubble(t *testing.T, script Script, f func(t *testing.T, s *Store, inner *memstore.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		inner, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer inner.Close()
		s := New(inner, script)
		defer s.Close()
		f(t, s, inner)
	})
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// holder returns who holds name.
func holder(t *testing.T, s driver.Store, name string) string {
	t.Helper()
	o, err := s.Holders(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Holders) == 0 {
		return ""
	}
	return o.Holders[0].ID
}

// What one Acquire does under each fault, with a ctx that ends after ten seconds.
func TestFaultsOfACall(t *testing.T) {
	own := errors.New("own")
	tests := []struct {
		name    string
		fault   Fault
		err     error         // of the call
		took    time.Duration // until the caller heard
		arrives time.Duration // when the store got it; -1: never
	}{
		{"none", Fault{}, nil, 0, 0},
		{"before", Fault{Before: 3 * second}, nil, 3 * second, 3 * second},
		{"after", Fault{After: 3 * second}, nil, 3 * second, 0},
		{"both", Fault{Before: 2 * second, After: 3 * second}, nil, 5 * second, 2 * second},
		{"before too long", Fault{Before: 11 * second}, context.DeadlineExceeded, 10 * second, -1},
		{"after too long", Fault{After: 11 * second}, context.DeadlineExceeded, 10 * second, 0},
		{"fail", Fault{Kind: Fail}, ErrInjected, 0, -1},
		{"fail slowly", Fault{Kind: Fail, Before: second}, ErrInjected, second, -1},
		{"own error", Fault{Kind: Fail, Err: own}, own, 0, -1},
		{"lose reply", Fault{Kind: LoseReply, After: second}, ErrInjected, second, 0},
		{"lose reply, own error", Fault{Kind: LoseReply, Err: own}, own, 0, 0},
		{"hang", Fault{Kind: Hang}, context.DeadlineExceeded, 10 * second, -1},
		{"drop", Fault{Kind: Drop}, context.DeadlineExceeded, 10 * second, -1},
		{"hang reply", Fault{Kind: HangReply}, context.DeadlineExceeded, 10 * second, 0},
		{"late", Fault{Kind: Late, After: 5 * second}, context.DeadlineExceeded, 10 * second, 15 * second},
		{"late at once", Fault{Kind: Late}, context.DeadlineExceeded, 10 * second, 10 * second},
		{"stray", Fault{Kind: Stray, After: 5 * second}, ErrInjected, 0, 5 * second},
		{"stray at once", Fault{Kind: Stray}, ErrInjected, 0, 0},
		{"duplicate", Fault{Kind: Duplicate, After: 5 * second}, nil, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Always(test.fault), func(t *testing.T, s *Store, inner *memstore.Store) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*second)
				defer cancel()
				start := time.Now()
				g, err := s.Acquire(ctx, lock("n", "h/1"))
				if !errors.Is(err, test.err) {
					t.Errorf("got error %v, want %v", err, test.err)
				}
				if (err == nil) != (g.Holder == "h/1") {
					t.Errorf("error %v with grant %+v", err, g)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				s.Wait()
				o, err := inner.Holders(t.Context(), "n")
				if err != nil {
					t.Fatal(err)
				}
				arrived := time.Duration(-1)
				if len(o.Holders) > 0 {
					arrived = time.Since(start) - o.Holders[0].Age
				}
				if arrived != test.arrives {
					t.Errorf("arrived after %v, want %v", arrived, test.arrives)
				}
				if n := s.Counts().Faults(test.fault.Kind); test.fault.Kind != None && n != 1 {
					t.Errorf("%d faults counted", n)
				}
			})
		})
	}
}

func TestDuplicateArrivesAgain(t *testing.T) {
	script := Only(Release, Always(Fault{Kind: Duplicate, After: second}))
	bubble(t, script, func(t *testing.T, s *Store, inner *memstore.Store) {
		ctx := t.Context()
		g, err := s.Acquire(ctx, lock("n", "h/1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
		if _, err := inner.Acquire(ctx, lock("n", "h/1")); err != nil {
			t.Fatal(err)
		}
		s.Wait()
		if h := holder(t, inner, "n"); h != "" {
			t.Fatalf("the second Release did not arrive: held by %q", h)
		}
	})
}

func TestReadsAreNotDeliveredLate(t *testing.T) {
	bubble(t, Always(Fault{Kind: Stray, After: second}), func(t *testing.T, s *Store, _ *memstore.Store) {
		start := time.Now()
		_, err := s.Load(t.Context(), "k")
		wantErr(t, err, ErrInjected)
		_, _, err = s.LoadObject(t.Context(), "k")
		wantErr(t, err, ErrInjected)
		s.Wait()
		if time.Since(start) != 0 {
			t.Fatal("something was delivered")
		}
	})
}

func TestEndedContextIsNoCall(t *testing.T) {
	bubble(t, Always(Fault{Kind: Fail}), func(t *testing.T, s *Store, _ *memstore.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Acquire(ctx, lock("n", "h/1"))
		wantErr(t, err, context.Canceled)
		if s.Counts() != (Counts{}) {
			t.Fatalf("counted: %v", s.Counts())
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	script := func(c Call) Fault {
		return map[string]Fault{
			"hang": {Kind: Hang}, "late": {Kind: Late}, "pause": {Before: time.Hour},
			"stray": {Kind: Stray, After: time.Hour},
		}[c.Name]
	}
	bubble(t, script, func(t *testing.T, s *Store, inner *memstore.Store) {
		_, err := s.Acquire(t.Context(), lock("stray", "h/0"))
		wantErr(t, err, ErrInjected)
		names := []string{"hang", "late", "pause"}
		errs := make(chan error)
		for _, name := range names {
			go func() {
				_, err := s.Acquire(context.Background(), lock(name, "h/1"))
				errs <- err
			}()
		}
		synctest.Wait()
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for range names {
			wantErr(t, <-errs, driver.ErrClosed)
		}
		s.Wait()
		if time.Since(start) != 0 {
			t.Fatal("Close took time")
		}
		_, err = s.Acquire(t.Context(), lock("n", "h/1"))
		wantErr(t, err, driver.ErrClosed)
		time.Sleep(2 * time.Hour)
		for _, name := range append(names, "stray", "n") {
			if h := holder(t, inner, name); h != "" {
				t.Errorf("%q is held by %q", name, h)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// pushes lets h/1 hold n and h/2 wait for it, releases n, and returns when which
// pushes for h/2 came.
func pushes(t *testing.T, f Fault) (came []time.Duration) {
	t.Helper()
	bubble(t, Only(Push, Always(f)), func(t *testing.T, s *Store, _ *memstore.Store) {
		ctx := t.Context()
		var start time.Time
		stop, err := s.Listen(ctx, "n", "h", func(w driver.Wake) {
			if w.Grant.Holder != "h/2" {
				t.Errorf("woken with %+v", w)
			}
			came = append(came, time.Since(start))
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		g, err := s.Acquire(ctx, lock("n", "h/1"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Enqueue(ctx, lock("n", "h/2"), time.Minute)
		wantErr(t, err, driver.ErrHeld)
		start = time.Now()
		if err := s.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.Wait()
		if n := s.Counts().Calls(Push); n != 1 {
			t.Errorf("%d pushes counted", n)
		}
		if h := holder(t, s, "n"); h != "h/2" {
			t.Errorf("the slot was handed to %q", h)
		}
	})
	return came
}

func TestFaultsOfAPush(t *testing.T) {
	tests := []struct {
		name  string
		fault Fault
		want  []time.Duration
	}{
		{"none", Fault{}, []time.Duration{0}},
		{"drop", Fault{Kind: Drop}, nil},
		{"fail", Fault{Kind: Fail}, nil},
		{"hang", Fault{Kind: Hang}, nil},
		{"before", Fault{Before: second}, []time.Duration{second}},
		{"after", Fault{After: second}, []time.Duration{second}},
		{"late", Fault{Kind: Late, After: second}, []time.Duration{second}},
		{"duplicate", Fault{Kind: Duplicate}, []time.Duration{0, 0}},
		{"duplicate late", Fault{Kind: Duplicate, Before: second, After: second}, []time.Duration{second, 2 * second}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := pushes(t, test.fault)
			if len(got) != len(test.want) {
				t.Fatalf("pushes after %v, want %v", got, test.want)
			}
			for i, d := range got {
				if d != test.want[i] {
					t.Fatalf("pushes after %v, want %v", got, test.want)
				}
			}
		})
	}
}

func TestNoPushAfterStop(t *testing.T) {
	bubble(t, Only(Push, Always(Fault{Before: second})), func(t *testing.T, s *Store, _ *memstore.Store) {
		ctx := t.Context()
		stop, err := s.Listen(ctx, "n", "h", func(driver.Wake) { t.Error("woken") })
		if err != nil {
			t.Fatal(err)
		}
		g, _ := s.Acquire(ctx, lock("n", "h/1"))
		_, err = s.Enqueue(ctx, lock("n", "h/2"), time.Minute)
		wantErr(t, err, driver.ErrHeld)
		if err := s.Release(ctx, g); err != nil {
			t.Fatal(err)
		}
		stop()
		stop()
		s.Wait()
	})
}

// Who got an error from Listen listens to nothing.
func TestFaultsOfListen(t *testing.T) {
	for _, kind := range []Kind{Fail, LoseReply, Hang, HangReply, Late, Stray} {
		t.Run(kind.String(), func(t *testing.T) {
			bubble(t, Only(Listen, Always(Fault{Kind: kind})), func(t *testing.T, s *Store, _ *memstore.Store) {
				ctx, cancel := context.WithTimeout(t.Context(), second)
				defer cancel()
				stop, err := s.Listen(ctx, "n", "h", func(driver.Wake) { t.Error("woken") })
				if err == nil || stop != nil {
					t.Fatalf("got %v", err)
				}
				ctx = t.Context()
				g, _ := s.Acquire(ctx, lock("n", "h/1"))
				_, err = s.Enqueue(ctx, lock("n", "h/2"), time.Minute)
				wantErr(t, err, driver.ErrHeld)
				if err := s.Release(ctx, g); err != nil {
					t.Fatal(err)
				}
				s.Wait()
				synctest.Wait()
			})
		})
	}
}

// plain hides the optional parts of a store.
type plain struct{ driver.Store }

func (plain) Capabilities() driver.Capabilities { return driver.Capabilities{Lacks: driver.LackFences} }

// doctored is a store that knows about its engine.
type doctored struct{ *memstore.Store }

func (doctored) Examine(context.Context) ([]driver.Finding, error) {
	return []driver.Finding{{Code: "found"}}, nil
}

func TestExamine(t *testing.T) {
	bubble(t, nil, func(t *testing.T, _ *Store, inner *memstore.Store) {
		s := New(doctored{inner}, Only(Examine, Nth(2, Fault{Kind: Fail})))
		defer s.Close()
		if c := driver.CapabilitiesOf(s); c.Doctor != s {
			t.Errorf("on a store that is a doctor: %+v", c)
		}
		if found, err := s.Examine(t.Context()); err != nil || len(found) != 1 || found[0].Code != "found" {
			t.Errorf("Examine = %v, %v", found, err)
		}
		_, err := s.Examine(t.Context())
		wantErr(t, err, ErrInjected)
		if n := s.Counts().Calls(Examine); n != 2 || Examine.String() != "Examine" {
			t.Errorf("%v was counted %d times, want 2", Examine, n)
		}
	})
}

func TestCapabilitiesAreThoseOfTheInnerStore(t *testing.T) {
	bubble(t, nil, func(t *testing.T, s *Store, inner *memstore.Store) {
		c := driver.CapabilitiesOf(s)
		if c.Queue != s || c.Objects != s || c.Inspect != s || c.Ping != s || c.Doctor != nil || c.Lacks != 0 {
			t.Errorf("on a memstore: %+v", c)
		}
		bare := New(plain{inner}, nil)
		defer bare.Close()
		if c := driver.CapabilitiesOf(bare); c != (driver.Capabilities{Lacks: driver.LackFences}) {
			t.Errorf("on a plain store: %+v", c)
		}
		ctx := t.Context()
		_, err := bare.Enqueue(ctx, lock("n", "h/1"), second)
		wantErr(t, err, driver.ErrUnsupported)
		_, err = bare.Look(ctx, "n", "h", second)
		wantErr(t, err, driver.ErrUnsupported)
		wantErr(t, bare.Leave(ctx, "n", "h/1"), driver.ErrUnsupported)
		_, err = bare.Listen(ctx, "n", "h", func(driver.Wake) {})
		wantErr(t, err, driver.ErrUnsupported)
		_, _, err = bare.LoadObject(ctx, "k")
		wantErr(t, err, driver.ErrUnsupported)
		_, err = bare.SaveObject(ctx, "k", 1, driver.Write{TTL: second})
		wantErr(t, err, driver.ErrUnsupported)
		_, err = bare.Names(ctx, "", 1)
		wantErr(t, err, driver.ErrUnsupported)
		wantErr(t, bare.Ping(ctx), driver.ErrUnsupported)
		_, err = bare.Examine(ctx)
		wantErr(t, err, driver.ErrUnsupported)
	})
}

// Each operation is counted as itself, and the script sees whom it is for.
func TestCallsAreSeenAsWhatTheyAre(t *testing.T) {
	var seen []Call
	script := func(c Call) Fault {
		c.Name, c.Holder = strings.Clone(c.Name), strings.Clone(c.Holder)
		seen = append(seen, c)
		return Fault{Kind: Fail}
	}
	bubble(t, script, func(t *testing.T, s *Store, _ *memstore.Store) {
		ctx := t.Context()
		g := driver.Grant{Name: "n", Holder: "h/1"}
		w := driver.Write{TTL: second}
		calls := []struct {
			want Call
			do   func() error
		}{
			{Call{Acquire, "n", "h/1", 1}, func() error { _, err := s.Acquire(ctx, lock("n", "h/1")); return err }},
			{Call{Extend, "n", "h/1", 1}, func() error { _, err := s.Extend(ctx, g, second); return err }},
			{Call{Release, "n", "h/1", 1}, func() error { return s.Release(ctx, g) }},
			{Call{Release, "n", "h/1", 2}, func() error { return s.Release(ctx, g) }},
			{Call{Holders, "n", "", 1}, func() error { _, err := s.Holders(ctx, "n"); return err }},
			{Call{Evict, "n", "", 1}, func() error { return s.Evict(ctx, "n") }},
			{Call{Load, "k", "", 1}, func() error { _, err := s.Load(ctx, "k"); return err }},
			{Call{Save, "k", "", 1}, func() error { _, err := s.Save(ctx, "k", nil, w); return err }},
			{Call{Delete, "k", "", 1}, func() error { return s.Delete(ctx, "k", 0) }},
			{Call{Enqueue, "n", "h/1", 1}, func() error { _, err := s.Enqueue(ctx, lock("n", "h/1"), second); return err }},
			{Call{Look, "n", "h", 1}, func() error { _, err := s.Look(ctx, "n", "h", second); return err }},
			{Call{Leave, "n", "h/1", 1}, func() error { return s.Leave(ctx, "n", "h/1") }},
			{Call{Listen, "n", "h", 1}, func() error { _, err := s.Listen(ctx, "n", "h", func(driver.Wake) {}); return err }},
			{Call{LoadObject, "k", "", 1}, func() error { _, _, err := s.LoadObject(ctx, "k"); return err }},
			{Call{SaveObject, "k", "", 1}, func() error { _, err := s.SaveObject(ctx, "k", 1, w); return err }},
			{Call{Names, "p", "", 1}, func() error { _, err := s.Names(ctx, "p", 1); return err }},
			{Call{Ping, "", "", 1}, func() error { return s.Ping(ctx) }},
		}
		for i, c := range calls {
			err := c.do()
			wantErr(t, err, ErrInjected)
			if len(seen) != i+1 || seen[i] != c.want {
				t.Fatalf("call %d: seen %+v, want %+v", i, seen, c.want)
			}
			if !strings.Contains(err.Error(), c.want.Op.String()) {
				t.Errorf("the error does not name the operation: %v", err)
			}
		}
		if got := s.Counts().Faults(Fail); got != len(calls) {
			t.Errorf("%d faults counted, want %d", got, len(calls))
		}
		// Without a script all of them reach the store.
		s.SetScript(nil)
		before := s.Counts()
		for i, c := range calls {
			if err := c.do(); errors.Is(err, ErrInjected) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if after := s.Counts(); after.Injected() != before.Injected() || after.Calls(Release) != 4 {
			t.Errorf("counted %v", after)
		}
	})
}

func TestUnknownKindPanics(t *testing.T) {
	bubble(t, Always(Fault{Kind: kinds}), func(t *testing.T, s *Store, _ *memstore.Store) {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_ = s.Ping(t.Context())
	})
}
