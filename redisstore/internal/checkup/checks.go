package checkup

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-cachify/cachify/driver"
)

const (
	fenceMemory = 24 * time.Hour // how long a server remembers its last fence

	// The local deadline of a lease is one percent early, for clocks that run apart.
	// What a clock shows is that of some moment during its reading, so nothing has to
	// be allowed for a slow network; clockGrain is for what clocks round.
	clockRate  = 0.01
	clockGrain = 2 * time.Millisecond

	skewWorthTelling = time.Second
	roomWorthTelling = 0.9 // of maxmemory
)

func checkReach(c *chart, note note) {
	if c.silent {
		note(driver.SeverityWarning, "unreachable",
			"see whether it runs, and whether clients are let through to it",
			"the server does not answer, so it could not be examined")
		return
	}
	if len(c.refused) > 0 {
		note(driver.SeverityWarning, "not-examined",
			"give the user the right to run them, or examine the server as another user",
			"the server refuses %s, so what they tell could not be examined", strings.Join(c.refused, ", "))
	}
	if len(c.config) < len(settings) {
		var hidden []string
		for _, name := range settings {
			if _, ok := c.config[name]; !ok {
				hidden = append(hidden, name)
			}
		}
		note(driver.SeverityInfo, "config-hidden",
			"look at them yourself, or give the user the right to CONFIG GET (+config|get)",
			"the server does not tell its settings %s", strings.Join(hidden, ", "))
	}
}

// isReplica tells whether the server is one that nobody should work on; a cluster has
// them as well, and does not let anybody.
func (c *chart) isReplica() bool {
	return c.info["role"] == "slave" && c.info["cluster_enabled"] != "1"
}

func checkRole(c *chart, note note) {
	if c.isReplica() {
		note(driver.SeverityDanger, "replica",
			"use the master; with Sentinel, ask Sentinel which server that is",
			"it is a replica of %s:%s: what it tells is late, and what is written to it is refused or lost",
			c.info["master_host"], c.info["master_port"])
	}
}

func checkEviction(c *chart, note note) {
	policy := c.info["maxmemory_policy"]
	if policy == "" || policy == "noeviction" || c.isReplica() {
		return
	}
	const advice = "set maxmemory-policy to noeviction, or give locks a server of their own"
	if c.number("maxmemory") == 0 {
		note(driver.SeverityInfo, "eviction-policy", advice,
			"maxmemory-policy is %s: nothing is evicted as long as maxmemory is 0, but once it is set locks will be", policy)
		return
	}
	note(driver.SeverityDanger, "eviction", advice,
		"maxmemory-policy is %s and maxmemory is %s bytes: when they are full the server drops locks that are held (%s keys were evicted since it started)",
		policy, c.info["maxmemory"], c.info["evicted_keys"])
}

func checkRoom(c *chart, note note) {
	limit, used := c.number("maxmemory"), c.number("used_memory")
	if limit > 0 && float64(used) >= roomWorthTelling*float64(limit) && c.info["maxmemory_policy"] == "noeviction" {
		note(driver.SeverityWarning, "memory-full",
			"raise maxmemory, or find out what fills the server",
			"%d of %d bytes of maxmemory are used: when they are full the server refuses to write, and no lock can be acquired", used, limit)
	}
}

func checkPersistence(c *chart, note note) {
	if c.info["aof_enabled"] != "0" || c.isReplica() {
		return
	}
	save, known := c.config["save"]
	switch {
	case !known:
		note(driver.SeverityWarning, "no-aof", adviceAOF,
			"there is no append-only file: a restart takes the server back to its last snapshot, if it makes any, and leases granted since are lost%s", c.emptiesReplicas())
	case save == "":
		note(driver.SeverityWarning, "no-persistence", adviceAOF,
			"nothing is kept on disk: a restart loses all leases and those who wait, so that another can hold what is held; only fences go on, by the clock%s", c.emptiesReplicas())
	default:
		note(driver.SeverityWarning, "no-aof", adviceAOF,
			"there is no append-only file, only snapshots (save %s): a restart takes the server back to the last one, and leases granted since are lost%s", save, c.emptiesReplicas())
	}
}

const adviceAOF = "set appendonly to yes; or accept it, where the work under locks is checked by fences"

// emptiesReplicas adds what a restart means for replicas.
func (c *chart) emptiesReplicas() string {
	if c.number("connected_slaves") == 0 {
		return ""
	}
	return "; its replicas then follow it, and lose the same"
}

func checkSync(c *chart, note note) {
	if c.info["aof_enabled"] != "1" || c.isReplica() {
		return
	}
	switch c.config["appendfsync"] {
	case "no":
		note(driver.SeverityWarning, "appendfsync-no",
			"set appendfsync to everysec or always",
			"the system decides when the append-only file reaches the disk: if the machine fails, half a minute of leases can be lost")
	case "everysec":
		note(driver.SeverityInfo, "appendfsync-everysec",
			"nothing, or set appendfsync to always, which costs a write to disk for each request",
			"the append-only file reaches the disk each second: if the machine fails, not only the server, up to two seconds of leases can be lost")
	}
}

