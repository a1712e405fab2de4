package cachify_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"regexp"
	"strings"
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
		"token": readmeToken, "lease": readmeLease, "reentrant": readmeReentrant, "slots": readmeSlots,
		"not found": readmeNotFound, "key func": readmeKeyFunc,
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
	readmeErrors(&cachify.LockedError{Key: "invoice-42", Holder: "host:1:abc/1", Waited: 4 * time.Second})
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
		log.Print(locked) // invoice-42 is already locked! (waited 4s)
		if locked.Holder != "" {
			log.Print("It is held by ", locked.Holder)
		}
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

func withdraw(ctx context.Context) error { return ctx.Err() }

func readmeReentrant(ctx context.Context, c *cachify.Cachify) error {
	account := c.Lock("account-7", cachify.Reentrant())
	err := account.Do(ctx, func(ctx context.Context) error {
		return account.Do(ctx, withdraw) // shares the outer lease: this ctx comes from it
	})
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

func readmeSlots(ctx context.Context, c *cachify.Cachify) error {
	thumbnail := c.Pool("render", 8)
	film := c.Pool("render", 8, cachify.Slots(5))
	return film.Do(ctx, func(ctx context.Context) error { return thumbnail.Do(ctx, callAPI) })
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

// logins are users, and how long the server says that their tokens are good for.
var logins = map[string]time.Duration{"ann": time.Minute, "ben": 0, "cleo": -time.Second}

func login(_ context.Context, user string) (string, time.Duration, error) {
	return "secret", logins[user], nil
}

func readmeToken(ctx context.Context, c *cachify.Cachify) error {
	fetchToken := func(ctx context.Context, user string) (string, error) {
		token, validFor, err := login(ctx, user)
		switch {
		case err != nil:
			return "", err // errors are not remembered
		case validFor < time.Millisecond: // SetTTL would refuse it
			cachify.NoStore(ctx) // good for those who asked now, and not remembered
			return token, nil
		}
		return token, cachify.SetTTL(ctx, validFor) // nor what lasts longer than it is good for
	}
	token, err := cachify.Cached(c, "token-{}", fetchToken)
	if err != nil {
		return err
	}
	for user, remembered := range logins {
		_, err := token.Call(ctx, user)
		_, found, _ := token.Peek(ctx, user)
		if err != nil || found != (remembered > 0) {
			return fmt.Errorf("%s: remembered %v, error %w", user, found, err)
		}
	}
	return nil
}

func findUser(context.Context, int) (string, error) { return "", cachify.ErrNotFound }

func readmeNotFound(ctx context.Context, c *cachify.Cachify) error {
	user, err := cachify.Cached(c, "user-{id}", findUser, // findUser's error is or wraps cachify.ErrNotFound
		cachify.NotFoundTTL(10*time.Second),
		cachify.LoadLock()) // one run over all processes, not one in each
	if err != nil {
		return err
	}
	entry, remembered, err := user.Peek(ctx, 42)
	if remembered && entry.NotFound {
		log.Printf("%v ago there was no such user; it is asked again in %v", entry.Age, entry.TTL)
	}
	return err
}

func sumOf(_ context.Context, ids []int) (int, error) { return len(ids), nil }

func readmeKeyFunc(ctx context.Context, c *cachify.Cachify) error {
	idsKey := func(ids []int) string { return fmt.Sprint(ids) } // different strings for different arguments
	total, err := cachify.Cached(c, "total-{ids}", sumOf, cachify.KeyFunc(idsKey))
	if err != nil {
		return err
	}
	_, err = total.Call(ctx, []int{1, 2})
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

// TestReadmeOptions compares the tables of options, in README.md and doc.go, with
// what the options can be used for.
func TestReadmeOptions(t *testing.T) {
	options := map[string]any{
		"Wait": cachify.Wait(time.Second), "Expiry": cachify.Expiry(time.Second),
		"SlotExpiry": cachify.SlotExpiry(time.Second), "KeepAlive": cachify.KeepAlive(),
		"MinHold": cachify.MinHold(time.Second), "Reentrant": cachify.Reentrant(),
		"Slots": cachify.Slots(1), "ErrorOnLocked": cachify.ErrorOnLocked(),
		"ReturnOnLocked": cachify.ReturnOnLocked(0), "OnFull": cachify.OnFull(queueForLater),
		"ErrorOnFull": cachify.ErrorOnFull(), "KeyFunc": cachify.KeyFunc(strings.ToLower),
		"TTL": cachify.TTL(time.Second), "NotFoundTTL": cachify.NotFoundTTL(time.Second),
		"WithCodec": cachify.WithCodec(cachify.JSON()), "Clone": cachify.Clone(strings.Clone),
		"LoadLock": cachify.LoadLock(),
	}
	inReadme, inDoc := map[string]string{}, map[string]string{}
	for line := range strings.Lines(read(t, "README.md")) {
		if cells := strings.Split(line, "|"); len(cells) == 10 {
			row := ""
			for _, cell := range cells[2:9] {
				row += mark(strings.TrimSpace(cell) == "x")
			}
			inReadme[strings.Trim(cells[1], " `")] = row
		}
	}
	for line := range strings.Lines(read(t, "doc.go")) {
		if cells := strings.Fields(line); len(cells) == 9 && strings.Trim(strings.Join(cells[2:], ""), "x-") == "" {
			inDoc[cells[1]] = strings.Join(cells[2:], "")
		}
	}
	for name, o := range options {
		_, lock := o.(cachify.LockOption)
		_, locked := o.(cachify.LockedOption)
		_, once := o.(cachify.OnceOption)
		_, onceFunc := o.(cachify.OnceFuncOption)
		_, pool := o.(cachify.PoolOption)
		_, pooled := o.(cachify.PooledOption)
		_, cache := o.(cachify.CacheOption)
		want := ""
		for _, is := range []bool{lock, locked, once, onceFunc, pool, pooled, cache} {
			want += mark(is)
		}
		if inReadme[name] != want {
			t.Errorf("%s is %q in README.md, want %q", name, inReadme[name], want)
		}
		if inDoc[name] != want {
			t.Errorf("%s is %q in doc.go, want %q", name, inDoc[name], want)
		}
	}
	for _, path := range []string{"options.go", "cached_options.go", "once.go", "pool.go"} {
		for _, m := range optionFunc.FindAllStringSubmatch(read(t, path), -1) {
			if options[m[1]] == nil {
				t.Errorf("%s of %s is in no table", m[1], path)
			}
		}
	}
}

// optionFunc is a function that returns an option.
var optionFunc = regexp.MustCompile(`(?m)^func ([A-Z]\w*)(?:\[.*?\])?\(.*\) \w+Option \{`)

func mark(is bool) string {
	if is {
		return "x"
	}
	return "-"
}
