package redisstore_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/storetest"
)

func open(url string) func(context.Context) (driver.Store, func() error, error) {
	return func(ctx context.Context) (driver.Store, func() error, error) {
		s, err := redisstore.New(ctx, redisstore.Options{URL: url})
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
}

func harness(urls ...string) storetest.Harness {
	return storetest.Harness{
		New: open(urls[0]),
		Second: func(ctx context.Context, _ driver.Store) (driver.Store, func() error, error) {
			return open(urls[1])(ctx)
		},
		Close:       func(s driver.Store) error { return s.(*redisstore.Store).Close() },
		Parallel:    true,
		SharedSpace: true,
	}
}

func TestConformance(t *testing.T) {
	srv := startServer(t)
	storetest.Run(t, harness(srv.url()+"?protocol=2", srv.tcp()))
}

// A cluster of one server is enough to be refused keys of several slots.
func TestConformanceInCluster(t *testing.T) {
	srv := startServer(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)))
	srv.addSlots(srv.client())
	storetest.Run(t, harness(srv.tcp(), srv.tcp()))
}

// addSlots makes the server a cluster of its own.
func (s *server) addSlots(client rueidis.Client) {
	s.t.Helper()
	slots := make([]string, 0, 16386)
	slots = append(slots, "CLUSTER", "ADDSLOTS")
	for i := range 16384 {
		slots = append(slots, strconv.Itoa(i))
	}
	s.do(client, slots...)
	eventually(s.t.(*testing.T), "cluster", func() bool {
		info, err := s.do(client, "CLUSTER", "INFO").ToString()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
}
