package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/go-cachify/cachify/fence"
)

func Example() {
	if err := run(context.Background(), os.Stdout); err != nil {
		panic(err)
	}
	// Output:
	// first:  has the lock, and stops
	// second: has the lock, with a larger fence: true
	// second: 150: <nil>
	// second: 160: <nil>
	// first:  goes on, and is refused: true
	// the balance is 160
}

func TestNoFence(t *testing.T) {
	if err := setBalance(t.Context(), nil, 0, 1); err == nil || !strings.Contains(err.Error(), fence.ErrNoFence.Error()) {
		t.Errorf("%v, want ErrNoFence", err)
	}
}
