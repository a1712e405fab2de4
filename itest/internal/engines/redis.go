package engines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/internal/redisserver"
	"github.com/go-cachify/cachify/itest"
	"github.com/go-cachify/cachify/redisstore"
)

// Redis is a server that keeps all it has acknowledged on the disk, a replica of it, and
// a network between them and the clients.
func Redis() itest.Engine {
	return itest.Engine{Name: "redis", Start: startRedis, Open: openRedis}
}

// redis is both servers. What happens to them is one thing at a time.
type redis struct {
	network         *itest.Network
	busy            chan struct{} // has one element while something is broken
	master, replica *redisserver.Server
}

func startRedis(ctx context.Context, dir string) (_ *itest.Instance, err error) {
	r := &redis{busy: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.master, err = newServer(ctx, filepath.Join(dir, "a")); err != nil {
		return nil, err
	}
	if r.replica, err = newServer(ctx, filepath.Join(dir, "b")); err != nil {
		return nil, err
	}
	if err := errors.Join(r.master.Start(ctx), r.replica.Start(ctx), r.follow(ctx)); err != nil {
		return nil, err
	}
	if r.network, err = itest.NewNetwork(r.master.Socket, "EVALSHA"); err != nil {
		return nil, err
	}
	return &itest.Instance{
		URL: "redis://" + r.network.Addr(), Close: r.close,
		Faults: append(r.network.Faults(),
			itest.Fault{Kind: "engine-kill", Break: r.alone(r.kill), Mend: r.andDone(r.startAgain)},
			itest.Fault{Kind: "engine-wipe", Loses: true, Break: r.alone(r.kill), Mend: r.andDone(r.startEmpty), Longest: time.Second},
			itest.Fault{Kind: "engine-stop", Break: r.alone(r.stop), Mend: r.andDone(r.goOn), Longest: 3 * time.Second},
			itest.Fault{Kind: "fail-over", Loses: true, Break: r.alone(r.failOver), Mend: r.andDone(r.newReplica), Longest: time.Second},
		),
	}, nil
}

func newServer(ctx context.Context, dir string) (*redisserver.Server, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return redisserver.New(ctx, dir, "--appendonly", "yes", "--appendfsync", "always",
		"--repl-diskless-sync-delay", "0", "--repl-timeout", "5", "--enable-debug-command", "local")
}

// alone has break wait until nothing else of the servers is broken, and andDone lets the
// next one go.
func (r *redis) alone(do func(context.Context) error) func(context.Context, *rand.Rand) error {
	return func(ctx context.Context, _ *rand.Rand) error {
		r.busy <- struct{}{}
		return do(ctx)
	}
}

func (r *redis) andDone(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		defer func() { <-r.busy }()
		return do(ctx)
	}
}

func (r *redis) kill(context.Context) error {
	r.master.Kill()
	return nil
}

// startAgain starts the server with its data, and returns when it has read them.
func (r *redis) startAgain(ctx context.Context) error {
	if err := r.master.Start(ctx); err != nil {
		return err
	}
	return await(ctx, r.master, func(c rueidis.Client) error { return c.Do(ctx, c.B().Ping().Build()).Error() })
}

// startEmpty starts the server without its data.
func (r *redis) startEmpty(ctx context.Context) error {
	if err := wipe(r.master); err != nil {
		return err
	}
	return r.startAgain(ctx)
}

func wipe(s *redisserver.Server) error {
	return errors.Join(os.RemoveAll(filepath.Join(s.Dir, "appendonlydir")), remove(filepath.Join(s.Dir, "dump.rdb")))
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (r *redis) stop(context.Context) error { return r.master.Proc.Process.Signal(syscall.SIGSTOP) }

func (r *redis) goOn(context.Context) error { return r.master.Proc.Process.Signal(syscall.SIGCONT) }

// failOver makes the replica the master, with what has reached it, and kills the old one.
func (r *redis) failOver(ctx context.Context) error {
	r.master.Kill()
	if err := do(ctx, r.replica, "REPLICAOF", "NO", "ONE"); err != nil {
		return err
	}
	r.master, r.replica = r.replica, r.master
	r.network.Redirect(r.master.Socket)
	return nil
}

// newReplica starts the old master as a replica of the new one.
func (r *redis) newReplica(ctx context.Context) error {
	if err := wipe(r.replica); err != nil {
		return err
	}
	if err := r.replica.Start(ctx); err != nil {
		return err
	}
	return r.follow(ctx)
}

// follow makes the replica one, and returns when it has all that the master has.
func (r *redis) follow(ctx context.Context) error {
	if err := do(ctx, r.replica, "REPLICAOF", "127.0.0.1", strconv.Itoa(r.master.Port)); err != nil {
		return err
	}
	return await(ctx, r.replica, func(c rueidis.Client) error {
		role, err := c.Do(ctx, c.B().Role().Build()).ToArray()
		if err != nil {
			return err
		}
		if state, err := role[3].ToString(); err != nil || state != "connected" {
			return fmt.Errorf("the replica is %q: %w", state, err)
		}
		return nil
	})
}

// do runs a command on a server.
func do(ctx context.Context, s *redisserver.Server, args ...string) error {
	return with(s, func(c rueidis.Client) error {
		return c.Do(ctx, c.B().Arbitrary(args[0]).Args(args[1:]...).Build()).Error()
	})
}

// await asks until the answer is no error.
func await(ctx context.Context, s *redisserver.Server, ask func(rueidis.Client) error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := with(s, ask)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func with(s *redisserver.Server, use func(rueidis.Client) error) error {
	opt, err := rueidis.ParseURL(s.URL())
	if err != nil {
		return err
	}
	opt.DisableCache, opt.ForceSingleClient = true, true
	c, err := rueidis.NewClient(opt)
	if err != nil {
		return err
	}
	defer c.Close()
	return use(c)
}

func (r *redis) close() error {
	for _, s := range []*redisserver.Server{r.master, r.replica} {
		if s != nil {
			s.Kill()
		}
	}
	if r.network == nil {
		return nil
	}
	return r.network.Close()
}

func openRedis(ctx context.Context, url string) (driver.Store, error) {
	return redisstore.New(ctx, redisstore.Options{URL: url})
}
