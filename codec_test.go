package cachify_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
)

// testCodec is JSON that can be made to fail, and says what it was asked for.
type testCodec struct {
	name             string
	encodeErr        error
	decodeErr        error
	encoded, decoded int
}

func (c *testCodec) Encode(v any) ([]byte, error) {
	c.encoded++
	if c.encodeErr != nil {
		return nil, c.encodeErr
	}
	return json.Marshal(v)
}

func (c *testCodec) Decode(data []byte, into any) error {
	c.decoded++
	if c.decodeErr != nil {
		return c.decodeErr
	}
	return json.Unmarshal(data, into)
}

type namedCodec struct{ *testCodec }

func (c namedCodec) Name() string { return c.name }

func TestCodecOfConfigAndOption(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var config, option testCodec
		c := e.instance(&cachify.Config{Codec: &config})
		r := runs{}
		f := mustCache(e, c, "f-{}", r.next)
		g := mustCache(e, c, "g-{}", r.next, cachify.WithCodec(&option))
		for range 2 {
			wantCall(e, f, "a", 1)
		}
		for range 2 {
			wantCall(e, g, "a", 2)
		}
		if option.encoded != 1 || option.decoded != 1 {
			e.Errorf("the option's codec: %+v, want one of each, whatever the store", option)
		}
		want := 1
		if e.objects {
			want = 0 // values are kept as they are
		}
		if config.encoded != want || config.decoded != want {
			e.Errorf("the instance's codec: %+v, want %d of each", config, want)
		}
	})
}

func TestCodecSeesNoNil(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		broken := &testCodec{encodeErr: errors.New("x"), decodeErr: errors.New("x")}
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (*thing, error) { return nil, nil }, cachify.WithCodec(broken))
		wantCall(e, f, "a", nil)
		wantCall(e, f, "a", nil)
		if broken.encoded+broken.decoded != 0 {
			e.Errorf("the codec was asked: %+v", broken)
		}
	})
}

func TestEncodingFails(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		broken := errors.New("broken")
		codec := &testCodec{encodeErr: broken}
		r := runs{}
		f := mustCache(e, e.instance(nil), "n-{}", r.next, cachify.WithCodec(codec))
		for want := 1; want <= 2; want++ {
			got, err := f.Call(e.ctx, "a")
			wantErr(e, err, broken)
			var ce *cachify.CodecError
			if !errors.As(err, &ce) || ce.Key != "n-a" || got != want {
				e.Errorf("Call = %v, %v, want %d and a CodecError", got, err, want)
			}
			e.empty("PYC-n-a-cached")
		}
		codec.encodeErr = nil
		wantCall(e, f, "a", 3)
		codec.encodeErr = broken
		if got, err := f.Refresh(e.ctx, "a"); got != 4 || !errors.Is(err, broken) {
			e.Errorf("Refresh = %v, %v", got, err)
		}
		wantCall(e, f, "a", 3) // the old one stays
	})
}

func TestUnencodableByJSON(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (chan int, error) {
			return make(chan int), nil
		}, cachify.WithCodec(cachify.JSON()))
		ch, err := f.Call(e.ctx, "a")
		if !errors.As(err, new(*cachify.CodecError)) || ch == nil {
			e.Errorf("Call = %v, %v", ch, err)
		}
	})
}

func TestUnreadableIsAMiss(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		const key = "PYC-a-cached"
		v1 := namedCodec{&testCodec{name: "v1"}}
		v2 := namedCodec{&testCodec{name: "v2"}}
		frame := func(opts ...cachify.CacheOption) []byte {
			f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (int, error) { return 7, nil }, opts...)
			if _, err := f.Refresh(e.ctx, "a"); err != nil {
				e.Fatal(err)
			}
			rec, err := e.store.Load(e.ctx, key)
			if err != nil {
				e.Fatal(err)
			}
			return rec.Value
		}
		good := frame(cachify.WithCodec(v2))
		unreadable := map[string][]byte{
			"empty": {}, "text": []byte("7"), "pickle": []byte("\x80\x04K\x07."), "cut": good[:len(good)-1],
			"other codec":      frame(cachify.WithCodec(v1)),
			"codec without":    frame(cachify.WithCodec(v1.testCodec)),
			"another's string": frameOf(e, "x", cachify.WithCodec(v2)),
		}
		for i := range good {
			bad := append([]byte(nil), good...)
			bad[i] ^= 0x40
			unreadable["byte "+string(rune('a'+i))] = bad
		}
		for name, raw := range unreadable {
			save(e, key, raw)
			var j journal
			r := runs{}
			f := mustCache(e, e.instance(&cachify.Config{Events: j.events()}), "{}", r.next, cachify.WithCodec(v2))
			if _, ok, err := f.Peek(e.ctx, "a"); ok || err != nil {
				e.Errorf("%s: Peek = %v, %v", name, ok, err)
			}
			j.want(e, "corrupt a")
			wantCall(e, f, "a", 1)
			j.want(e, "corrupt a", "miss a", "loaded a 0s <nil>")
			wantCall(e, f, "a", 1) // overwritten
			j.want(e, "hit a")

			save(e, key, raw)
			if got, err := f.Refresh(e.ctx, "a"); got != 2 || err != nil {
				e.Errorf("%s: Refresh = %v, %v", name, got, err)
			}
			wantCall(e, f, "a", 2)
		}
	})
}

