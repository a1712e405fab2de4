package redisstore_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"os"
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

// Hits of cached functions that cost no round trip: the server tells when a copy is out
// of date.
func ExampleNearCache() {
	ctx := context.Background()
	store, err := redisstore.New(ctx, redisstore.Options{
		URL:       "redis://localhost:6379",
		NearCache: &redisstore.NearCache{MaxBytes: 16 << 20, MaxAge: 10 * time.Second},
	})
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
	greet, err := cachify.Cached(c, "greet-{}", func(_ context.Context, name string) (string, error) {
		return "hello " + name, nil
	}, cachify.TTL(time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(greet.Call(ctx, "you"))
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

// A server whose certificate is from an authority of one's own, and that asks clients
// for one.
func ExampleNewFromClient_tls() {
	err := func() error {
		authority, err := os.ReadFile("ca.pem")
		if err != nil {
			return err
		}
		mine, err := tls.LoadX509KeyPair("client.pem", "client-key.pem")
		if err != nil {
			return err
		}
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(authority)
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress:  []string{"redis.example.com:6380"},
			Username:     "cachify",
			Password:     os.Getenv("REDIS_PASSWORD"),
			TLSConfig:    &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{mine}, MinVersion: tls.VersionTLS12},
			DisableRetry: true, // cachify decides what is tried again
		})
		if err != nil {
			return err
		}
		defer client.Close()
		store, err := redisstore.NewFromClient(context.Background(), client)
		if err != nil {
			return err
		}
		return store.Close()
	}()
	fmt.Println(err)
}

// A program that looks when it starts whether its Redis is fit for locks.
func ExampleStore_Examine() {
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
	err = func() error {
		found, err := c.Examine(ctx)
		if err != nil {
			return err
		}
		for _, f := range found {
			log.Print(f) // danger: eviction: ...; set maxmemory-policy to noeviction, ...
			if f.Severity == cachify.SeverityDanger {
				return fmt.Errorf("this Redis is not fit for locks: %s", f.Code)
			}
		}
		return nil
	}()
	fmt.Println(err)
}
