// Command soak proves the stores of this repository: see package itest, and the guide
// docs/guides/proof.md.
//
//	go run ./itest/cmd/soak -store redis -duration 1h
package main

import (
	"github.com/go-cachify/cachify/itest"
	"github.com/go-cachify/cachify/itest/internal/engines"
)

func main() { itest.Main(engines.All()...) }