func frameOf[R any](e *cacheEnv, v R, opts ...cachify.CacheOption) []byte {
	e.Helper()
	f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (R, error) { return v, nil }, opts...)
	if _, err := f.Refresh(e.ctx, "a"); err != nil {
		e.Fatal(err)
	}
	rec, err := e.store.Load(e.ctx, "PYC-a-cached")
	if err != nil {
		e.Fatal(err)
	}
	return rec.Value
}

func TestDecodingFails(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		codec := &testCodec{}
		r := runs{}
		f := mustCache(e, e.instance(&cachify.Config{Events: &cachify.Events{Corrupt: j.events().Corrupt}}), "{}", r.next, cachify.WithCodec(codec))
		wantCall(e, f, "a", 1)
		codec.decodeErr = errors.New("broken")
		wantCall(e, f, "a", 2)
		j.want(e, "corrupt a")
		codec.decodeErr = nil
		wantCall(e, f, "a", 2)
	})
}

// A crash in a load leaves a reservation. It is a miss, and is taken over.
func TestReservationOfTheDead(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var j journal
		var reservation []byte
		codec := cachify.WithCodec(cachify.JSON())
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (int, error) {
			rec, err := e.store.Load(e.ctx, "PYC-a-cached")
			reservation = rec.Value
			return 1, err
		}, codec)
		wantCall(e, f, "a", 1)
		save(e, "PYC-a-cached", reservation)
		r := runs{}
		g := mustCache(e, e.instance(&cachify.Config{Events: j.events()}), "{}", r.next, codec)
		if _, ok, err := g.Peek(e.ctx, "a"); ok || err != nil {
			e.Errorf("Peek = %v, %v", ok, err)
		}
		wantCall(e, g, "a", 1)
		wantCall(e, g, "a", 1)
		j.want(e, "miss a", "loaded a 0s <nil>", "hit a")
		r.want(e, 1)
	})
}

// A refresh that dies leaves the old value for as long as that had.
func TestRefreshOfTheDead(t *testing.T) {
	onBothStores(t, func(e *cacheEnv) {
		var left []byte
		codec := cachify.WithCodec(cachify.JSON())
		var n int
		f := mustCache(e, e.instance(nil), "{}", func(context.Context, string) (int, error) {
			if n++; n == 2 {
				rec, err := e.store.Load(e.ctx, "PYC-a-cached")
				left = rec.Value
				return 0, errors.Join(err, errors.New("dies"))
			}
			return n, nil
		}, codec, cachify.TTL(time.Minute))
		wantCall(e, f, "a", 1)
		_, err := f.Refresh(e.ctx, "a")
		if err == nil {
			e.Fatal("Refresh = nil")
		}
		w := driver.Write{TTL: time.Hour + 10*time.Second} // 10 s are the old value's
		if _, err := e.store.Save(e.ctx, "PYC-a-cached", left, w); err != nil {
			e.Fatal(err)
		}
		time.Sleep(10*time.Second - 1)
		wantCall(e, f, "a", 1)
		time.Sleep(1)
		wantCall(e, f, "a", 3)
	})
}

// With and without a codec on a store that can do both, under one key.
func TestBytesAndObjectsUnderOneKey(t *testing.T) {
	onObjects(t, func(e *cacheEnv) {
		var j journal
		c := e.instance(&cachify.Config{Events: &cachify.Events{Corrupt: j.events().Corrupt}})
		bytes := mustCache(e, c, "{}", func(context.Context, string) (string, error) { return "b", nil }, cachify.WithCodec(cachify.JSON()))
		objects := mustCache(e, c, "{}", func(context.Context, string) (string, error) { return "o", nil })
		for range 3 {
			for range 2 {
				wantCall(e, bytes, "a", "b")
			}
			for range 2 {
				wantCall(e, objects, "a", "o")
			}
		}
		j.want(e, "corrupt a", "corrupt a", "corrupt a", "corrupt a", "corrupt a")
		if got, err := bytes.Refresh(e.ctx, "a"); got != "b" || err != nil {
			e.Errorf("Refresh = %v, %v", got, err)
		}
		wantCall(e, bytes, "a", "b")
	})
}
