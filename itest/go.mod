module github.com/go-cachify/cachify/itest

go 1.25.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/go-cachify/cachify v0.0.0
	github.com/go-cachify/cachify/redisstore v0.0.0-00010101000000-000000000000
	github.com/go-cachify/cachify/sqlitestore v0.0.0-00010101000000-000000000000
	github.com/redis/rueidis v1.0.79
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.47.0
)

require (
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/ncruces/go-sqlite3 v0.35.1 // indirect
	github.com/ncruces/go-sqlite3-wasm/v3 v3.1.35302 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
)

replace github.com/go-cachify/cachify => ../

replace github.com/go-cachify/cachify/redisstore => ../redisstore

replace github.com/go-cachify/cachify/sqlitestore => ../sqlitestore
