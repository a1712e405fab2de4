package goredis_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/goredis"
	"github.com/go-cachify/cachify/storetest"
)

type connect func() redis.UniversalClient

func (c connect) open(ctx context.Context) (driver.Store, func() error, error) {
	client := c()
	s, err := goredis.New(ctx, client)
	if err != nil {
		_ = client.Close()
		return nil, nil, err
	}
	return s, func() error {
		_ = s.Close()
		return client.Close()
	}, nil
}

func harness(first, second connect) storetest.Harness {
	return storetest.Harness{
		New:         first.open,
		Second:      func(ctx context.Context, _ driver.Store) (driver.Store, func() error, error) { return second.open(ctx) },
		Close:       func(s driver.Store) error { return s.(*goredis.Store).Close() },
		Parallel:    true,
		SharedSpace: true,
	}
}

func (s *server) speaking(protocol int) connect {
	return func() redis.UniversalClient {
		return redis.NewClient(&redis.Options{Network: "unix", Addr: s.Socket, Protocol: protocol})
	}
}

func TestConformance(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		t.Run("RESP"+strconv.Itoa(protocol), func(t *testing.T) {
			srv := startServer(t)
			storetest.Run(t, harness(srv.speaking(protocol), srv.speaking(5-protocol)))
		})
	}
}

// A cluster of one server is enough to be refused keys of several slots.
func TestConformanceInCluster(t *testing.T) {
	srv := startCluster(t)
	storetest.Run(t, harness(srv.inCluster, srv.inCluster))
}

func startCluster(t *testing.T, more ...string) *server {
	t.Helper()
	srv := startServer(t, append(more, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)))...)
	client := srv.client()
	slots := []any{"CLUSTER", "ADDSLOTS"}
	for i := range 16384 {
		slots = append(slots, i)
	}
	srv.do(client, slots...)
	eventually(t, "cluster", func() bool {
		info, err := srv.do(client, "CLUSTER", "INFO").Text()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	return srv
}

func (s *server) inCluster() redis.UniversalClient {
	return redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:" + strconv.Itoa(s.Port)}})
}
