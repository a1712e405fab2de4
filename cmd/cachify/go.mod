module github.com/go-cachify/cachify/cmd/cachify

go 1.25.0

replace (
	github.com/go-cachify/cachify => ../../
	github.com/go-cachify/cachify/redisstore => ../../redisstore
	github.com/go-cachify/cachify/sqlitestore => ../../sqlitestore
)

require (
	github.com/creack/pty v1.1.24
	github.com/go-cachify/cachify v0.0.0
	github.com/go-cachify/cachify/redisstore v0.0.0-00010101000000-000000000000
	github.com/go-cachify/cachify/sqlitestore v0.0.0-00010101000000-000000000000
	github.com/spf13/cobra v1.10.2
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.47.0
	golang.org/x/term v0.45.0
)

require (
	github.com/cpuguy83/go-md2man/v2 v2.0.6 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/ncruces/go-sqlite3 v0.35.1 // indirect
	github.com/ncruces/go-sqlite3-wasm/v3 v3.1.35302 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	github.com/redis/rueidis v1.0.79 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
