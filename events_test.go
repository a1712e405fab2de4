package cachify_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/faultstore"
)

// fired collects the events of every field, whatever fields there are.
type fired struct {
	mu  sync.Mutex
	all map[string][]any // by the field's name
}

func (f *fired) events() *cachify.Events {
	f.all = make(map[string][]any)
	ev := &cachify.Events{}
	v := reflect.ValueOf(ev).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		v.Field(i).Set(reflect.MakeFunc(v.Field(i).Type(), func(args []reflect.Value) []reflect.Value {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.all[name] = append(f.all[name], args[0].Interface())
			return nil
		}))
	}
	return ev
}

// take returns the events of a field, of which there must be n, and forgets all.
func (f *fired) take(t testing.TB, name string, n int) []any {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.all[name]
	if len(got) != n {
		t.Fatalf("%d times %s, want %d; all: %v", len(got), name, n, f.all)
	}
	f.all = make(map[string][]any)
	return got
}

// everyEvent makes each event happen and checks it. It returns the names.
func everyEvent(e *cacheEnv, ev *cachify.Events, f *fired) []string {
	s := faultstore.New(e.store, nil)
	c := e.instanceOn(s, &cachify.Config{Events: ev})
	var seen []string
	check := func(name string, n int, verb cachify.Verb, key string) []any {
		e.Helper()
		seen = append(seen, name)
		if f == nil {
			return make([]any, n)
		}
		got := f.take(e, name, n)
		for _, g := range got {
			v := reflect.ValueOf(g)
			if k := v.FieldByName("Key").String(); k != key {
				e.Errorf("%s: key %q, want %q", name, k, key)
			}
			if vb := v.FieldByName("Verb"); vb.IsValid() && vb.String() != string(verb) {
				e.Errorf("%s: verb %q, want %q", name, vb, verb)
			}
		}
		return got
	}
	must := func(l *cachify.Lease, err error) *cachify.Lease {
		e.Helper()
		if err != nil {
			e.Fatal(err)
		}
		return l
	}
	ctx := e.ctx

	l := must(c.Lock("k", cachify.Expiry(time.Second)).Acquire(ctx))
	check("Acquired", 1, cachify.VerbLock, "k")
	_, _ = c.Lock("k").Acquire(ctx)
	check("Refused", 1, cachify.VerbLock, "k")
	_, _ = c.Lock("k", cachify.Wait(250*time.Millisecond)).Acquire(ctx)
	check("Waiting", 3, cachify.VerbLock, "k") // at 0, 100 and 200 ms
	_, _ = c.Lock("k", cachify.Wait(10*time.Millisecond)).Acquire(ctx)
	for _, g := range check("TimedOut", 1, cachify.VerbLock, "k") {
		if w, ok := g.(cachify.WaitEvent); ok && w.Waited != 10*time.Millisecond {
			e.Errorf("TimedOut: %+v", w)
		}
	}
	if err := l.Extend(ctx, 2*time.Second); err != nil {
		e.Error(err)
	}
	check("Renewed", 1, cachify.VerbLock, "k")
	if err := l.Release(ctx); err != nil {
		e.Error(err)
	}
	check("Released", 1, cachify.VerbLock, "k")

	l = must(c.Lock("lost").Acquire(ctx))
	if err := c.Lock("lost").ForceRelease(ctx); err != nil {
		e.Error(err)
	}
	wantErr(e, l.Release(ctx), cachify.ErrLost)
	for _, g := range check("Lost", 1, cachify.VerbLock, "lost") {
		if le, ok := g.(cachify.LeaseEvent); ok {
			wantErr(e, le.Err, cachify.ErrLost)
		}
	}

	l = must(c.Pool("pool", 1, cachify.SlotExpiry(time.Second)).Acquire(ctx))
	_, _ = c.Pool("pool", 1).Acquire(ctx)
	check("Full", 1, cachify.VerbPool, "pool")
	time.Sleep(2 * time.Second)
	for _, g := range check("Expired", 1, cachify.VerbPool, "pool") {
		if le, ok := g.(cachify.LeaseEvent); ok {
			wantErr(e, le.Err, cachify.ErrExpired)
		}
	}
	_ = l.Release(ctx)

	_, _ = c.Once("once").Do(ctx, func(ctx context.Context) error {
		_, err := c.Once("once").Do(ctx, func(context.Context) error { return nil })
		return err
	})
	check("Skipped", 1, cachify.VerbOnce, "once")

	l = must(c.Lock("alive", cachify.KeepAlive(), cachify.Expiry(3*time.Second)).Acquire(ctx))
	s.SetScript(faultstore.Only(faultstore.Extend, faultstore.Nth(2, faultstore.Fault{Kind: faultstore.Fail}))) // the first was by hand
	time.Sleep(1001 * time.Millisecond)
	check("RenewalFailed", 1, cachify.VerbLock, "alive")
	_ = l.Release(ctx)
	time.Sleep(time.Minute)
	s.SetScript(nil)

	g := mustCache(e, c, "n-{}", func(context.Context, string) (int, error) { time.Sleep(time.Second); return 1, nil })
	wantCall(e, g, "a", 1)
	check("Miss", 1, "", "n-a")
	wantCall(e, g, "a", 1)
	check("Hit", 1, "", "n-a")
	if err := g.Reset(ctx, "a"); err != nil {
		e.Error(err)
	}
	check("Reset", 1, "", "n-a")
	wantCall(e, g, "a", 1)
	for _, ev := range check("Loaded", 1, "", "n-a") {
		if le, ok := ev.(cachify.LoadEvent); ok && (le.Took != time.Second || le.Err != nil) {
			e.Errorf("Loaded: %+v", le)
		}
	}
	_ = c.Forget(ctx, "n-a")
	wait := inBackground(func() { wantCall(e, g, "a", 1) })
	synctest.Wait()
	_ = c.Forget(ctx, "n-a")
	wait()
	check("Discarded", 1, "", "n-a")
	save(e, "PYC-n-a-cached", []byte("foreign"))
	wantCall(e, g, "a", 1)
	for _, ev := range check("Corrupt", 1, "", "n-a") {
		if ce, ok := ev.(cachify.CacheEvent); ok && ce.Err == nil {
			e.Error("Corrupt without a reason")
		}
	}
	s.SetScript(faultstore.Only(faultstore.Delete, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail})))
	_ = c.Forget(ctx, "n-a")
	check("StoreFailed", 1, "", "PYC-n-a-cached")
	return seen
}

