package faultstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/memstore"
)

// The reply to the first Acquire is lost: the caller cannot know, but the store has
// granted the lease, and gives it again to the same holder.
func Example() {
	inner, err := memstore.New(nil)
	if err != nil {
		panic(err)
	}
	store := faultstore.New(inner, faultstore.Only(faultstore.Acquire,
		faultstore.Nth(1, faultstore.Fault{Kind: faultstore.LoseReply})))
	defer store.Close()

	ctx := context.Background()
	req := driver.AcquireRequest{Name: "report", Holder: "me/1", Limit: 1, Slots: 1, TTL: time.Minute}

	_, err = store.Acquire(ctx, req)
	fmt.Println(err)
	fmt.Println("injected:", errors.Is(err, faultstore.ErrInjected))

	g, err := store.Acquire(ctx, req)
	fmt.Println(g.Holder, err)
	fmt.Println(store.Counts())
	// Output:
	// injected fault: lose reply, call 1 of Acquire
	// injected: true
	// me/1 <nil>
	// calls: Acquire 2; faults: lose reply 1; delayed 0
}

// Whatever a script knows about a call can decide.
func ExampleScript() {
	inner, err := memstore.New(nil)
	if err != nil {
		panic(err)
	}
	full := errors.New("disk full")
	store := faultstore.New(inner, func(c faultstore.Call) faultstore.Fault {
		if c.Op == faultstore.Save && c.N > 1 && c.Name != "small" {
			return faultstore.Fault{Kind: faultstore.Fail, Err: full}
		}
		return faultstore.Fault{}
	})
	defer store.Close()

	for _, key := range []string{"large", "large", "small"} {
		_, err := store.Save(context.Background(), key, nil, driver.Write{TTL: time.Minute})
		fmt.Println(key, err)
	}
	// Output:
	// large <nil>
	// large disk full
	// small <nil>
}

// The nth call of an operation has the same fate in each run with the same seed.
func ExampleRandom() {
	script := faultstore.Random(42, faultstore.Rates{Fail: 0.2, LoseReply: 0.2})
	again := faultstore.Random(42, faultstore.Rates{Fail: 0.2, LoseReply: 0.2})
	same := true
	for n := 1; n <= 1000; n++ {
		c := faultstore.Call{Op: faultstore.Release, N: n}
		same = same && script(c) == again(c)
	}
	fmt.Println(same)
	// Output: true
}

func ExampleFirst() {
	fail := faultstore.Fault{Kind: faultstore.Fail}
	script := faultstore.First(
		faultstore.Only(faultstore.Release, faultstore.Every(2, fail)),
		faultstore.Named("slow", faultstore.Always(faultstore.Fault{Before: time.Second})),
	)
	fmt.Println(script(faultstore.Call{Op: faultstore.Release, Name: "slow", N: 2}).Kind)
	fmt.Println(script(faultstore.Call{Op: faultstore.Release, Name: "slow", N: 3}).Before)
	fmt.Println(script(faultstore.Call{Op: faultstore.Acquire, Name: "fast", N: 2}) == faultstore.Fault{})
	// Output:
	// fail
	// 1s
	// true
}

// The first release fails, the second takes a second, and the rest are sound.
func ExampleSequence() {
	script := faultstore.Only(faultstore.Release, faultstore.Sequence(
		faultstore.Fault{Kind: faultstore.Fail},
		faultstore.Fault{Before: time.Second},
	))
	for n := 1; n <= 3; n++ {
		fault := script(faultstore.Call{Op: faultstore.Release, N: n})
		fmt.Println(fault.Kind, fault.Before)
	}
	// Output:
	// fail 0s
	// none 1s
	// none 0s
}