func checkDisk(c *chart, note note) {
	var failed []string
	for _, field := range []string{"rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"} {
		if c.info[field] == "err" {
			failed = append(failed, field)
		}
	}
	if len(failed) > 0 {
		note(driver.SeverityWarning, "disk",
			"see the server's log; most often the disk is full or may not be written to",
			"the last attempt to write to disk failed (%s): a restart would lose what is not there, and until it succeeds the server may refuse to write",
			strings.Join(failed, ", "))
	}
}

func checkReplicas(c *chart, note note) {
	if c.info["role"] != "master" {
		return
	}
	good, bounded := c.info["min_slaves_good_slaves"] // told only if min-replicas-to-write is set
	switch {
	case bounded && good == "0":
		note(driver.SeverityWarning, "no-good-replica",
			"bring a replica back, or lower min-replicas-to-write",
			"min-replicas-to-write is set and no replica keeps up: the server refuses to write, and no lock can be acquired")
	case c.number("connected_slaves") == 0:
	case bounded:
		note(driver.SeverityInfo, "async-replication-bounded",
			"nothing; where that is too much, check fences, or use a store that replicates by consensus",
			"replicas get writes after they are acknowledged: a fail-over can lose the leases of the last min-replicas-max-lag seconds")
	default:
		note(driver.SeverityWarning, "async-replication",
			"set min-replicas-to-write to 1 or more, which bounds what is lost to min-replicas-max-lag; and check fences",
			"%s replicas get writes after they are acknowledged, and min-replicas-to-write is not set: a fail-over can lose leases, with no bound while a cut-off master goes on granting them",
			c.info["connected_slaves"])
	}
}

// checkClock compares how fast time passes.
func checkClock(c *chart, note note) {
	if c.last.shown.IsZero() {
		return
	}
	there := c.last.shown.Sub(c.first.shown)
	least, most := c.last.sent.Sub(c.first.received), c.last.received.Sub(c.first.sent)
	if there >= slower(least)-clockGrain && there <= faster(most)+clockGrain {
		return
	}
	note(driver.SeverityDanger, "clock-jump",
		"let the clock be slewed, not stepped, and see why it has to be set at all",
		"while %v to %v passed here, %v passed on the server's clock: leases end too early there, or too late", least, most, there)
}

func slower(d time.Duration) time.Duration { return d - time.Duration(float64(d)*clockRate) }
func faster(d time.Duration) time.Duration { return d + time.Duration(float64(d)*clockRate) }

// checkFence looks whether the clock is behind a time that it has already shown.
func checkFence(c *chart, note note) {
	if c.fence == 0 || c.first.shown.IsZero() {
		return
	}
	behind := time.Duration(c.fence-c.first.shown.UnixMicro()) * time.Microsecond
	if behind <= clockGrain {
		return
	}
	severity, meaning := driver.SeverityWarning, "fences go on rising as long as the data is there; should it be lost before the clock has caught up, they repeat"
	switch {
	case behind >= fenceMemory:
		severity, meaning = driver.SeverityDanger, "that is longer than the last fence is remembered, so fences will repeat"
	case behind < time.Second:
		severity = driver.SeverityInfo
	}
	note(severity, "clock-set-back",
		"mend the clock; do not throw data away before it has caught up",
		"the server's clock is %v behind a fence that was made of it: it was set back, or another server before it was ahead; leases last as much longer, and %s",
		behind.Round(time.Millisecond), meaning)
}

// checkSkew compares what time it is. No promise depends on that.
func checkSkew(c *chart, note note) {
	if c.first.shown.IsZero() {
		return
	}
	behind, ahead := c.first.sent.Sub(c.first.shown), c.first.shown.Sub(c.first.received)
	skew, where := behind, "behind"
	if ahead > behind {
		skew, where = ahead, "ahead of"
	}
	if skew > skewWorthTelling {
		note(driver.SeverityInfo, "clock-skew",
			"nothing for the locks' sake; see which of the two is wrong",
			"the server's clock is %v %s this machine's", skew.Round(time.Millisecond), where)
	}
}

func checkVersion(c *chart, note note) {
	version := c.info["redis_version"]
	if version == "" || c.info["valkey_version"] != "" || c.info["dragonfly_version"] != "" {
		return // not Redis, or unknown: the number says nothing
	}
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, _ := strconv.Atoi(major)
	y, _ := strconv.Atoi(minor)
	if x < oldMajor || x == oldMajor && y < oldMinor {
		note(driver.SeverityInfo, "old-version",
			"plan an upgrade, unless whoever packages the server still mends it",
			"the server is Redis %s: versions before %d.%d get no fixes from the project any more", version, oldMajor, oldMinor)
	}
}

// Versions before this one are no longer maintained.
const (
	oldMajor = 7
	oldMinor = 2
)

// number returns a field of INFO that is one; 0 if there is none.
func (c *chart) number(field string) int64 {
	n, _ := strconv.ParseInt(c.info[field], 10, 64)
	return n
}
