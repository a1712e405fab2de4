package cachify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
)

// sharedCodec keeps a result as a line of JSON. Other programs read the first line.
type sharedCodec struct{}

func (sharedCodec) Name() string    { return "line" }
func (sharedCodec) Nothing() []byte { return []byte("nothing\n") }

func (sharedCodec) Encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(b, '\n'), err
}

func (sharedCodec) Decode(data []byte, into any) error {
	if n := bytes.IndexByte(data, '\n'); n < 0 || n != len(data)-1 {
		return errors.New("not one line")
	}
	return json.Unmarshal(data, into)
}

func (sharedCodec) CheckType(t reflect.Type) error {
	if t.Kind() == reflect.Chan {
		return errors.New("no channels")
	}
	return nil
}

var shared = cachify.WithCodec(sharedCodec{})

// theirs is what another program finds under a cache key.
func theirs(e *cacheEnv, key string) string {
	e.Helper()
	rec, err := e.store.Load(e.ctx, key)
	if errors.Is(err, driver.ErrNotFound) {
		return "absent"
	}
	if err != nil {
		e.Fatal(err)
	}
	line, _, _ := strings.Cut(string(rec.Value), "\n")
	return line
}

func wantTheirs(e *cacheEnv, want string) {
	e.Helper()
	if got := theirs(e, "PYC-a-cached"); got != want {
		e.Errorf("another program finds %q, want %q", got, want)
	}
}

func TestSharedBothWays(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: j.events()})
		r := runs{}
		f := mustCache(e, c, "{}", func(ctx context.Context, s string) (int, error) {
			wantTheirs(e, "nothing") // while it runs
			time.Sleep(time.Second)
			return r.next(ctx, s)
		}, shared, cachify.TTL(time.Minute))
		wantCall(e, f, "a", 1)
		wantTheirs(e, "1")
		time.Sleep(2 * time.Second)
		entry, ok, err := f.Peek(e.ctx, "a")
		if want := (cachify.Entry[int]{Value: 1, Age: 2 * time.Second, Cost: time.Second, TTL: 58 * time.Second}); entry != want || !ok || err != nil {
			e.Errorf("Peek = %+v, %v, %v, want %+v", entry, ok, err, want)
		}
		j.want(e, "miss a", "loaded a 1s <nil>")

		if _, err := e.store.Save(e.ctx, "PYC-a-cached", []byte("70\n"), driver.Write{TTL: time.Hour}); err != nil {
			e.Fatal(err)
		}
		wantCall(e, f, "a", 70)
		entry, ok, err = f.Peek(e.ctx, "a")
		if want := (cachify.Entry[int]{Value: 70, Foreign: true, TTL: time.Hour}); entry != want || !ok || err != nil {
			e.Errorf("Peek = %+v, %v, %v, want %+v", entry, ok, err, want)
		}
		j.want(e, "hit a")
		if err := f.Reset(e.ctx, "a"); err != nil {
			e.Error(err)
		}
		wantTheirs(e, "absent")
		save(e, "PYC-a-cached", []byte("nothing\n")) // theirs: not to be read
		wantCall(e, f, "a", 2)
		wantTheirs(e, "2")
	})
}

func TestSharedNilAndNotFound(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		n := 0
		var fail error
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (*thing, error) {
			n++
			return nil, fail
		}, shared, cachify.NotFoundTTL(time.Minute))
		for range 2 {
			wantCall(e, f, "a", nil)
		}
		wantTheirs(e, "nothing")
		fail = fmt.Errorf("gone: %w", cachify.ErrNotFound)
		for range 3 {
			if _, err := f.Refresh(e.ctx, "a"); !errors.Is(err, cachify.ErrNotFound) {
				e.Errorf("%v, want ErrNotFound", err)
			}
		}
		wantTheirs(e, "nothing")
		if entry, ok, err := f.Peek(e.ctx, "a"); !ok || !entry.NotFound || entry.Foreign || err != nil {
			e.Errorf("Peek = %+v, %v, %v", entry, ok, err)
		}
		if n != 4 {
			e.Errorf("%d runs, want 4", n)
		}
	})
}

