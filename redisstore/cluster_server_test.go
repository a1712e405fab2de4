package redisstore_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/rueidis"
)

// several is a cluster of three masters, and a replica of the first.
type several struct {
	t       *testing.T
	nodes   []*server // the replica is the last
	ids     []string
	clients []rueidis.Client
}

const masters = 3

// startSeveral starts a cluster. Its nodes take each other for dead after 15 s of
// silence; see downAfter.
func startSeveral(t *testing.T) *several {
	t.Helper()
	s := &several{t: t}
	var buses []string
	for range masters + 1 {
		buses = append(buses, strconv.Itoa(freePort(t)))
		n := startServer(t, "--cluster-enabled", "yes", "--cluster-port", buses[len(buses)-1],
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0")
		c := n.client()
		id, err := n.do(c, "CLUSTER", "MYID").ToString()
		if err != nil {
			t.Fatal(err)
		}
		s.nodes, s.ids, s.clients = append(s.nodes, n), append(s.ids, id), append(s.clients, c)
	}
	for i, n := range s.nodes {
		n.do(s.clients[i], "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i < masters {
			first, next := 16384*i/masters, 16384*(i+1)/masters
			n.do(s.clients[i], "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(next-1))
		}
		if i > 0 {
			s.nodes[0].do(s.clients[0], "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(n.Port), buses[i])
		}
	}
	s.await("nodes that know each other", fmt.Sprintf("cluster_known_nodes:%d\r", len(s.nodes)))
	s.nodes[masters].do(s.clients[masters], "CLUSTER", "REPLICATE", s.ids[0])
	s.await("cluster", "cluster_state:ok\r")
	eventually(t, "link to the master", func() bool {
		info, err := command(s.clients[masters], "INFO", "replication").ToString()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	s.awaitReplicaEverywhere()
	return s
}

// await waits until CLUSTER INFO of all nodes has the line.
func (s *several) await(what, line string) {
	s.t.Helper()
	for _, c := range s.clients {
		eventually(s.t, what, func() bool {
			info, err := command(c, "CLUSTER", "INFO").ToString()
			return err == nil && strings.Contains(info, line)
		})
	}
}

// awaitReplicaEverywhere waits until all nodes know who is the replica.
func (s *several) awaitReplicaEverywhere() {
	s.t.Helper()
	for _, c := range s.clients {
		eventually(s.t, "replica that all know", func() bool {
			list, err := command(c, "CLUSTER", "REPLICAS", s.ids[0]).AsStrSlice()
			return err == nil && len(list) == 1
		})
	}
}

// downAfter sets how long a node may be silent before the others take it for dead.
func (s *several) downAfter(ms int) {
	s.t.Helper()
	for i, c := range s.clients {
		s.nodes[i].do(c, "CONFIG", "SET", "cluster-node-timeout", strconv.Itoa(ms))
	}
}

// url has the nodes but the first.
func (s *several) url() string {
	hosts := make([]string, 0, len(s.nodes))
	for _, n := range s.nodes[1:] {
		hosts = append(hosts, "127.0.0.1:"+strconv.Itoa(n.Port))
	}
	return "redis://" + strings.Join(hosts, ",")
}

// nameOn returns a name whose keys are on a master.
func (s *several) nameOn(master int, prefix string) string {
	s.t.Helper()
	first, next := 16384*master/masters, 16384*(master+1)/masters
	for i := range 1000 {
		name := prefix + strconv.Itoa(i)
		slot, err := s.nodes[0].do(s.clients[0], "CLUSTER", "KEYSLOT", name).ToInt64()
		if err != nil {
			s.t.Fatal(err)
		}
		if int(slot) >= first && int(slot) < next {
			return name
		}
	}
	s.t.Fatal("no name is on that master")
	return ""
}
