package goredis_test

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/redisstore/goredis"
)

// A program that has a client already lends it to the store.
func ExampleNew() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer func() { _ = client.Close() }()
	store, err := goredis.New(ctx, client)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }() // the client stays open

	c, err := cachify.New(store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = c.Lock("nightly-report", cachify.Wait(time.Minute)).Do(ctx, func(context.Context) error {
		fmt.Println("nobody else is at it, in Go or in Python")
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A Ring gives a key to another server when its own is gone, and that knows of no lease.
func ExampleNew_refused() {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"one": "localhost:6379", "two": "localhost:6380"}})
	defer func() { _ = ring.Close() }()

	_, err := goredis.New(context.Background(), ring)
	fmt.Println(err)
	// Output:
	// redisstore: invalid: the client is a Ring: when one of its servers is gone another takes its keys and knows of no lease; it must be a *redis.Client or a *redis.ClusterClient
}
