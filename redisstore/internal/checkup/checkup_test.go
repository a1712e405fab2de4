package checkup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// fake is a server that tells what a test wants, at once, on virtual time.
type fake struct {
	info   map[string]string // beside those of a sound server
	config map[string]string
	ahead  time.Duration // of its clock
	speed  float64       // of its clock; 0: as fast as the local one
	fence  time.Duration // how far its last fence is from its clock; 0: there is none
	refuse string        // commands that it does not allow
	err    error         // it does not answer
	hangs  bool

	start time.Time
}

var sound = map[string]string{
	"role": "master", "connected_slaves": "0", "redis_version": "7.4.1", "maxmemory": "0", "maxmemory_policy": "noeviction",
	"used_memory": "1000000", "aof_enabled": "1", "aof_last_write_status": "ok", "rdb_last_bgsave_status": "ok",
	"evicted_keys": "0",
}

func (f *fake) ask(ctx context.Context, command string) error {
	if f.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if f.err == nil && strings.Contains(f.refuse, command) {
		return fmt.Errorf("%w: NOPERM", ErrRefused)
	}
	return f.err
}

func (f *fake) Info(ctx context.Context) (string, error) {
	fields := maps.Clone(sound)
	maps.Copy(fields, f.info)
	var b strings.Builder
	b.WriteString("# Server\r\n")
	for name, value := range fields {
		b.WriteString(name + ":" + value + "\r\n")
	}
	return b.String(), f.ask(ctx, "INFO")
}

func (f *fake) Config(ctx context.Context, name string) (string, error) {
	value, ok := f.config[name]
	if !ok {
		value = map[string]string{"appendfsync": "always", "save": ""}[name]
	}
	return value, f.ask(ctx, "CONFIG")
}

func (f *fake) now() time.Time {
	if f.start.IsZero() {
		f.start = time.Now()
	}
	passed := time.Since(f.start)
	if f.speed != 0 {
		passed = time.Duration(float64(passed) * f.speed)
	}
	return f.start.Add(f.ahead + passed)
}

func (f *fake) Time(ctx context.Context) (time.Time, error) {
	if err := f.ask(ctx, "TIME"); err != nil {
		return time.Time{}, err
	}
	return time.UnixMicro(f.now().UnixMicro()), nil
}

func (f *fake) LastFence(ctx context.Context) (int64, error) {
	if err := f.ask(ctx, "GET"); err != nil || f.fence == 0 {
		return 0, err
	}
	return f.now().Add(f.fence).UnixMicro(), nil
}

// summary lists severities and codes.
func summary(found []driver.Finding) string {
	var list []string
	for _, f := range found {
		line := f.Severity.String() + " " + f.Code
		if f.Node != "" {
			line += " " + f.Node
		}
		list = append(list, line)
	}
	return strings.Join(list, ", ")
}

