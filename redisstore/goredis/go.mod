module github.com/go-cachify/cachify/redisstore/goredis

go 1.25.0

require (
	github.com/go-cachify/cachify v0.0.0
	github.com/go-cachify/cachify/redisstore v0.0.0
	github.com/redis/go-redis/v9 v9.22.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace (
	github.com/go-cachify/cachify => ../../
	github.com/go-cachify/cachify/redisstore => ../
)
