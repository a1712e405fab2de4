package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/kvstore"
)

// table is a key-value client, the least that a store can be made of. Its values
// stay until they are deleted; one for real use keeps the times to live, as the one
// in examples/custom-store does.
type table struct{ rows sync.Map }

func (t *table) Get(_ context.Context, key string) ([]byte, bool, error) {
	v, ok := t.rows.Load(key)
	if !ok {
		return nil, false, nil
	}
	return []byte(v.(string)), true, nil
}

func (t *table) SetIfAbsent(_ context.Context, key string, value []byte, _ time.Duration) (bool, error) {
	_, found := t.rows.LoadOrStore(key, string(value))
	return !found, nil
}

func (t *table) CompareAndDelete(_ context.Context, key string, old []byte) (bool, error) {
	return t.rows.CompareAndDelete(key, string(old)), nil
}

// A store of your own: three operations, and package kvstore makes a store of them.
// What such a store cannot do is refused at once.
func Example_ownStore() {
	ctx := context.Background()
	store, err := kvstore.New(&table{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := cachify.Must(cachify.New(store, nil))
	defer c.Close(ctx)

	lease, err := c.Lock("report").Acquire(ctx)
	fmt.Println(lease.Key(), err)
	_, err = c.Lock("report").Acquire(ctx)
	fmt.Println(err)
	fmt.Println(lease.Release(ctx))

	_, err = c.Pool("api", 5).Acquire(ctx)
	fmt.Println(errors.Is(err, cachify.ErrUnsupported))
	// Output:
	// report <nil>
	// report is already locked!
	// <nil>
	// true
}
