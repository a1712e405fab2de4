module github.com/go-cachify/cachify/bench

go 1.26.0

require (
	github.com/bsm/redislock v0.9.4
	github.com/dgraph-io/ristretto/v2 v2.4.2
	github.com/go-cachify/cachify v0.0.0
	github.com/go-cachify/cachify/redisstore v0.0.0
	github.com/go-cachify/cachify/sqlitestore v0.0.0
	github.com/go-redis/cache/v9 v9.0.0
	github.com/go-redsync/redsync/v4 v4.18.1
	github.com/gofrs/flock v0.13.2
	github.com/jellydator/ttlcache/v3 v3.4.1
	github.com/maypok86/otter/v2 v2.4.0
	github.com/moby/locker v1.0.1
	github.com/redis/go-redis/v9 v9.23.0
	github.com/redis/rueidis v1.0.79
	github.com/redis/rueidis/rueidiscompat v1.0.79
	github.com/viccon/sturdyc v1.1.5
	golang.org/x/sync v0.24.0
	k8s.io/utils v0.0.0-20261023123148-ca04ba58ecab
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/klauspost/compress v1.13.6 // indirect
	github.com/ncruces/go-sqlite3 v0.35.1 // indirect
	github.com/ncruces/go-sqlite3-wasm/v3 v3.1.35302 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	github.com/vmihailenco/go-tinylfu v0.2.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.3.4 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/go-cachify/cachify => ../

replace github.com/go-cachify/cachify/redisstore => ../redisstore

replace github.com/go-cachify/cachify/sqlitestore => ../sqlitestore