func TestFindings(t *testing.T) {
	type fields = map[string]string
	no := fields{"aof_enabled": "0"}
	for what, c := range map[string]struct {
		node fake
		want string // the findings
		text string // in the first one
	}{
		"all is well":                     {fake{}, "", ""},
		"evicts what has an end":          {fake{info: fields{"maxmemory": "1000000000", "maxmemory_policy": "volatile-lru", "evicted_keys": "17"}}, "danger eviction", "17 keys"},
		"evicts anything":                 {fake{info: fields{"maxmemory": "1000000000", "maxmemory_policy": "allkeys-lfu"}}, "danger eviction", "allkeys-lfu"},
		"would evict":                     {fake{info: fields{"maxmemory_policy": "allkeys-lru"}}, "info eviction-policy", "allkeys-lru"},
		"refuses when full":               {fake{info: fields{"maxmemory": "1100000"}}, "warning memory-full", "1000000 of 1100000"},
		"has room":                        {fake{info: fields{"maxmemory": "1200000"}}, "", ""},
		"keeps nothing":                   {fake{info: no}, "warning no-persistence", "fences go on"},
		"snapshots":                       {fake{info: no, config: fields{"save": "3600 1"}}, "warning no-aof", "save 3600 1"},
		"no file, the rest hidden":        {fake{info: no, refuse: "CONFIG"}, "info config-hidden, warning no-aof", "appendfsync, save"},
		"keeps nothing, with replicas":    {fake{info: fields{"aof_enabled": "0", "connected_slaves": "2", "min_slaves_good_slaves": "2"}}, "warning no-persistence, info async-replication-bounded", "its replicas then follow"},
		"syncs each second":               {fake{config: fields{"appendfsync": "everysec"}}, "info appendfsync-everysec", "two seconds"},
		"never syncs":                     {fake{config: fields{"appendfsync": "no"}}, "warning appendfsync-no", ""},
		"cannot save":                     {fake{info: fields{"rdb_last_bgsave_status": "err", "aof_last_write_status": "err"}}, "warning disk", "rdb_last_bgsave_status, aof_last_write_status"},
		"a replica":                       {fake{info: fields{"role": "slave", "master_host": "h", "master_port": "1", "aof_enabled": "0", "maxmemory_policy": "allkeys-lru"}}, "danger replica", "h:1"},
		"a replica of a cluster":          {fake{info: fields{"role": "slave", "cluster_enabled": "1"}}, "", ""},
		"a replica of a cluster, evicts":  {fake{info: fields{"role": "slave", "cluster_enabled": "1", "maxmemory": "9", "maxmemory_policy": "allkeys-lru"}}, "danger eviction", ""},
		"with replicas":                   {fake{info: fields{"connected_slaves": "2"}}, "warning async-replication", "2 replicas"},
		"with replicas that must keep up": {fake{info: fields{"connected_slaves": "2", "min_slaves_good_slaves": "1"}}, "info async-replication-bounded", ""},
		"with replicas that do not":       {fake{info: fields{"connected_slaves": "2", "min_slaves_good_slaves": "0"}}, "warning no-good-replica", ""},
		"a clock that runs slow":          {fake{speed: 0.9}, "danger clock-jump", "225ms passed on the server's"},
		"a clock that runs fast":          {fake{speed: 1.1}, "danger clock-jump", "275ms"},
		"a clock that runs back":          {fake{speed: -1}, "danger clock-jump", ""},
		"a clock within a percent":        {fake{speed: 1.01}, "", ""},
		"a clock ahead":                   {fake{ahead: time.Hour}, "info clock-skew", "1h0m0s ahead of"},
		"a clock behind":                  {fake{ahead: -3 * time.Second}, "info clock-skew", "3s behind"},
		"a clock a little ahead":          {fake{ahead: 900 * time.Millisecond}, "", ""},
		"fences of the past":              {fake{fence: -time.Second}, "", ""},
		"a fence a little ahead":          {fake{fence: 20 * time.Millisecond}, "info clock-set-back", "20ms behind"},
		"a fence ahead":                   {fake{fence: time.Hour}, "warning clock-set-back", "1h0m0s behind"},
		"a fence far ahead":               {fake{fence: 25 * time.Hour}, "danger clock-set-back", "will repeat"},
		"an old server":                   {fake{info: fields{"redis_version": "7.0.15"}}, "info old-version", "7.0.15"},
		"a very old server":               {fake{info: fields{"redis_version": "6.2.6"}}, "info old-version", "6.2.6"},
		"the first that is not old":       {fake{info: fields{"redis_version": "7.2.0"}}, "", ""},
		"a new server":                    {fake{info: fields{"redis_version": "10.0.0"}}, "", ""},
		"no Redis":                        {fake{info: fields{"redis_version": "7.0.0", "valkey_version": "9.0.0"}}, "", ""},
		"hides its settings":              {fake{refuse: "CONFIG"}, "info config-hidden", "appendfsync, save"},
		"hides everything":                {fake{refuse: "INFO CONFIG TIME GET"}, "warning not-examined, info config-hidden", "INFO, GET, TIME"},
		"hides its clock":                 {fake{refuse: "TIME", fence: time.Hour}, "warning not-examined", "TIME"},
		"hides its state":                 {fake{refuse: "INFO", fence: time.Hour}, "warning not-examined, warning clock-set-back", "INFO"},
	} {
		synctest.Test(t, func(t *testing.T) {
			found, err := Examine(t.Context(), map[string]Node{"host:1": &c.node})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if got := summary(found); got != c.want {
				t.Errorf("%s: found %s, want %s", what, got, c.want)
			}
			if len(found) > 0 && !strings.Contains(found[0].Problem, c.text) {
				t.Errorf("%s: the problem is %q, want %q in it", what, found[0].Problem, c.text)
			}
		})
	}
}

func TestSeveralNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		down := errors.New("connection refused")
		found, err := Examine(t.Context(), map[string]Node{
			"b:1": &fake{config: map[string]string{"appendfsync": "no"}},
			"a:1": &fake{err: down},
			"c:1": &fake{},
		})
		want := "warning unreachable a:1, warning appendfsync-no b:1"
		if got := summary(found); err != nil || got != want {
			t.Errorf("found %s, %v, want %s", got, err, want)
		}
		if took := time.Since(start); took != Interval {
			t.Errorf("it took %v, want %v for all of them", took, Interval)
		}
		if _, err := Examine(t.Context(), map[string]Node{"a:1": &fake{err: down}, "b:1": &fake{err: down}}); !errors.Is(err, down) {
			t.Errorf("all are down: %v, want %v", err, down)
		}
		// One that hangs does not keep the others from being examined.
		found, err = Examine(t.Context(), map[string]Node{"a:1": &fake{hangs: true}, "b:1": &fake{}})
		if got := summary(found); err != nil || got != "warning unreachable a:1" || time.Since(start) != Interval+Patience {
			t.Errorf("found %s, %v, after %v", got, err, time.Since(start))
		}
		if _, err := Examine(t.Context(), nil); err == nil {
			t.Error("without nodes: no error")
		}
	})
}

func TestExamineHeedsCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for what, node := range map[string]*fake{"at the first question": {hangs: true}, "between the readings": {}} {
			ctx, cancel := context.WithTimeout(t.Context(), Interval/2)
			_, err := Examine(ctx, map[string]Node{"a:1": node})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want the ctx's error", what, err)
			}
			cancel()
			synctest.Wait()
		}
	})
}
