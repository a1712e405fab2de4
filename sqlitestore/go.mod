module github.com/go-cachify/cachify/sqlitestore

go 1.25.0

require (
	github.com/go-cachify/cachify v0.0.0
	github.com/ncruces/go-sqlite3 v0.35.1
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.47.0
)

require (
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/ncruces/go-sqlite3-wasm/v3 v3.1.35302 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
)

replace github.com/go-cachify/cachify => ../
