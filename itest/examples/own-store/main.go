// Command own-store proves a store that somebody wrote: one that keeps each value in a
// file. The engine is all that it takes.
//
//	go run ./itest/examples/own-store -duration 1m
package main

import (
	"context"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest"
	"github.com/go-cachify/cachify/kvstore"
)

func main() { itest.Main(engine()) }

func engine() itest.Engine {
	return itest.Engine{
		Name: "files", WallClocks: true, // a file does not tell how long it still lasts
		Start: func(_ context.Context, dir string) (*itest.Instance, error) {
			return &itest.Instance{URL: dir}, nil // nothing runs, so nothing can be broken but clients
		},
		Open: func(_ context.Context, url string) (driver.Store, error) {
			return kvstore.New(files{dir: url}, nil)
		},
	}
}
