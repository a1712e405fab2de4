module github.com/go-cachify/cachify/redisstore

go 1.25.0

require (
	github.com/go-cachify/cachify v0.0.0
	github.com/maypok86/otter/v2 v2.4.0
	github.com/redis/rueidis v1.0.79
	go.uber.org/goleak v1.3.0
)

require golang.org/x/sys v0.47.0 // indirect

replace github.com/go-cachify/cachify => ../
