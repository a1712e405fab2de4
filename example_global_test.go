package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
)

type UserKey struct {
	Region string `cachify:"region"`
	ID     int    `cachify:"id"`
}

// Made once, at package level. nil stands for the global instance, which is looked
// up at each call.
var getUser = cachify.Must(cachify.Cached(nil, "user-{region}-{id}", fetchUser, cachify.TTL(5*time.Minute)))

func fetchUser(ctx context.Context, k UserKey) (string, error) {
	return fmt.Sprintf("user %d of %s", k.ID, k.Region), nil
}

func ExampleInit() {
	cachify.StartOver() // only in this test: as in a program that has just begun
	ctx := context.Background()

	_, err := getUser.Call(ctx, UserKey{"eu", 42})
	fmt.Println(errors.Is(err, cachify.ErrNotInitialized))

	c, err := cachify.Init(nil, &cachify.Config{Prefix: "APP-"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(ctx)
	user, err := getUser.Call(ctx, UserKey{"eu", 42})
	fmt.Println(user, err)
	// Output:
	// true
	// user 42 of eu <nil>
}
