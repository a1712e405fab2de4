package cachify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
)

// lines is the format of another program, which keeps a number as a line of text. It
// reads the first line of what it finds, and takes an empty one for nothing.
type lines struct{}

func (lines) Encode(v any) ([]byte, error) { return fmt.Appendln(nil, v), nil }
func (lines) Nothing() []byte              { return []byte("\n") }

func (lines) Decode(data []byte, into any) error {
	number, rest, ok := bytes.Cut(data, []byte("\n"))
	if !ok || len(rest) != 0 {
		return errors.New("not one line")
	}
	n, err := strconv.Atoi(string(number))
	*into.(*int) = n
	return err
}

// A cached function shares its results with a program that does not know cachify.
func ExampleSharedCodec() {
	ctx := context.Background()
	store := cachify.Must(memstore.New(nil)) // a store that both programs use
	defer store.Close()
	c := cachify.Must(cachify.New(store, &cachify.Config{NoPrefix: true}))
	defer c.Close(ctx)
	price := cachify.Must(cachify.Cached(c, "price-{}", func(ctx context.Context, id int) (int, error) {
		return 1999, nil
	}, cachify.WithCodec(lines{})))

	_, _ = price.Call(ctx, 7)
	record, _ := store.Load(ctx, "price-7-cached") // the other program reads
	line, _, _ := bytes.Cut(record.Value, []byte("\n"))
	fmt.Printf("%s\n", line)

	_, _ = store.Save(ctx, "price-7-cached", []byte("2499\n"), driver.Write{TTL: driver.NoExpiry}) // and writes
	entry, _, err := price.Peek(ctx, 7)
	fmt.Println(entry.Value, entry.Foreign, err)
	// Output:
	// 1999
	// 2499 true <nil>
}
