package main

import (
	"strconv"

	"github.com/go-cachify/cachify"
)

// The page's sections.
const (
	sectionMemory = "Locks in one process"
	sectionRedis  = "Locks on Redis"
	sectionFiles  = "Locks between processes of one machine"
	sectionCached = "Cached functions"
	sectionScale  = "Scale"
)

const aboutFlatLocks = "So many other keys are held in the store, meanwhile."

// groups are all measurements by their ids, in the order of the page. A store that is
// added later adds its own here.
var groups = []struct {
	id   string
	make func(*lab) *Group
}{
	{"memory-uncontended", memoryUncontended},
	{"memory-own-keys", memoryOwnKeys},
	{"memory-one-key", memoryOneKey},

	{"redis-own-keys-1", redisOwnKeys(1)},
	{"redis-own-keys-64", redisOwnKeys(64)},
	{"redis-hand-over", redisHandOver},
	{"redis-one-key-2", redisOneKey(2)},
	{"redis-one-key-8", redisOneKey(8)},
	{"redis-one-key-32", redisOneKey(32)},

	{"files-own-keys-1", filePairs(1, false)},
	{"files-own-keys-4", filePairs(4, false)},
	{"files-own-keys-16", filePairs(16, false)},
	{"files-one-key-4", filePairs(4, true)},
	{"files-hand-over", fileHandOver},
	{"command-start", commandStart},

	{"cached-memory", memoryHit},
	{"cached-near", redisHit(true)},
	{"cached-redis", redisHit(false)},
	{"miss-storm", missStorm},

	{"flat-memory", flat("Locks in memory", "acquire + release", aboutFlatLocks, 1_000_000, "lock-memory")},
	{"flat-redis", flat("Locks on Redis", "acquire + release", aboutFlatLocks, 1_000_000, "lock-redis")},
	{"flat-sqlite", flat("Locks on SQLite", "acquire + release", aboutFlatLocks+" To make a million would take longer than all else that is measured.", 100_000, "lock-sqlite")},
	{"flat-hits", flat("Hits in memory, a thousand hot keys", "a hit", "So many results are remembered; a thousand of them (or all, if there are fewer) are asked for, at random.", 1_000_000, "hit-hot")},
	{"flat-hits-all", flatBeside("Hits in memory, of all keys at random", "a hit", "All that is remembered is asked for, at random: in the end more than the processor's caches hold. The engine alone, otter, has the same keys.", 1_000_000, "hit-all", "engine-all")},
	{"weight-10000", weights(10_000)},
	{"weight-100000", weights(100_000)},
	{"resources", resources},
}

// roles are what this program does as a child of itself.
var roles = map[string]role{
	"locking":  locking,
	"storming": storming,
	"weighing": weighing,
	"costing":  costing,
}

// bareWhy says what is left of cachify where its commands are sent bare.
const bareWhy = "the same two commands, sent bare"

// aims are what the numbers should be: those of the issue that asked for them.
var aims = []aim{
	{"Redis, 64 goroutines, own keys: redsync", atLeast(2.5), over("redis-own-keys-64", "cachify", "redsync"),
		over("redis-own-keys-64", barePeer.name, "redsync"), bareWhy},
	{"… redislock", atLeast(2.5), over("redis-own-keys-64", "cachify", "redislock"),
		over("redis-own-keys-64", barePeer.name, "redislock"), bareWhy},
	{"… rueidislock", atLeast(1.3), over("redis-own-keys-64", "cachify", "rueidislock"),
		over("redis-own-keys-64", barePeer.name, "rueidislock"), bareWhy},
	{"… raw SET + DEL", atLeast(.85), over("redis-own-keys-64", "cachify", rawPeer.name),
		over("redis-own-keys-64", barePeer.name, rawPeer.name), bareWhy},
	{"Redis, hand-over p50: rueidislock", atMost(.7), over("redis-hand-over", "cachify", "rueidislock"),
		over("redis-hand-over", leastName, "rueidislock"), "a script that does no more than compare, set and publish"},
	{"… bare PUBLISH → message", atMost(3), over("redis-hand-over", "cachify", publishName), nil, ""},
	{"… redislock, which polls, to cachify", atLeast(50), over("redis-hand-over", "redislock", "cachify"), nil, ""},
	{"… redsync, which polls, to cachify", atLeast(50), over("redis-hand-over", "redsync", "cachify"), nil, ""},
	{"Redis, 32 clients × 8, one key: client commands each", atMostPlain(2.2), column("redis-one-key-32", "cachify", "commands"),
		twoAndLooks, "two, and at most a look of each waiting client every 100 ms"},
	{"… most served : least served", atMost(1.1), column("redis-one-key-32", "cachify", "uneven"), nil, ""},
	{"Memory, a free lock: map under a mutex", atMost(10), over("memory-uncontended", "cachify", "map under a mutex"),
		over("memory-uncontended", withHolderName, "map under a mutex"), "the store, a holder each time, and five readings of the clock"},
	{"… allocations", atMostPlain(4), column("memory-uncontended", "cachify", "allocs"), nil, ""},
	{"A hit in memory, key function: the engine", atMost(2), over("cached-memory", "cachify, key function", "otter, the engine"), nil, ""},
	{"… template of one string", atMost(2), over("cached-memory", "cachify, template of one string", "otter, the engine"), nil, ""},
	{"… template of two fields", atMost(2), over("cached-memory", "cachify, template of two fields", "otter, the engine"), nil, ""},
	{"… allocations with a key function", atMostPlain(0), column("cached-memory", "cachify, key function", "allocs"), nil, ""},
	{"… time, to sturdyc's", atMost(1), over("cached-memory", "cachify, key function", "sturdyc GetOrFetch"), nil, ""},
	{"Storm of misses in 4 processes: runs", atMostPlain(stormProcesses), column("miss-storm", "cachify on Redis", ""), nil, ""},
	{"… with LoadLock, Redis", atMostPlain(1), column("miss-storm", "cachify on Redis, LoadLock", ""), nil, ""},
	{"… with LoadLock, SQLite", atMostPlain(1), column("miss-storm", "cachify on SQLite, LoadLock", ""), nil, ""},
	flatness("Locks in memory", "flat-memory", 1_000_000),
	flatness("Locks on Redis", "flat-redis", 1_000_000),
	flatness("Locks on SQLite", "flat-sqlite", 100_000),
	flatness("Hits in memory, a thousand hot keys", "flat-hits", 1_000_000),
	{"Hits in memory, of all keys, 100 → 1,000,000 keys", atMost(1.3), over("flat-hits-all", keysTitle(1_000_000), keysTitle(100)),
		over("flat-hits-all", engineTitle(1_000_000), engineTitle(100)), "the engine alone: the processor's caches"},
}

// twoAndLooks is how many commands an acquisition needs where each client looks at the
// longest interval that it promises, having waited for longer each time.
func twoAndLooks(d *Data) (spread, bool) {
	r := d.group("redis-one-key-32").row("cachify")
	if r == nil {
		return spread{}, false
	}
	looks := 32 / cachify.DefaultLockPollInterval.Seconds()
	var xs []float64
	for _, perSecond := range r.Values {
		xs = append(xs, 2+looks/perSecond)
	}
	return spreadOf(xs), true
}

func flatness(what, group string, n int) aim {
	return aim{what + ", " + strconv.Itoa(decades[0]) + " → " + keysTitle(n), atMost(1.3), over(group, keysTitle(n), keysTitle(decades[0])), nil, ""}
}
