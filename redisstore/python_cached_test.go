package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/picklecodec"
)

type account struct {
	ID     int64    `pickle:"id"`
	Name   string   `pickle:"name"`
	Rate   float64  `pickle:"rate"`
	Raw    []byte   `pickle:"raw"`
	Tags   []string `pickle:"tags"`
	Parent *account `pickle:"parent"`
}

// shared is a cached function in Go, and what it does when it runs.
type shared struct {
	*cachify.CachedFunc[int, *account]
	runs int
	do   func()
}

func newShared(t *testing.T, srv *server, events *cachify.Events, opts ...cachify.CacheOption) *shared {
	t.Helper()
	c, err := cachify.New(srv.store(), &cachify.Config{Events: events})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	s := &shared{do: func() {}}
	opts = append([]cachify.CacheOption{cachify.WithCodec(picklecodec.New()), cachify.TTL(time.Minute)}, opts...)
	s.CachedFunc, err = cachify.Cached(c, "account-{}", func(context.Context, int) (*account, error) {
		s.runs++
		s.do()
		return &account{ID: 42, Name: "Änn", Rate: 0.5, Raw: []byte{0, 255}, Tags: []string{"go"}}, nil
	}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shared) want(t *testing.T, name string, runs int) *account {
	t.Helper()
	a, err := s.Call(t.Context(), 42)
	if err != nil || a == nil || a.Name != name || s.runs != runs {
		t.Fatalf("Go gets %+v, %v, after %d runs, want %q after %d", a, err, s.runs, name, runs)
	}
	return a
}

const (
	sharedKey = "PYC-account-42-cached"
	fromGo    = `{'id': 42, 'name': 'Änn', 'rate': 0.5, 'raw': b'\x00\xff', 'tags': ['go'], 'parent': None}`
	ofPython  = `{'id': 42, 'name': 'Py', 'rate': 1, 'raw': b'x', 'tags': [], 'parent': {'id': 1, 'name': 'Root'}, 'more': [1, 2]}`
)

func TestPythonCachesForGo(t *testing.T) {
	srv := startServer(t)
	py, f := startPython(t, srv), newShared(t, srv, nil)

	py.says(`('ran', {'id': 42, 'name': 'Py', 'rate': 1, 'raw': b'x', 'tags': [], 'parent': {'id': 1, 'name': 'Root'}, 'more': [1, 2]})`,
		"call %s 300 %s", sharedKey, ofPython)
	a := f.want(t, "Py", 0)
	if a.ID != 42 || a.Rate != 1 || string(a.Raw) != "x" || a.Tags == nil || len(a.Tags) != 0 || a.Parent == nil || a.Parent.Name != "Root" {
		t.Errorf("%+v", a)
	}
	e, ok, err := f.Peek(t.Context(), 42)
	if err != nil || !ok || !e.Foreign || e.TTL > 300*time.Second || e.TTL < 200*time.Second {
		t.Errorf("Peek = %+v, %v, %v", e, ok, err)
	}
	if err := f.Reset(t.Context(), 42); err != nil { // for Python, too
		t.Fatal(err)
	}
	py.says("('ran', 7)", "call %s 0 7", sharedKey)
	if e, _, _ := f.Peek(t.Context(), 42); e.Value != nil || e.Foreign {
		t.Errorf("a 7 was read as %+v", e)
	}
	f.want(t, "Änn", 1) // an int is no account: a miss
	py.says("1", "release %s", sharedKey)
	py.says("('ran', None)", "call %s 0 None", sharedKey) // Python runs again each time, Go takes it for nil
	if a, err := f.Call(t.Context(), 42); a != nil || err != nil || f.runs != 1 {
		t.Errorf("None was read as %+v, %v after %d runs", a, err, f.runs)
	}
}

func TestGoCachesForPython(t *testing.T) {
	srv := startServer(t)
	py, f := startPython(t, srv), newShared(t, srv, nil)

	f.do = func() { py.says("None", "load %s", sharedKey) } // the reservation
	f.want(t, "Änn", 1)
	py.says(fromGo, "call %s 300 0", sharedKey)
	e, ok, err := f.Peek(t.Context(), 42)
	if err != nil || !ok || e.Foreign || e.TTL > time.Minute || e.TTL < 10*time.Second {
		t.Errorf("Peek = %+v, %v, %v", e, ok, err)
	}
	py.says("True", "ttl_between %s 10 60", sharedKey)
	f.do = func() { py.says(fromGo, "call %s 300 0", sharedKey) } // what there was
	if _, err := f.Refresh(t.Context(), 42); err != nil {
		t.Fatal(err)
	}
	py.says(fromGo, "call %s 300 0", sharedKey)
	f.want(t, "Änn", 2)

	f.do = func() {}
	py.says("1", "release %s", sharedKey) // Python's reset
	f.want(t, "Änn", 3)
	if err := f.Reset(t.Context(), 42); err != nil {
		t.Fatal(err)
	}
	py.says("None", "load %s", sharedKey)
	py.says("('ran', {'id': 1, 'name': 'new'})", "call %s 300 {'id': 1, 'name': 'new'}", sharedKey)
	f.want(t, "new", 3)
}

// What Python does while the function runs in Go counts more than what that returns.
func TestPythonDuringALoad(t *testing.T) {
	srv := startServer(t)
	discarded := 0
	py, f := startPython(t, srv), newShared(t, srv, &cachify.Events{Discarded: func(cachify.CacheEvent) { discarded++ }})

	f.do = func() { py.says("1", "release %s", sharedKey) }
	f.want(t, "Änn", 1)
	py.says("None", "load %s", sharedKey)
	f.do = func() { py.says("('ran', {'name': 'Py'})", "call %s 300 {'name': 'Py'}", sharedKey) }
	f.want(t, "Änn", 2)
	f.want(t, "Py", 2)
	if discarded != 2 {
		t.Errorf("%d results were discarded, want 2", discarded)
	}
}

// What is not found is remembered for Go, and nothing to Python.
func TestNotFoundAndPython(t *testing.T) {
	srv := startServer(t)
	py := startPython(t, srv)
	c, err := cachify.New(srv.store(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	runs := 0
	f, err := cachify.Cached(c, "account-{}", func(context.Context, int) (account, error) {
		runs++
		return account{}, cachify.ErrNotFound
	}, cachify.WithCodec(picklecodec.New()), cachify.NotFoundTTL(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := f.Call(t.Context(), 42); !errors.Is(err, cachify.ErrNotFound) || runs != 1 {
			t.Errorf("%v after %d runs", err, runs)
		}
	}
	py.says("('ran', {'name': 'Py'})", "call %s 300 {'name': 'Py'}", sharedKey)
	if a, err := f.Call(t.Context(), 42); a.Name != "Py" || err != nil {
		t.Errorf("%+v, %v", a, err)
	}
	py.says("1", "release %s", sharedKey)
	py.says("('ran', None)", "call %s 300 None", sharedKey)
	if _, err := f.Call(t.Context(), 42); !errors.Is(err, cachify.ErrNotFound) || runs != 2 {
		t.Errorf("None is no account: %v after %d runs", err, runs)
	}
}

// What Python pickles as an object is nothing that Go reads.
func TestPythonPicklesAnObject(t *testing.T) {
	srv := startServer(t)
	var corrupt error
	py, f := startPython(t, srv), newShared(t, srv, &cachify.Events{Corrupt: func(e cachify.CacheEvent) { corrupt = e.Err }})
	py.says("('ran', (1, 2))", "call %s 300 (1, 2)", sharedKey)
	f.want(t, "Änn", 1)
	if !errors.Is(corrupt, picklecodec.ErrNotPlain) {
		t.Errorf("Corrupt tells %v, want ErrNotPlain", corrupt)
	}
	py.says(fromGo, "load %s", sharedKey)
}