// While a refresh runs, and if it fails, others read the old result, no longer than
// that had.
func TestSharedRefresh(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: &cachify.Events{Discarded: j.events().Discarded}})
		next, fail, took := 1, error(nil), time.Duration(0)
		f := mustCache(e, c, "{}", func(context.Context, string) (int, error) {
			if next > 1 {
				wantTheirs(e, "1")
				wantCall(e, mustCache(e, c, "{}", (&runs{}).next, shared), "a", 1)
				rec, err := e.store.Load(e.ctx, "PYC-a-cached")
				if err != nil || rec.TTL > time.Minute {
					e.Errorf("the old result was given %v, %v", rec.TTL, err)
				}
			}
			time.Sleep(took)
			return next, fail
		}, shared, cachify.TTL(time.Minute))
		for _, foreign := range []bool{false, true} {
			next, fail, took = 1, nil, 0
			if err := f.Reset(e.ctx, "a"); err != nil {
				e.Fatal(err)
			}
			wantCall(e, f, "a", 1)
			if foreign {
				if _, err := e.store.Save(e.ctx, "PYC-a-cached", []byte("1\n"), driver.Write{TTL: time.Minute}); err != nil {
					e.Fatal(err)
				}
			}
			next, fail, took = 2, errors.New("x"), 10*time.Second
			if _, err := f.Refresh(e.ctx, "a"); !errors.Is(err, fail) {
				e.Errorf("Refresh = %v", err)
			}
			wantTheirs(e, "1")
			if entry, ok, err := f.Peek(e.ctx, "a"); !ok || entry.Foreign != foreign || entry.TTL != 50*time.Second || err != nil {
				e.Errorf("Peek = %+v, %v, %v", entry, ok, err)
			}
			fail = nil
			if got, err := f.Refresh(e.ctx, "a"); got != 2 || err != nil {
				e.Errorf("Refresh = %v, %v", got, err)
			}
			wantTheirs(e, "2")
			j.want(e)
		}
	})
}

// A refresh that outlasts the old result has nothing to replace any more.
func TestSharedRefreshThatTakesLong(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: j.events()})
		took := time.Duration(0)
		r := runs{}
		f := mustCache(e, c, "{}", func(ctx context.Context, s string) (int, error) {
			time.Sleep(took)
			return r.next(ctx, s)
		}, shared, cachify.TTL(time.Second))
		wantCall(e, f, "a", 1)
		took = 2 * time.Second
		if got, err := f.Refresh(e.ctx, "a"); got != 2 || err != nil {
			e.Errorf("Refresh = %v, %v", got, err)
		}
		wantTheirs(e, "absent")
		j.want(e, "miss a", "loaded a 0s <nil>", "loaded a 2s <nil>", "discarded a")
		time.Sleep(time.Nanosecond)
		wantCall(e, f, "a", 3) // with nothing there it may take its time
		wantTheirs(e, "3")
	})
}

// Another program that writes or deletes while a function runs has the last word.
func TestSharedOthersDuringALoad(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: &cachify.Events{Discarded: j.events().Discarded}})
		var other func()
		r := runs{}
		f := mustCache(e, c, "{}", func(ctx context.Context, s string) (int, error) {
			other()
			return r.next(ctx, s)
		}, shared)
		other = func() { save(e, "PYC-a-cached", []byte("70\n")) }
		wantCall(e, f, "a", 1)
		wantCall(e, f, "a", 70)
		other = func() {
			if err := e.store.Delete(e.ctx, "PYC-a-cached", 0); err != nil {
				e.Error(err)
			}
		}
		if got, err := f.Refresh(e.ctx, "a"); got != 2 || err != nil {
			e.Errorf("Refresh = %v, %v", got, err)
		}
		wantTheirs(e, "absent")
		j.want(e, "discarded a", "discarded a")
	})
}

func TestSharedUnreadable(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		good := frameOf(e, 7, shared)
		unreadable := map[string][]byte{"empty": {}, "text": []byte("7"), "more": []byte("7\nx"), "cut": good[:len(good)-1], "an envelope": frameOf(e, 7, cachify.WithCodec(cachify.JSON()))}
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 0x40
			unreadable[fmt.Sprint("byte ", i)] = bad
		}
		for name, raw := range unreadable {
			save(e, "PYC-a-cached", raw)
			var j journal
			r := runs{}
			f := mustCache(e, e.instance(&cachify.Config{Events: j.events()}), "{}", r.next, shared)
			wantCall(e, f, "a", 1)
			j.want(e, "corrupt a", "miss a", "loaded a 0s <nil>")
			if got := theirs(e, "PYC-a-cached"); got != "1" {
				e.Errorf("%s: others find %q", name, got)
			}
		}
		// And the other way round: an envelope is wanted, and there is a line.
		save(e, "PYC-a-cached", good)
		r := runs{}
		wantCall(e, mustCache(e, e.instance(nil), "{}", r.next, cachify.WithCodec(cachify.JSON())), "a", 1)
	})
}

func TestCodecChecksTheType(t *testing.T) {
	fn := func(context.Context, string) (chan int, error) { return nil, nil }
	_, err := cachify.Cached(nil, "{}", fn, shared)
	wantErr(t, err, cachify.ErrInvalid)
	if err == nil || !strings.Contains(err.Error(), "no channels") {
		t.Errorf("%v", err)
	}
	onBothStores(t, func(e *cacheEnv) {
		c := e.instance(&cachify.Config{Codec: sharedCodec{}})
		_, err := cachify.Cached(c, "{}", fn)
		if got := errors.Is(err, cachify.ErrInvalid); got == e.objects {
			e.Errorf("with the instance's codec: %v", err)
		}
		_, err = cachify.Fetch(e.ctx, c, "x", func(context.Context) (chan int, error) { return nil, nil }, shared)
		wantErr(e, err, cachify.ErrInvalid)
	})
}
