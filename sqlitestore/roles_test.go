package sqlitestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
)

var roles = map[string]role{
	"pairs":   with(pairs),
	"count":   with(count),
	"stand":   with(stand),
	"hold":    with(hold),
	"wake":    with(wakes),
	"guard":   with(guard),
	"churn":   with(churn),
	"limited": with(limited),
	"nobody":  nobody,
}

// count adds 1 to the number in a file, args[1] times, with nothing but a lock
// between it and others.
func count(ctx context.Context, store *sqlitestore.Store, args []string) error {
	c, err := instance(store)
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for range rounds {
		err := c.Lock("counter", cachify.Wait(cachify.Forever)).Do(ctx, func(context.Context) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(string(text))
			if err != nil {
				return err
			}
			return os.WriteFile(args[0], []byte(strconv.Itoa(n+1)), 0o600)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(c.Close(ctx), store.Close())
}

// stand waits for a lock once, and says its number when it has it.
func stand(ctx context.Context, store *sqlitestore.Store, args []string) error {
	c, err := instance(store)
	if err != nil {
		return err
	}
	err = c.Lock("line", cachify.Wait(cachify.Forever)).Do(ctx, func(context.Context) error {
		f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, args[1])
		return errors.Join(err, f.Close())
	})
	return errors.Join(err, c.Close(ctx), store.Close())
}

// hold takes a name, or waits for it, and does nothing more.
func hold(ctx context.Context, store *sqlitestore.Store, args []string) error {
	ttl, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	req := request(driver.NewClient(), args[0])
	req.TTL = ttl
	stop, err := store.Listen(ctx, req.Name, driver.ClientOf(req.Holder), func(driver.Wake) {})
	if err != nil {
		return err
	}
	defer stop()
	if _, err := store.Enqueue(ctx, req, time.Minute); err != nil && !errors.Is(err, driver.ErrHeld) {
		return err
	}
	fmt.Println("ready")
	select {}
}

// wakes waits for a lock args[0] times, and says when it had it.
func wakes(ctx context.Context, store *sqlitestore.Store, args []string) error {
	c, err := instance(store)
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for range rounds {
		l, err := c.Lock("wake", cachify.Wait(cachify.Forever)).Acquire(ctx)
		if err != nil {
			return err
		}
		fmt.Println(monotonic())
		if err := l.Release(ctx); err != nil {
			return err
		}
	}
	return errors.Join(c.Close(ctx), store.Close())
}

// monotonic is a clock that processes have in common.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

// guard takes a lock again and again. While it has it, it has args[0] locked for
// itself in another way, which is refused if somebody else is in there, and says its
// fence.
func guard(ctx context.Context, store *sqlitestore.Store, args []string) error {
	c, err := instance(store)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for {
		l, err := c.Lock("guarded", cachify.Wait(cachify.Forever), cachify.Expiry(2*time.Second)).Acquire(ctx)
		if err != nil {
			return err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			fmt.Println("overlap", l.Fence())
		}
		fmt.Println("fence", l.Fence())
		if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {
			return err
		}
		if err := l.Release(ctx); err != nil {
			return err
		}
	}
}

// churn does all there is to do, until it is killed, and says the fences it got.
func churn(ctx context.Context, store *sqlitestore.Store, args []string) error {
	me := driver.NewClient()
	out := bufio.NewWriter(os.Stdout)
	value := make([]byte, 3000)
	for i := 0; ; i++ {
		name := "name-" + strconv.Itoa(rand.IntN(20))
		req := request(me, name)
		req.TTL = time.Duration(1+rand.IntN(20)) * time.Millisecond
		g, err := store.Enqueue(ctx, req, 5*time.Millisecond)
		switch {
		case err == nil:
			_, _ = fmt.Fprintln(out, g.Fence)
			if rand.IntN(2) == 0 {
				_, err = store.Extend(ctx, g, time.Duration(1+rand.IntN(20))*time.Millisecond)
			} else {
				err = store.Release(ctx, g)
			}
		case rand.IntN(2) == 0:
			_, err = store.Look(ctx, name, me.ID(), 5*time.Millisecond)
		default:
			err = store.Leave(ctx, name, req.Holder)
		}
		key := "key-" + strconv.Itoa(rand.IntN(100))
		if _, saveErr := store.Save(ctx, key, value[:rand.IntN(len(value))], driver.Write{TTL: 50 * time.Millisecond}); saveErr != nil {
			return saveErr
		}
		if err != nil && !errors.Is(err, driver.ErrHeld) && !errors.Is(err, driver.ErrLost) {
			return err
		}
		if i%10 == 0 {
			if err := store.Delete(ctx, key, 0); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// limited fills the file up to a limit of the system's, and goes on without it.
func limited(ctx context.Context, store *sqlitestore.Store, _ []string) error {
	signal.Ignore(unix.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	tight := limit
	tight.Cur = 1 << 20
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &tight); err != nil {
		return err
	}
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		_, err = store.Save(ctx, "key-"+strconv.Itoa(i), make([]byte, 10_000), driver.Write{TTL: time.Hour})
	}
	if !errors.Is(err, sqlitestore.ErrFull) {
		return fmt.Errorf("got error %w, want ErrFull", err)
	}
	if _, err := store.Load(ctx, "key-0"); err != nil {
		return fmt.Errorf("what is there cannot be read: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if _, err := store.Save(ctx, "key", nil, driver.Write{TTL: time.Hour}); err != nil {
		return fmt.Errorf("there is room again, but: %w", err)
	}
	return store.Close()
}

// nobody opens the file as one who has no rights, and says what comes of it.
func nobody(ctx context.Context, path string, _ []string) error {
	if os.Geteuid() == 0 {
		const id = 65534
		if err := errors.Join(unix.Setgroups(nil), syscall.Setgid(id), syscall.Setuid(id)); err != nil {
			return err
		}
	}
	store, err := sqlitestore.New(ctx, sqlitestore.Options{Path: path})
	switch {
	case err == nil:
		fmt.Println("it opens")
		return store.Close()
	case errors.Is(err, sqlitestore.ErrReadOnly) && errors.Is(err, fs.ErrPermission):
		fmt.Println("read-only")
	default:
		fmt.Println(err)
	}
	return nil
}
