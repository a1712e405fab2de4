package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/memstore"
)

// An option goes before the instance's default, and NoExpiry is a TTL too.
func ExampleTTL() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, &cachify.Config{CacheTTL: time.Hour}))
	defer c.Close(ctx)
	load := func(ctx context.Context, id int) (string, error) { return "value", nil }

	for _, opts := range [][]cachify.CacheOption{nil, {cachify.TTL(time.Minute)}, {cachify.TTL(cachify.NoExpiry)}} {
		f := cachify.Must(cachify.Cached(c, fmt.Sprintf("with-%d-options-{}", len(opts)), load, opts...))
		_, _ = f.Refresh(ctx, 1)
		entry, _, err := f.Peek(ctx, 1)
		fmt.Println(entry.TTL > time.Minute, entry.TTL == cachify.NoExpiry, err)
	}
	// Output:
	// true false <nil>
	// false false <nil>
	// true true <nil>
}

// What does not exist can be remembered for a time of its own.
func ExampleNotFoundTTL() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	user := cachify.Must(cachify.Cached(c, "user-{}", func(ctx context.Context, id int) (string, error) {
		fmt.Println("asking the database")
		return "", fmt.Errorf("user %d: %w", id, cachify.ErrNotFound)
	}, cachify.NotFoundTTL(time.Minute)))

	_, err := user.Call(ctx, 42)
	fmt.Println(err)
	_, err = user.Call(ctx, 42)
	fmt.Println(err, errors.Is(err, cachify.ErrNotFound))
	entry, found, _ := user.Peek(ctx, 42)
	fmt.Println(entry.NotFound, found)
	// Output:
	// asking the database
	// user 42: not found
	// not found true
	// true true
}

// The function decides how long each result is good for.
func ExampleSetTTL() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	token := cachify.Must(cachify.Cached(c, "token-{}", func(ctx context.Context, user string) (string, error) {
		validFor := 10 * time.Minute // as the answer of the login server says
		return "secret", cachify.SetTTL(ctx, validFor)
	}, cachify.TTL(time.Hour)))
	_, _ = token.Call(ctx, "ann")
	entry, _, err := token.Peek(ctx, "ann")
	fmt.Println(entry.TTL <= 10*time.Minute, err)
	// Output: true <nil>
}

// A result can be good for its caller and yet not worth remembering.
func ExampleNoStore() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	search := cachify.Must(cachify.Cached(c, "search-{}", func(ctx context.Context, words string) (string, error) {
		cachify.NoStore(ctx) // one of the servers did not answer
		return "some of the results", nil
	}))
	fmt.Println(search.Call(ctx, "shoe"))
	_, found, err := search.Peek(ctx, "shoe")
	fmt.Println(found, err)
	// Output:
	// some of the results <nil>
	// false <nil>
}

// With WithCodec the in-memory store keeps bytes too, so that each caller gets a
// result of its own. A Codec is two functions.
func ExampleWithCodec() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	colours := cachify.Must(cachify.Cached(c, "colours-{}", func(ctx context.Context, article string) ([]string, error) {
		return []string{"red", "blue"}, nil
	}, cachify.WithCodec(cachify.JSON())))
	_, _ = colours.Call(ctx, "shoe")
	mine, _ := colours.Call(ctx, "shoe")
	mine[0] = "scratched"
	fmt.Println(colours.Call(ctx, "shoe"))
	// Output: [red blue] <nil>
}

// rot13 is a codec for strings. Its name marks the bytes it makes.
type rot13 struct{}

func (rot13) Name() string { return "rot13" }

func (rot13) Encode(v any) ([]byte, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("rot13: a %T is no string", v)
	}
	return []byte(turn(s)), nil
}

func (rot13) Decode(data []byte, into any) error {
	s, ok := into.(*string)
	if !ok {
		return fmt.Errorf("rot13: a %T is no *string", into)
	}
	*s = turn(string(data))
	return nil
}

func turn(s string) string {
	b := []byte(s)
	for i, ch := range b {
		if 'a' <= ch && ch <= 'z' {
			b[i] = 'a' + (ch-'a'+13)%26
		}
	}
	return string(b)
}

func ExampleCodec() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	for range 2 {
		secret, err := cachify.Fetch(ctx, c, "secret",
			func(ctx context.Context) (string, error) { return "swordfish", nil },
			cachify.WithCodec(rot13{}))
		fmt.Println(secret, err)
	}
	// Output:
	// swordfish <nil>
	// swordfish <nil>
}

// The in-memory store keeps results as they are: callers share them, and must not
// change them. Clone gives each its own.
func ExampleClone() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	colours := cachify.Must(cachify.Cached(c, "colours-{}", func(ctx context.Context, article string) ([]string, error) {
		return []string{"red", "blue"}, nil
	}, cachify.Clone(slices.Clone[[]string])))
	mine, _ := colours.Call(ctx, "shoe")
	mine[0] = "scratched"
	fmt.Println(colours.Call(ctx, "shoe"))
	// Output: [red blue] <nil>
}

// Two instances on one store stand for two processes. With LoadLock only one of them
// runs the function.
func ExampleLoadLock() {
	ctx := context.Background()
	store := cachify.Must(memstore.New(nil))
	defer store.Close()

	var runs atomic.Int64
	load := func(ctx context.Context, day string) (int, error) { return int(runs.Add(1)), nil }
	var callers sync.WaitGroup
	for range 2 {
		process := cachify.Must(cachify.New(store, nil))
		defer process.Close(ctx)
		report := cachify.Must(cachify.Cached(process, "report-{day}", load, cachify.LoadLock()))
		callers.Go(func() { _, _ = report.Call(ctx, "2026-11-23") })
	}
	callers.Wait()
	fmt.Println(runs.Load())
	// Output: 1
}
