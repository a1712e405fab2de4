package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
)

// Options say how to reach a server.
type Options struct {
	// URL is the server's address, with everything that is needed to get in:
	//
	//	redis://user:password@host:6379/0
	//	rediss://user:password@host:6379/0    with TLS
	//	unix:///path/to/redis.sock?db=0
	//
	// Characters of a password that mean something in a URL are percent-encoded. A
	// server that is part of a cluster is asked for the others. Errors never show
	// the URL. Not empty.
	URL string
}

// clientOption turns the options into those of the client.
func (o *Options) clientOption() (rueidis.ClientOption, error) {
	if o.URL == "" {
		return rueidis.ClientOption{}, fmt.Errorf("redisstore: %w: Options.URL is empty: it must be like redis://host:6379", driver.ErrInvalid)
	}
	// The messages of the parsers quote parts of the URL, and a part may be a
	// password.
	u, err := url.Parse(o.URL)
	if err != nil {
		return rueidis.ClientOption{}, fmt.Errorf("redisstore: %w: Options.URL cannot be read: it must be like redis://user:password@host:6379/0, with the password percent-encoded", driver.ErrInvalid)
	}
	switch u.Scheme {
	case "redis", "rediss", "unix":
	default:
		return rueidis.ClientOption{}, fmt.Errorf("redisstore: %w: Options.URL has an unknown scheme: it must be redis, rediss or unix", driver.ErrInvalid)
	}
	opt, err := rueidis.ParseURL(o.URL)
	if err != nil {
		return rueidis.ClientOption{}, fmt.Errorf("redisstore: %w: Options.URL has a path or parameter that cannot be read: it must be like redis://host:6379/0?dial_timeout=2s", driver.ErrInvalid)
	}
	opt.DisableRetry = true // who uses a store decides about that
	opt.DisableCache = true
	return opt, nil
}

// New connects to a server and returns a store on it. The store owns its
// connections, and [Store.Close] ends them.
//
// ctx bounds the connecting. The error wraps [driver.ErrInvalid] if the options
// are wrong; otherwise the server cannot be reached, or is too old.
func New(ctx context.Context, opts Options) (*Store, error) {
	opt, err := opts.clientOption()
	if err != nil {
		return nil, err
	}
	client, err := connect(ctx, opt)
	if err != nil {
		return nil, err
	}
	s, err := NewFromClient(ctx, client)
	if err != nil {
		client.Close()
		return nil, err
	}
	s.owned = true
	return s, nil
}

// connect makes a client, which knows no ctx when it connects.
func connect(ctx context.Context, opt rueidis.ClientOption) (rueidis.Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		client rueidis.Client
		err    error
	}
	made := make(chan result, 1)
	go func() {
		c, err := rueidis.NewClient(opt)
		made <- result{c, err}
	}()
	select {
	case r := <-made:
		if r.err != nil {
			return nil, fmt.Errorf("redisstore: connecting: %w", r.err)
		}
		return r.client, nil
	case <-ctx.Done():
		go func() {
			if r := <-made; r.err == nil {
				r.client.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// NewFromClient returns a store that works through a client the caller has. The
// store never closes it; [Store.Close] ends only the one connection that the store
// took from it to listen. The client has to stay open as long as the store.
//
// Reads must go to masters: no ReplicaOnly or SendToReplicas. The error says that
// the server does not answer, or is too old.
func NewFromClient(ctx context.Context, client rueidis.Client) (*Store, error) {
	if client == nil {
		return nil, fmt.Errorf("redisstore: %w: the client is nil", driver.ErrInvalid)
	}
	if err := checkServer(ctx, client); err != nil {
		return nil, err
	}
	slotTags() // made here rather than during the first request
	s := &Store{client: client}
	s.pushes = newPushes(client)
	return s, nil
}

// The least version of the server: SET with GET, EXAT and the like.
const (
	leastMajor = 6
	leastMinor = 2
)

// checkServer refuses a server that is too old. HELLO is allowed to everybody who
// has logged in; servers before 6.0 do not know it.
func checkServer(ctx context.Context, client rueidis.Client) error {
	hello, err := client.Do(undated{ctx}, client.B().Arbitrary("HELLO").Build()).AsMap()
	if err != nil {
		if _, isReply := rueidis.IsRedisErr(err); !isReply || !isUnknownCommand(err) {
			return fmt.Errorf("redisstore: asking the server for its version: %w", cause(ctx, err))
		}
		return tooOld("before 6.0")
	}
	reply := hello["version"]
	version, err := reply.ToString()
	if err != nil {
		return errors.New("redisstore: the server does not tell its version")
	}
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, errX := strconv.Atoi(major)
	y, errY := strconv.Atoi(minor)
	if errX != nil || errY != nil {
		return fmt.Errorf("redisstore: the server's version %q is none that this package understands", version)
	}
	if x < leastMajor || x == leastMajor && y < leastMinor {
		return tooOld(version)
	}
	return nil
}

// isUnknownCommand reads the reply's text: Redis has no code for it.
func isUnknownCommand(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "unknown command")
}

func tooOld(version string) error {
	return fmt.Errorf("redisstore: the server's version is %s: it must be %d.%d or later", version, leastMajor, leastMinor)
}
