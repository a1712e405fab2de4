package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/memstore"
)

func ExampleNew() {
	ctx := context.Background()
	store, err := memstore.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	_, err = store.Save(ctx, "greeting", []byte("hello"), driver.Write{TTL: time.Minute})
	fmt.Println(err)
	record, err := store.Load(ctx, "greeting")
	fmt.Println(string(record.Value), record.TTL <= time.Minute, err)
	// Output:
	// <nil>
	// hello true <nil>
}

// Records are bounded by number or by weight; leases are never evicted.
func ExampleOptions() {
	store, err := memstore.New(&memstore.Options{
		MaxWeight: 64 << 20, // in bytes, as Weigh counts them
		Weigh: func(key string, value any) uint32 {
			if b, ok := value.([]byte); ok {
				return uint32(len(key) + len(b))
			}
			return 1024 // a guess, for values that are kept as they are
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	_, err = memstore.New(&memstore.Options{MaxWeight: 64 << 20})
	fmt.Println(errors.Is(err, driver.ErrInvalid))
	// Output: true
}

// What is held and waited for, by name.
func ExampleStore_Names() {
	ctx := context.Background()
	store, err := memstore.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	client := driver.NewClient()
	for _, name := range []string{"invoice-2", "report", "invoice-1"} {
		_, _ = store.Acquire(ctx, driver.AcquireRequest{
			Name: name, Holder: client.NewHolder(), Limit: 1, Slots: 1, TTL: time.Minute,
		})
	}
	names, err := store.Names(ctx, "invoice-", 10)
	fmt.Println(names, err)
	// Output: [invoice-1 invoice-2] <nil>
}

// A waiter is handed the slot in the moment in which it comes free, and told.
func ExampleStore_Listen() {
	ctx := context.Background()
	store, err := memstore.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	client := driver.NewClient()
	first := driver.AcquireRequest{Name: "report", Holder: client.NewHolder(), Limit: 1, Slots: 1, TTL: time.Minute}
	second := driver.AcquireRequest{Name: "report", Holder: client.NewHolder(), Limit: 1, Slots: 1, TTL: time.Minute}
	lease, _ := store.Acquire(ctx, first)

	granted := make(chan driver.Grant, 1)
	stop, err := store.Listen(ctx, "report", client.ID(), func(w driver.Wake) { granted <- w.Grant })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	_, err = store.Enqueue(ctx, second, time.Minute)
	fmt.Println(errors.Is(err, driver.ErrHeld))

	fmt.Println(store.Release(ctx, lease))
	fmt.Println((<-granted).Holder == second.Holder)
	// Output:
	// true
	// <nil>
	// true
}
