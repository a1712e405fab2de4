//go:build unix

package main_test

import (
	"context"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
)

// store opens the host's store, as a program with the library does.
func (h *host) store() *sqlitestore.Store {
	h.Helper()
	s, err := sqlitestore.New(context.Background(), sqlitestore.Options{Path: h.file("store.db")})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = s.Close() })
	return s
}

// library is an instance on the host's store.
func (h *host) library() *cachify.Cachify {
	h.Helper()
	c, err := cachify.New(h.store(), nil)
	if err != nil {
		h.Fatal(err)
	}
	return c
}

// look says who holds a key and how many wait for it.
func look(h *host, s driver.Store, key string) driver.Occupancy {
	h.Helper()
	o, err := s.Holders(context.Background(), cachify.DefaultPrefix+key)
	if err != nil {
		h.Fatal(err)
	}
	return o
}

// waiting waits until n calls wait for a key.
func (h *host) waiting(key string, n int) {
	h.Helper()
	s := h.store()
	eventually(h, "somebody waits for "+key, func() bool { return look(h, s, key).Waiting == n })
}
