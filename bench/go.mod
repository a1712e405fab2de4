module github.com/go-cachify/cachify/bench

go 1.25

require (
	github.com/go-cachify/cachify v0.0.0
	github.com/maypok86/otter/v2 v2.4.0
)

replace github.com/go-cachify/cachify => ../
