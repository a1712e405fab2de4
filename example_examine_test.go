package cachify_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/memstore"
)

// leaky is a store whose engine is not set up well, and that can tell.
type leaky struct{ *memstore.Store }

func (leaky) Examine(context.Context) ([]cachify.Finding, error) {
	return []cachify.Finding{
		{
			Severity: cachify.SeverityInfo, Code: "old-version",
			Problem: "the server is not the newest", Advice: "plan an upgrade",
		},
		{
			Severity: cachify.SeverityDanger, Code: "eviction", Node: "10.0.0.7:6379",
			Problem: "the server drops locks when its memory is full", Advice: "set maxmemory-policy to noeviction",
		},
	}, nil
}

// A program that looks at its store when it starts.
func ExampleCachify_Examine() {
	ctx := context.Background()
	store := leaky{cachify.Must(memstore.New(nil))}
	defer store.Close()
	c := cachify.Must(cachify.New(store, nil))

	found, err := c.Examine(ctx)
	if err != nil && !errors.Is(err, cachify.ErrUnsupported) {
		fmt.Println(err)
		return
	}
	for _, f := range found {
		if f.Severity >= cachify.SeverityWarning {
			fmt.Println(f)
		}
	}
	// Output:
	// danger: eviction on 10.0.0.7:6379: the server drops locks when its memory is full; set maxmemory-policy to noeviction
}
