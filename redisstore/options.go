package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/internal/core"
)

// Options say how to reach a server, a cluster, or the sentinels of a server.
type Options struct {
	// URL is the address, with everything that is needed to get in:
	//
	//	redis://user:password@host:6379/0                             one server
	//	redis://user:password@host1:6379,host2:6379,host3:6379        a cluster
	//	redis+cluster://user:password@host:6379                       a cluster
	//	redis+sentinel://user:password@host1:26379,host2/mymaster/0   the master that sentinels know as mymaster
	//	unix:///path/to/redis.sock?db=0                               one server, by its socket
	//
	// With rediss instead of redis (rediss, rediss+cluster, rediss+sentinel) all
	// connections, those to sentinels as well, use TLS.
	//
	// The port defaults to 6379, and to 26379 for sentinels, each host's on its own.
	// Characters of a password that mean something in a URL are percent-encoded; a
	// password alone is :password@. Of a cluster or of the sentinels any few hosts do: the
	// others are asked for. One server that is part of a cluster leads to it as well;
	// with redis+cluster, or with several hosts, it is an error if there is none.
	//
	// Parameters, after a question mark:
	//
	//	db                 the database, if the path does not tell it
	//	dial_timeout       how long connecting may take; 5s
	//	write_timeout      how long a connection may be silent before it counts as broken; 4s
	//	client_name        what CLIENT LIST calls the connections
	//	protocol           2 or 3; 3, where the server knows it
	//	sentinel_username  what the sentinels want; user and password are the server's
	//	sentinel_password
	//	tls_ca             file of the authorities to trust, in PEM; those of the system
	//	tls_cert, tls_key  files of the client's certificate and its key, in PEM
	//	tls_server_name    the name in the servers' certificates; the host that is called
	//	skip_verify        true: trust any certificate
	//
	// Not empty. What cannot be understood is an error, parameters that are unknown
	// or of no use included. Errors never show the URL, only the names of files in it.
	URL string

	// NearCache, if not nil, keeps copies of records in this process. The server has to
	// speak RESP3, and to allow CLIENT TRACKING; otherwise New returns an error.
	// Defaults to none.
	NearCache *NearCache

	// TLS is the configuration for the rediss schemes, in place of the URL's
	// parameters for TLS. It is not changed. nil: what those say.
	TLS *tls.Config
}

// New connects to a server and returns a store on it. The store owns its
// connections, and [Store.Close] ends them.
//
// ctx bounds the connecting. The error wraps [driver.ErrInvalid] if the options
// are wrong; otherwise the server cannot be reached, is a replica or a
// sentinel, or is too old.
func New(ctx context.Context, opts Options) (*Store, error) {
	addr, err := parseURL(opts.URL)
	if err != nil {
		return nil, err
	}
	opt, err := addr.clientOption(opts.TLS)
	if err != nil {
		return nil, err
	}
	var copies *near
	if opts.NearCache != nil {
		if copies, err = opts.NearCache.use(&opt); err != nil {
			return nil, err
		}
	}
	client, err := connect(ctx, opt)
	if err != nil {
		copies.stop()
		return nil, err
	}
	if addr.kind == cluster && client.Mode() != rueidis.ClientModeCluster {
		client.Close()
		copies.stop()
		return nil, errors.New("redisstore: the server is not part of a cluster")
	}
	s, err := NewFromClient(ctx, client)
	if err != nil {
		client.Close()
		copies.stop()
		return nil, err
	}
	s.owned, s.near = true, copies
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
// Reads must go to masters: no ReplicaOnly or SendToReplicas. A client of sentinels
// or of a cluster should have a Sentinel.TopologyRefreshInterval, Sentinel.Dialer's
// Timeout and KeepAlive, or a ClusterOption.ShardsRefreshInterval, of some seconds:
// without them it may never notice a fail-over. The error says that the server does
// not answer, is a replica or a sentinel, or is too old.
func NewFromClient(ctx context.Context, client rueidis.Client) (*Store, error) {
	if client == nil {
		return nil, fmt.Errorf("redisstore: %w: the client is nil", driver.ErrInvalid)
	}
	a := adapter{conn{client}}
	if client.Mode() == rueidis.ClientModeStandalone {
		if err := core.CheckMaster(ctx, a); err != nil {
			return nil, err
		}
	}
	common, err := core.New(ctx, a)
	if err != nil {
		return nil, err
	}
	return &Store{store: common, client: client}, nil
}
