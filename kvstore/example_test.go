package kvstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/kvstore"
)

// table is a client without a time to live of its own: enough for an example, but not
// for anything else.
type table struct{ m sync.Map }

func (t *table) Get(_ context.Context, key string) ([]byte, bool, error) {
	v, ok := t.m.Load(key)
	if !ok {
		return nil, false, nil
	}
	return []byte(v.(string)), true, nil
}

func (t *table) SetIfAbsent(_ context.Context, key string, value []byte, _ time.Duration) (bool, error) {
	_, found := t.m.LoadOrStore(key, string(value))
	return !found, nil
}

func (t *table) CompareAndDelete(_ context.Context, key string, old []byte) (bool, error) {
	return t.m.CompareAndDelete(key, string(old)), nil
}

// swappingTable can compare and swap as well.
type swappingTable struct{ table }

var _ kvstore.CompareAndSwapper = (*swappingTable)(nil)

func (t *swappingTable) CompareAndSwap(_ context.Context, key string, old, new []byte, _ time.Duration) (bool, error) {
	return t.m.CompareAndSwap(key, string(old), string(new)), nil
}

func ExampleNew() {
	store, err := kvstore.New(&table{}, nil)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()

	mine, err := store.Acquire(ctx, driver.AcquireRequest{
		Name: "report", Holder: "me/1", Limit: 1, Slots: 1, TTL: time.Minute,
	})
	fmt.Println(mine.Holder, err)

	_, err = store.Acquire(ctx, driver.AcquireRequest{
		Name: "report", Holder: "you/1", Limit: 1, Slots: 1, TTL: time.Minute,
	})
	fmt.Println(err, errors.Is(err, driver.ErrHeld))

	fmt.Println(store.Release(ctx, mine))
	// Output:
	// me/1 <nil>
	// "report" is held true
	// <nil>
}

// With compare and swap a lease has a fence, and can be extended.
func ExampleCompareAndSwapper() {
	for _, client := range []kvstore.Client{&table{}, &swappingTable{}} {
		store, err := kvstore.New(client, &kvstore.Options{FenceMemory: time.Hour})
		if err != nil {
			panic(err)
		}
		ctx := context.Background()
		first, _ := store.Acquire(ctx, driver.AcquireRequest{
			Name: "report", Holder: "me/1", Limit: 1, Slots: 1, TTL: time.Minute,
		})
		_, err = store.Extend(ctx, first, time.Hour)
		_ = store.Release(ctx, first)
		second, _ := store.Acquire(ctx, driver.AcquireRequest{
			Name: "report", Holder: "me/2", Limit: 1, Slots: 1, TTL: time.Minute,
		})
		fmt.Println("extended:", err == nil, "- fences rise:", second.Fence > first.Fence)
	}
	// Output:
	// extended: false - fences rise: false
	// extended: true - fences rise: true
}

func ExampleStore_Save() {
	store, err := kvstore.New(&swappingTable{}, nil)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	v, _ := store.Save(ctx, "greeting", []byte("hello"), driver.Write{TTL: time.Minute})
	_, err = store.Save(ctx, "greeting", []byte("hi"), driver.Write{If: driver.IfVersion, Version: v, TTL: time.Minute})
	fmt.Println(err)
	_, err = store.Save(ctx, "greeting", []byte("hey"), driver.Write{If: driver.IfVersion, Version: v, TTL: time.Minute})
	fmt.Println(err)
	r, _ := store.Load(ctx, "greeting")
	fmt.Println(string(r.Value))
	// Output:
	// <nil>
	// version conflict
	// hi
}