func TestEveryEventFires(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var f fired
		seen := everyEvent(e, f.events(), &f)
		for _, field := range reflect.VisibleFields(reflect.TypeFor[cachify.Events]()) {
			if !slices.Contains(seen, field.Name) {
				e.Errorf("nothing makes %s happen", field.Name)
			}
		}
	})
}

// Without events, and with each of them missing, nothing panics.
func TestEventsMayBeNil(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		everyEvent(e, nil, nil)
	})
	onBothStores(t, func(e *cacheEnv) {
		everyEvent(e, &cachify.Events{}, nil)
	})
}

func TestTee(t *testing.T) {
	var got []string
	to := func(name string) *cachify.Events {
		ev := &cachify.Events{}
		v := reflect.ValueOf(ev).Elem()
		for i := range v.NumField() {
			field := v.Type().Field(i).Name
			v.Field(i).Set(reflect.MakeFunc(v.Field(i).Type(), func([]reflect.Value) []reflect.Value {
				got = append(got, name+field)
				return nil
			}))
		}
		return ev
	}
	tee := cachify.Tee(nil, to("1"), &cachify.Events{}, to("2"))
	v := reflect.ValueOf(tee).Elem()
	for i := range v.NumField() {
		got = nil
		name := v.Type().Field(i).Name
		v.Field(i).Call([]reflect.Value{reflect.New(v.Field(i).Type().In(0)).Elem()})
		if want := []string{"1" + name, "2" + name}; !slices.Equal(got, want) {
			t.Errorf("%s tells %q, want %q", name, got, want)
		}
	}

	none := reflect.ValueOf(cachify.Tee(nil, &cachify.Events{})).Elem()
	for i := range none.NumField() {
		if !none.Field(i).IsNil() {
			t.Errorf("%s is set although nobody listens", none.Type().Field(i).Name)
		}
	}
	var arg cachify.CacheEvent
	one := cachify.Tee(&cachify.Events{Hit: func(e cachify.CacheEvent) { arg = e }}, &cachify.Events{Hit: func(cachify.CacheEvent) {}})
	one.Hit(cachify.CacheEvent{Key: "k"})
	if arg.Key != "k" {
		t.Errorf("Tee passed %+v", arg)
	}
}

