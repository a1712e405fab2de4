package redisstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

// safe are the settings of a server that is set up well.
var safe = []string{"--appendonly", "yes", "--appendfsync", "always"}

// examine returns what the store at url finds, less old-version: how old the server
// is that these tests run on is not their matter.
func examine(t *testing.T, url string) []driver.Finding {
	t.Helper()
	s, err := redisstore.New(t.Context(), redisstore.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	return findings(t, s)
}

func findings(t *testing.T, s *redisstore.Store) []driver.Finding {
	t.Helper()
	found, err := s.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(found, func(f driver.Finding) bool { return f.Code == "old-version" })
}

// wantFindings checks severities and codes, such as "danger eviction".
func wantFindings(t *testing.T, found []driver.Finding, want ...string) {
	t.Helper()
	var got []string
	for _, f := range found {
		got = append(got, f.Severity.String()+" "+f.Code)
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q\n%v", got, want, found)
	}
}

func TestExamine(t *testing.T) {
	for what, test := range map[string]struct {
		settings []string
		want     []string
	}{
		"set up well":             {nil, nil},
		"evicts what has an end":  {[]string{"--maxmemory", "1gb", "--maxmemory-policy", "volatile-ttl"}, []string{"danger eviction"}},
		"evicts anything":         {[]string{"--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"}, []string{"danger eviction"}},
		"would evict":             {[]string{"--maxmemory-policy", "allkeys-lru"}, []string{"info eviction-policy"}},
		"full":                    {[]string{"--maxmemory", "900kb"}, []string{"warning memory-full"}},
		"keeps nothing":           {[]string{"--appendonly", "no"}, []string{"warning no-persistence"}},
		"snapshots only":          {[]string{"--appendonly", "no", "--save", "3600 1"}, []string{"warning no-aof"}},
		"syncs each second":       {[]string{"--appendfsync", "everysec"}, []string{"info appendfsync-everysec"}},
		"never syncs":             {[]string{"--appendfsync", "no"}, []string{"warning appendfsync-no"}},
		"wants a replica":         {[]string{"--min-replicas-to-write", "1"}, []string{"warning no-good-replica"}},
		"tells nothing but TIME":  {[]string{"--rename-command", "INFO", "", "--rename-command", "CONFIG", ""}, []string{"warning not-examined", "info config-hidden"}},
		"does not tell settings":  {[]string{"--rename-command", "CONFIG", ""}, []string{"info config-hidden"}},
		"nor keeps anything then": {[]string{"--rename-command", "CONFIG", "", "--appendonly", "no"}, []string{"info config-hidden", "warning no-aof"}},
	} {
		t.Run(what, func(t *testing.T) {
			srv := startServer(t, append(slices.Clone(safe), test.settings...)...)
			wantFindings(t, examine(t, srv.url()), test.want...)
		})
	}
}

func TestExamineReplication(t *testing.T) {
	master := startServer(t, safe...)
	replica := startServer(t, safe...)
	demoted := replica.store() // New refuses a server that is a replica already
	replica.do(replica.client(), "REPLICAOF", "127.0.0.1", strconv.Itoa(master.Port))
	client := master.client()
	eventually(t, "replication", func() bool {
		info, err := master.do(client, "INFO", "replication").ToString()
		return err == nil && strings.Contains(info, "state=online")
	})
	wantFindings(t, examine(t, master.url()), "warning async-replication")
	master.do(client, "CONFIG", "SET", "min-replicas-to-write", "1")
	eventually(t, "good replica", func() bool {
		info, err := master.do(client, "INFO", "replication").ToString()
		return err == nil && strings.Contains(info, "min_slaves_good_slaves:1")
	})
	wantFindings(t, examine(t, master.url()), "info async-replication-bounded")

	found := findings(t, demoted)
	wantFindings(t, found, "danger replica")
	if len(found) > 0 && !strings.Contains(found[0].Problem, strconv.Itoa(master.Port)) {
		t.Errorf("the finding does not name the master: %v", found[0])
	}
}

// A server that cannot write to its disk.
func TestExamineDisk(t *testing.T) {
	srv := startServer(t, safe...)
	client := srv.client()
	if err := os.Mkdir(filepath.Join(srv.Dir, "dump.rdb"), 0o700); err != nil { // where the snapshot should be
		t.Fatal(err)
	}
	srv.do(client, "BGSAVE")
	eventually(t, "failure to save", func() bool {
		info, err := srv.do(client, "INFO", "persistence").ToString()
		return err == nil && strings.Contains(info, "rdb_last_bgsave_status:err")
	})
	wantFindings(t, examine(t, srv.url()), "warning disk")
}

// A clock that was set back is behind the fences that were made of it.
func TestExamineClockSetBack(t *testing.T) {
	srv := startServer(t, safe...)
	store, client, me := srv.store(), srv.client(), driver.NewClient()
	g, err := store.Acquire(t.Context(), request(me, "job"))
	if err != nil {
		t.Fatal(err)
	}
	wantFindings(t, examine(t, srv.url()))
	clock, err := srv.do(client, "KEYS", "*:cachify:clock").AsStrSlice()
	if err != nil || len(clock) != 1 {
		t.Fatalf("the clocks are %q, %v", clock, err)
	}
	for ahead, want := range map[time.Duration]string{
		time.Hour: "warning clock-set-back", 48 * time.Hour: "danger clock-set-back",
	} {
		srv.do(client, "SET", clock[0], strconv.FormatUint(g.Fence+uint64(ahead.Microseconds()), 10))
		wantFindings(t, examine(t, srv.url()), want)
	}
	srv.do(client, "DEL", clock[0])
	srv.do(client, "RPUSH", clock[0], "not a number")
	wantFindings(t, examine(t, srv.url()), "warning not-examined")
}

// What a user has no right to is a finding, whatever else is found.
func TestExamineWithFewRights(t *testing.T) {
	srv := startServer(t, safe...)
	admin := srv.client()
	srv.setUser(admin, rights())
	wantFindings(t, examine(t, srv.asUser()), "info config-hidden")
	srv.setUser(admin, append(rights(), settingsRights))
	wantFindings(t, examine(t, srv.asUser()))
	for _, command := range []string{"info", "time", "get"} {
		srv.setUser(admin, append(rights(), settingsRights, "-"+command))
		found := examine(t, srv.asUser())
		wantFindings(t, found, "warning not-examined")
		if len(found) > 0 && !strings.Contains(found[0].Problem, strings.ToUpper(command)) {
			t.Errorf("the finding does not name %s: %v", command, found[0])
		}
	}
}

// Each node is examined, and the findings name it.
func TestExamineCluster(t *testing.T) {
	var servers []*server
	for i := range 2 {
		settings := append(slices.Clone(safe), "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)))
		if i == 1 {
			settings = append(settings, "--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru")
		}
		servers = append(servers, startServer(t, settings...))
	}
	joinCluster(t, servers)
	store, err := redisstore.New(t.Context(), redisstore.Options{URL: servers[0].tcp()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	me := driver.NewClient()
	for i := range 20 { // on both of them
		if _, err := store.Acquire(t.Context(), request(me, fmt.Sprintf("job-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	look := func() []driver.Finding {
		t.Helper()
		found, err := store.Examine(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(found, func(f driver.Finding) bool { return f.Code == "old-version" })
	}
	found := look()
	wantFindings(t, found, "danger eviction")
	if len(found) == 1 && found[0].Node != fmt.Sprintf("127.0.0.1:%d", servers[1].Port) {
		t.Errorf("the finding is about %q, want the second server", found[0].Node)
	}
	servers[1].kill()
	found = look()
	wantFindings(t, found, "warning unreachable")
	servers[0].kill()
	if found, err := store.Examine(t.Context()); err == nil {
		t.Errorf("no server is there: found %v", found)
	}
}

// joinCluster makes one cluster of two servers, half of the slots each.
func joinCluster(t *testing.T, servers []*server) {
	t.Helper()
	for i, srv := range servers {
		srv.do(srv.client(), "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*8192), strconv.Itoa(i*8192+8191))
		srv.do(srv.client(), "CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	port, err := servers[1].do(servers[1].client(), "CONFIG", "GET", "cluster-port").AsStrMap()
	if err != nil {
		t.Fatal(err)
	}
	servers[0].do(servers[0].client(), "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(servers[1].Port), port["cluster-port"])
	for _, srv := range servers {
		client := srv.client()
		eventually(t, "cluster", func() bool {
			info, err := srv.do(client, "CLUSTER", "INFO").ToString()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_assigned:16384")
		})
	}
}

func TestExamineFails(t *testing.T) {
	srv := startServer(t, safe...)
	store := srv.store()
	c, err := cachify.New(store, nil)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := c.Examine(t.Context()); err != nil {
		t.Errorf("Examine = %v, %v", found, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := store.Examine(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a ctx that ends while clocks are compared: %v", err)
	}
	srv.kill()
	if _, err := store.Examine(t.Context()); err == nil {
		t.Error("without a server: no error")
	}
	_ = store.Close()
	if _, err := store.Examine(t.Context()); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

// A server on a machine whose clock runs twice as fast, or jumps: no real one can be
// had without setting the clock of this machine.
func TestExamineClockJump(t *testing.T) {
	start := time.Now()
	for what, now := range map[string]func() time.Time{
		"fast":      func() time.Time { return time.Now().Add(time.Since(start)) },
		"stopped":   func() time.Time { return start },
		"backwards": func() time.Time { return start.Add(-time.Since(start)) },
	} {
		found := examine(t, "redis://"+clockServer(t, now))
		got := slices.IndexFunc(found, func(f driver.Finding) bool { return f.Code == "clock-jump" && f.Severity == driver.SeverityDanger })
		if got < 0 {
			t.Errorf("%s: found %v, want clock-jump", what, found)
		}
	}
	found := examine(t, "redis://"+clockServer(t, time.Now))
	if slices.ContainsFunc(found, func(f driver.Finding) bool { return strings.HasPrefix(f.Code, "clock") }) {
		t.Errorf("a clock that is right: found %v", found)
	}
}

// clockServer answers TIME with what now says, and as little else as will do.
func clockServer(t *testing.T, now func() time.Time) string {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
				for {
					args, err := readCommand(r)
					if err != nil {
						return
					}
					_, _ = w.WriteString(clockAnswer(args, now()))
					if r.Buffered() == 0 && w.Flush() != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func clockAnswer(args []string, now time.Time) string {
	bulk := func(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
	switch strings.ToUpper(args[0]) {
	case "HELLO":
		return "%3\r\n" + bulk("server") + bulk("redis") + bulk("version") + bulk("7.4.0") + bulk("proto") + ":3\r\n"
	case "TIME":
		return "*2\r\n" + bulk(strconv.FormatInt(now.Unix(), 10)) + bulk(strconv.Itoa(now.Nanosecond()/1000))
	case "INFO":
		return bulk("role:master\r\n")
	case "GET":
		return "_\r\n"
	case "PING":
		return "+PONG\r\n"
	case "CLUSTER":
		return "-ERR This instance has cluster support disabled\r\n"
	case "CONFIG":
		return "-ERR unknown command 'CONFIG'\r\n"
	}
	return "+OK\r\n"
}

// The settings and the clock keys are all that is asked for, so that a server with
// much data in it takes no longer.
func TestExamineIsBounded(t *testing.T) {
	srv := startServer(t, safe...)
	client, store := srv.client(), srv.store()
	if _, err := store.Examine(t.Context()); err != nil {
		t.Fatal(err)
	}
	stats, err := srv.do(client, "INFO", "commandstats").ToString()
	if err != nil || strings.Contains(stats, "cmdstat_scan") || strings.Contains(stats, "cmdstat_keys") {
		t.Errorf("it goes through the keys: %v\n%s", err, stats)
	}
}

var (
	noteCall = regexp.MustCompile(`note\((?:driver\.Severity\w+|severity), "([^"]+)"`)
	guideRow = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|")
)

// The guide lists what can be found, all of it and no more.
func TestGuideListsFindings(t *testing.T) {
	codes := func(path string, pattern *regexp.Regexp) []string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, match := range pattern.FindAllStringSubmatch(string(text), -1) {
			list = append(list, match[1])
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	can := codes("internal/checkup/checks.go", noteCall)
	listed := codes("../docs/guides/redis.md", guideRow)
	if len(can) < 15 || !slices.Equal(can, listed) {
		t.Errorf("the guide lists %q, want %q", listed, can)
	}
}
