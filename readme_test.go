package cachify_test

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/kvstore"
)

// The functions here are the snippets of README.md, so that they compile and run.
// TestSnippets finds out whether they are the same.
func TestReadme(t *testing.T) {
	ctx := t.Context()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	for name, snippet := range map[string]func(context.Context, *cachify.Cachify) error{
		"lock": readmeLock, "locked": readmeLocked, "once": readmeOnce, "once func": readmeOnceFunc,
		"pool": readmePool, "pooled": readmePooled, "fetch": readmeFetch, "cached": readmeCached,
		"token": readmeToken, "lease": readmeLease,
	} {
		if err := snippet(ctx, c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, snippet := range map[string]func(context.Context) error{
		"new": readmeNew, "events": readmeEvents, "own store": readmeOwnStore,
	} {
		if err := snippet(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	readmeErrors(errors.New("another"))
}

func readmeNew(ctx context.Context) error {
	c, err := cachify.New(nil, &cachify.Config{Prefix: "APP-"}) // nil: a new in-memory store
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	return c.Ping(ctx)
}

func sendInvoice(ctx context.Context, _ int) error { return ctx.Err() }

func readmeLock(ctx context.Context, c *cachify.Cachify) error {
	lock := c.Lock("invoice-42", cachify.Wait(4*time.Second), cachify.Expiry(30*time.Second))
	err := lock.Do(ctx, func(ctx context.Context) error {
		return sendInvoice(ctx, 42) // ctx ends with the lock
	})
	return err
}

func readmeErrors(err error) {
	var locked *cachify.LockedError
	switch {
	case errors.As(err, &locked): // also errors.Is(err, cachify.ErrLocked)
		log.Printf("%v It is held by %s.", locked, locked.Holder)
	case errors.Is(err, cachify.ErrLost), errors.Is(err, cachify.ErrExpired):
		log.Print("we held it, but not to the end")
	}
}

func chargeCard(context.Context, int) (string, error) { return "charged", nil }

func readmeLocked(ctx context.Context, c *cachify.Cachify) error {
	charge, err := cachify.Locked(c, "charge-{id}", chargeCard, cachify.Wait(2*time.Second))
	if err != nil {
		return err // a bad template or option
	}
	receipt, err := charge.Call(ctx, 42) // under the lock "charge-42"
	_ = receipt
	return err
}

func sendReport(context.Context) error { return nil }

func readmeOnce(ctx context.Context, c *cachify.Cachify) error {
	ran, err := c.Once("daily-report", cachify.KeepAlive()).Do(ctx, sendReport)
	if !ran && err == nil {
		log.Print("it runs elsewhere")
	}
	return err
}

func syncWithShop(context.Context, int) (string, error) { return "synced", nil }

func readmeOnceFunc(ctx context.Context, c *cachify.Cachify) error {
	syncOrder, err := cachify.Once(c, "sync-{order}", syncWithShop, cachify.ReturnOnLocked("already on its way"))
	if err != nil {
		return err
	}
	result, err := syncOrder.Call(ctx, 7) // syncOrder.Try also tells whether it ran
	_ = result
	return err
}

func callAPI(context.Context) error { return nil }

func readmePool(ctx context.Context, c *cachify.Cachify) error {
	err := c.Pool("payment-api", 5, cachify.Wait(time.Second)).Do(ctx, callAPI)
	if errors.Is(err, cachify.ErrPoolFull) {
		log.Print("all five slots were taken for a whole second")
	}
	return err
}

func callFor(context.Context, string) (int, error)       { return 200, nil }
func queueForLater(context.Context, string) (int, error) { return 202, nil }

func readmePooled(ctx context.Context, c *cachify.Cachify) error {
	call, err := cachify.Pooled(c, "api-{user}", 5, callFor, cachify.OnFull(queueForLater))
	if err != nil {
		return err
	}
	status, err := call.Call(ctx, "ann") // or what queueForLater returns
	_ = status
	return err
}

func loadFlags(context.Context) ([]string, error) { return []string{"dark-mode"}, nil }

func readmeFetch(ctx context.Context, c *cachify.Cachify) error {
	flags, err := cachify.Fetch(ctx, c, "flags", loadFlags, cachify.TTL(time.Minute))
	_ = flags
	return err
}

func fetchPrice(context.Context, string) (int, error) { return 1999, nil }

func readmeCached(ctx context.Context, c *cachify.Cachify) error {
	price, err := cachify.Cached(c, "price-{article}", fetchPrice, cachify.TTL(5*time.Minute))
	if err != nil {
		return err
	}
	cents, err := price.Call(ctx, "shoe") // runs fetchPrice, or remembers
	_ = cents
	return err
}

func login(context.Context, string) (string, time.Duration, error) { return "secret", time.Minute, nil }

func readmeToken(ctx context.Context, c *cachify.Cachify) error {
	fetchToken := func(ctx context.Context, user string) (string, error) {
		token, validFor, err := login(ctx, user)
		if err != nil {
			return "", err // errors are not remembered
		}
		return token, cachify.SetTTL(ctx, validFor) // nor what lasts longer than it is good for
	}
	token, err := cachify.Cached(c, "token-{}", fetchToken)
	if err != nil {
		return err
	}
	_, err = token.Call(ctx, "ann")
	return err
}

func audit(ctx context.Context) error { return ctx.Err() }

func readmeLease(ctx context.Context, c *cachify.Cachify) error {
	var book ledger
	lease, err := c.Lock("ledger", cachify.Expiry(10*time.Second), cachify.KeepAlive()).Acquire(ctx)
	if err != nil {
		return err
	}
	defer lease.Release(ctx)
	if err := audit(lease.Context()); err != nil { // what takes long runs under the lease
		return err
	}
	return book.Append(lease.Fence(), "paid")
}

func readmeEvents(ctx context.Context) error {
	var skipped atomic.Int64
	c, err := cachify.New(nil, &cachify.Config{
		Events: cachify.Tee(
			cachify.LogEvents(slog.Default()), // "KEY is already locked!" at debug, losses at warn
			&cachify.Events{Skipped: func(e cachify.WaitEvent) { skipped.Add(1) }},
		),
	})
	if err != nil {
		return err
	}
	return c.Close(ctx)
}

func readmeOwnStore(ctx context.Context) error {
	client := &table{}
	store, err := kvstore.New(client, nil)
	if err != nil {
		return err
	}
	c, err := cachify.New(store, nil)
	if err != nil {
		return err
	}
	return c.Close(ctx)
}
