package redisstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/redisstore"
)

func ExampleNew() {
	ctx := context.Background()
	store, err := redisstore.New(ctx, redisstore.Options{URL: "redis://localhost:6379"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()
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

// A program that has a client already lends it to the store.
func ExampleNewFromClient() {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"localhost:6379"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	store, err := redisstore.NewFromClient(context.Background(), client)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }() // the client stays open

	fmt.Println(store.Ping(context.Background()))
}