// logLines runs everyEvent with LogEvents, and returns "LEVEL text" lines.
func logLines(e *cacheEnv, level slog.Level) []string {
	var buf bytes.Buffer
	var mu sync.Mutex
	h := slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return buf.Write(p)
	}), &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	everyEvent(e, cachify.LogEvents(slog.New(h)), nil)
	mu.Lock()
	defer mu.Unlock()
	return strings.Split(strings.TrimSpace(buf.String()), "\n")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestLogEvents(t *testing.T) {
	onObjects(t, func(e *cacheEnv) {
		lines := logLines(e, slog.LevelDebug)
		for _, want := range []string{
			`level=DEBUG msg="k is already locked!" verb=lock key=k`,
			`level=DEBUG msg="gave up waiting for k" verb=lock key=k`,
			`level=DEBUG msg="once is already running, skipped" verb=once key=once`,
			`level=DEBUG msg="pool is full!" verb=pool key=pool`,
			`level=DEBUG msg="lease acquired" verb=lock key=k`,
			`level=DEBUG msg="lease released" verb=lock key=k`,
			`level=WARN msg="lease renewal failed, will be tried again" verb=lock key=alive`,
			`level=WARN msg="lease lost" verb=lock key=lost`,
			`level=WARN msg="lease expired while held" verb=pool key=pool`,
			`level=DEBUG msg="cached function ran" key=n-a took=1s`,
			`level=DEBUG msg="result not stored: the key changed during the load" key=n-a`,
			`level=WARN msg="cached value cannot be read, counts as a miss" key=n-a`,
			`level=DEBUG msg="cached result reset" key=n-a`,
			`level=WARN msg="store failure" op=delete key=PYC-n-a-cached`,
		} {
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, want) }) {
				e.Errorf("no line %s; all:\n%s", want, strings.Join(lines, "\n"))
			}
		}
		for _, l := range lines {
			if strings.Contains(l, "WARN") && !strings.Contains(l, "error=") {
				e.Errorf("a warning does not say why: %s", l)
			}
		}
	})
	onObjects(t, func(e *cacheEnv) {
		for _, l := range logLines(e, slog.LevelInfo) {
			if !strings.Contains(l, "level=WARN") {
				e.Errorf("logged at level info: %s", l)
			}
		}
	})
}

func TestLogEventsWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newCacheEnv(t, true)
		var texts []string
		h := slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
			texts = append(texts, string(p))
			return len(p), nil
		}), &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.MessageKey || a.Key == slog.LevelKey {
				return a
			}
			return slog.Attr{}
		}})
		ev := cachify.LogEvents(slog.New(h))
		c := e.instance(&cachify.Config{Events: &cachify.Events{Refused: ev.Refused, Waiting: ev.Waiting}})
		l, err := c.Lock("example-lock").Acquire(e.ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Lock("example-lock").Acquire(e.ctx)
		if err == nil || err.Error() != "example-lock is already locked!" {
			t.Errorf("error %v", err)
		}
		want := "level=DEBUG msg=\"example-lock is already locked!\"\n"
		if len(texts) != 1 || texts[0] != want {
			t.Errorf("log %q, want %q", texts, want)
		}
		_ = l.Release(e.ctx)
	})
}

func TestLogEventsDefaultLogger(t *testing.T) {
	ev := cachify.LogEvents(nil)
	if ev.Hit != nil || ev.Miss != nil || ev.Renewed != nil {
		t.Error("hits, misses and renewals are logged")
	}
	ev.Loaded(cachify.LoadEvent{Key: "k", Err: errors.New("x")}) // at debug: nothing to be seen
}
