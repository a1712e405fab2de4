package goredis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/storetest"
)

// startNodes starts a cluster of servers that have its slots in turn.
func startNodes(t *testing.T, n int) []*server {
	t.Helper()
	nodes := make([]*server, n)
	for i := range nodes {
		nodes[i] = startServer(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(freePort(t)))
		slots := []any{"CLUSTER", "ADDSLOTS"}
		for slot := i; slot < 16384; slot += n {
			slots = append(slots, slot)
		}
		client := nodes[i].client()
		nodes[i].do(client, slots...)
		nodes[i].do(client, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for _, node := range nodes {
		client := node.client()
		for _, other := range nodes {
			port := other.do(other.client(), "CONFIG", "GET", "cluster-port").Val()
			node.do(client, "CLUSTER", "MEET", "127.0.0.1", other.Port, number(t, port))
		}
		eventually(t, "cluster", func() bool {
			info, err := node.do(client, "CLUSTER", "INFO").Text()
			return err == nil && strings.Contains(info, "cluster_state:ok")
		})
	}
	return nodes
}

// number is the value in the reply to CONFIG GET.
func number(t *testing.T, reply any) string {
	t.Helper()
	for _, v := range reply.(map[any]any) {
		return v.(string)
	}
	t.Fatal("no such setting")
	return ""
}

func TestConformanceInClusterOfThree(t *testing.T) {
	nodes := startNodes(t, 3)
	storetest.Run(t, harness(nodes[0].inCluster, nodes[1].inCluster))
}

// Each server knows the scripts after a start, and Names finds what is on each.
func TestAllServersOfACluster(t *testing.T) {
	nodes := startNodes(t, 3)
	client := nodes[0].inCluster()
	defer func() { _ = client.Close() }()
	store, me := storeOn(t, client), driver.NewClient()
	ctx := t.Context()
	var want []string
	for i := range 30 {
		name := fmt.Sprintf("job-%02d", i)
		want = append(want, name)
		if _, err := store.Acquire(ctx, request(me, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Save(ctx, "record-"+name, nil, driver.Write{TTL: time.Minute}); err != nil {
			t.Fatal(err)
		}
		if err := store.Delete(ctx, "record-"+name, 0); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := store.Names(ctx, "job-", 100); err != nil || !slices.Equal(names, want) {
		t.Errorf("Names lists %q, %v, want %q", names, err, want)
	}
	for i, node := range nodes {
		stats := node.stats(node.client())
		if strings.Contains(stats, "cmdstat_eval:") || !strings.Contains(stats, "cmdstat_evalsha:") {
			t.Errorf("server %d got scripts as text, or nothing:\n%s", i, stats)
		}
		if keys := node.client().Keys(ctx, "record-*").Val(); len(keys) > 0 {
			t.Errorf("server %d still has %q", i, keys)
		}
	}
}
