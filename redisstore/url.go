package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
)

// What ports a URL need not name.
const (
	serverPort   = "6379"
	sentinelPort = "26379"
)

// refreshInterval is how often a client asks the sentinels, or the cluster, who the
// masters are, besides when it hears of a change or gets an error. What it hears
// may be lost, and an old master that was cut off gives no error.
const refreshInterval = 5 * time.Second

// flushDelay is how long a connection that is busy collects requests before it sends
// them together. A request that is alone is sent at once. With many goroutines
// that halves what a client spends on a lock, nearly all of which are system calls;
// it is what the client's documentation recommends.
const flushDelay = 20 * time.Microsecond

// silence is how long a connection may be silent before it counts as broken. It is less
// than the least patience of those who wait, so that nobody loses a place because a
// router has forgotten a connection.
const silence = 4 * time.Second

// address is what a URL says, piece by piece. No method's error shows any of it:
// a piece may be part of a password that was not percent-encoded. Files are named.
type address struct {
	tls                bool
	kind               kind
	username, password string
	hosts              []string // with ports
	socket             string
	master             string // of the sentinels
	db                 int
	params             map[string]string
}

// kind is what a URL's scheme and number of hosts ask for.
type kind int

const (
	anyServer kind = iota // one server, or one of a cluster
	cluster
	sentinel
	socket
)

var schemes = map[string]struct {
	kind kind
	tls  bool
}{
	"redis":           {anyServer, false},
	"rediss":          {anyServer, true},
	"redis+cluster":   {cluster, false},
	"rediss+cluster":  {cluster, true},
	"redis+sentinel":  {sentinel, false},
	"rediss+sentinel": {sentinel, true},
	"unix":            {socket, false},
}

// parseURL reads Options.URL. It is not net/url that takes it apart, since that
// knows one host only.
func parseURL(raw string) (*address, error) {
	if raw == "" {
		return nil, bad("is empty: it must be like redis://host:6379")
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	s, known := schemes[strings.ToLower(scheme)]
	if !ok || !known {
		return nil, bad("has an unknown scheme: it must be redis, rediss, redis+cluster, rediss+cluster, redis+sentinel, rediss+sentinel or unix, and ://")
	}
	if strings.Contains(rest, "#") {
		return nil, bad("cannot be read, for it has a #: in a password that is %%23")
	}
	a := &address{tls: s.tls, kind: s.kind}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	for _, read := range []func() error{
		func() error { return a.readHosts(authority) },
		func() error { return a.readParams(query) }, // before the path, which may name the database too
		func() error { return a.readPath(path) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// readHosts reads user:password@host:port,host:port.
func (a *address) readHosts(authority string) error {
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		if err := a.readUser(authority[:i]); err != nil {
			return err
		}
		authority = authority[i+1:]
	}
	if a.kind == socket {
		if authority != "" {
			return bad("names a host before the socket: it must be like unix:///path/to/redis.sock")
		}
		return nil
	}
	port := serverPort
	if a.kind == sentinel {
		port = sentinelPort
	}
	hosts := strings.Split(authority, ",")
	for _, h := range hosts {
		if h == "" && len(hosts) > 1 {
			return bad("has an empty host in its list: it must be like host1,host2:7001")
		}
		addr, ok := readHost(h, port)
		if !ok {
			return bad("has a host or port that cannot be read: it must be like redis://user:password@host:6379/0, with the password percent-encoded and an IPv6 address in brackets")
		}
		a.hosts = append(a.hosts, addr)
	}
	if len(hosts) > 1 && a.kind == anyServer {
		a.kind = cluster
	}
	return nil
}

func (a *address) readUser(user string) error {
	name, password, ok := strings.Cut(user, ":")
	if !ok {
		return bad("has a user and no password: a password alone is :password@, and an empty one user:@")
	}
	var errName, errPassword error
	a.username, errName = url.PathUnescape(name)
	a.password, errPassword = url.PathUnescape(password)
	if errName != nil || errPassword != nil {
		return bad("has a user or password that cannot be read: it must be percent-encoded, so that %% is %%25")
	}
	return nil
}

// readHost returns host:port; an empty host is this one.
func readHost(s, port string) (addr string, ok bool) {
	host, rest := s, ""
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return "", false
		}
		host, rest = s[1:i], s[i+1:]
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, rest = s[:i], s[i:]
	}
	if rest != "" {
		n, err := strconv.ParseUint(strings.TrimPrefix(rest, ":"), 10, 16)
		if rest[0] != ':' || err != nil || n == 0 {
			return "", false
		}
		port = rest[1:]
	}
	host, err := url.PathUnescape(host)
	if err != nil || strings.ContainsAny(host, " \t\r\n@/\\[]") {
		return "", false
	}
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), true
}

// readPath reads /db, /master/db, or the path of a socket.
func (a *address) readPath(path string) error {
	if a.kind == socket {
		file, err := url.PathUnescape(path)
		if err != nil || file == "" {
			return bad("has a path that cannot be read: it must be like unix:///path/to/redis.sock")
		}
		a.socket = "/" + file
		return a.readDB("")
	}
	if a.kind != sentinel {
		return a.readDB(path)
	}
	if strings.Contains(path, "@") {
		return bad("has an @ behind the hosts: a / in a password, and an @ in a master's name, must be percent-encoded")
	}
	master, db, _ := strings.Cut(path, "/")
	var err error
	if a.master, err = url.PathUnescape(master); err != nil || master == "" {
		return bad("does not tell the name of the sentinels' master: it must be like redis+sentinel://host1,host2/mymaster/0")
	}
	return a.readDB(db)
}

// readDB reads the number of the database, which the path or a parameter has.
func (a *address) readDB(path string) error {
	s, inParams := a.params["db"]
	if inParams && path != "" {
		return bad("tells the database in its path and in a parameter: it must be one of them")
	}
	if !inParams {
		s = path
	}
	if s == "" && !inParams {
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return bad("has a path or parameter that cannot be read: the database must be a number, like redis://host:6379/0 or unix:///path/to/redis.sock?db=0")
	}
	if a.kind == cluster && n != 0 {
		return bad("names the database of a cluster: it must be 0, for there is no other")
	}
	a.db = int(n)
	return nil
}

// knownParams are the parameters of a URL, and which kinds of them make sense where.
var knownParams = map[string]func(a *address) bool{
	"db":                nil,
	"dial_timeout":      nil,
	"write_timeout":     nil,
	"client_name":       nil,
	"protocol":          nil,
	"sentinel_username": (*address).isSentinel,
	"sentinel_password": (*address).isSentinel,
	"tls_ca":            (*address).isTLS,
	"tls_cert":          (*address).isTLS,
	"tls_key":           (*address).isTLS,
	"tls_server_name":   (*address).isTLS,
	"skip_verify":       (*address).isTLS,
}

func (a *address) isSentinel() bool { return a.kind == sentinel }
func (a *address) isTLS() bool      { return a.tls }

// readParams takes the parameters apart. Those it does not know may be misspelt, or
// the end of a password with a question mark.
func (a *address) readParams(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return bad("has a parameter that cannot be read: it must be percent-encoded")
	}
	a.params = make(map[string]string, len(values))
	for name, v := range values {
		fits, known := knownParams[name]
		switch {
		case !known:
			return bad("has an unknown parameter: there are db, dial_timeout, write_timeout, client_name, protocol, " +
				"sentinel_username, sentinel_password, tls_ca, tls_cert, tls_key, tls_server_name and skip_verify; " +
				"a question mark in a password is %%3F")
		case fits != nil && !fits(a):
			if strings.HasPrefix(name, "sentinel") {
				return bad("has a parameter that cannot be used: %s is for redis+sentinel", name)
			}
			return bad("has a parameter that cannot be used: %s is for TLS, where the scheme begins with rediss", name)
		case len(v) > 1:
			return bad("has the parameter %s more than once", name)
		}
		a.params[name] = v[0]
	}
	return nil
}

// clientOption turns the address into options of the client. tlsConfig, if not nil,
// is the user's.
func (a *address) clientOption(tlsConfig *tls.Config) (opt rueidis.ClientOption, err error) {
	opt = rueidis.ClientOption{
		InitAddress: a.hosts,
		Username:    a.username,
		Password:    a.password,
		SelectDB:    a.db,
		ClientName:  a.params["client_name"],

		DisableRetry:      true, // who uses a store decides about that
		DisableCache:      true,
		MaxFlushDelay:     flushDelay,
		PipelineMultiplex: -1, // one connection for all requests, as each node of a cluster has
	}
	if opt.Dialer.Timeout, err = a.duration("dial_timeout", rueidis.DefaultDialTimeout); err != nil {
		return opt, err
	}
	opt.Dialer.KeepAlive = rueidis.DefaultTCPKeepAlive
	if opt.ConnWriteTimeout, err = a.duration("write_timeout", silence); err != nil {
		return opt, err
	}
	switch a.params["protocol"] {
	case "", "3":
	case "2":
		opt.AlwaysRESP2 = true
	default:
		return opt, bad("has a parameter that cannot be read: protocol must be 2 or 3")
	}
	if opt.TLSConfig, err = a.tlsConfig(tlsConfig); err != nil {
		return opt, err
	}
	switch a.kind {
	case socket:
		opt.InitAddress = []string{a.socket}
		opt.DialCtxFn = func(ctx context.Context, file string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", file)
		}
	case sentinel:
		opt.Sentinel = rueidis.SentinelOption{
			MasterSet: a.master,
			Username:  a.params["sentinel_username"],
			Password:  a.params["sentinel_password"],
			TLSConfig: opt.TLSConfig,
			// The client has no defaults here: it would wait for a sentinel that
			// hangs for ever.
			Dialer:                  opt.Dialer,
			TopologyRefreshInterval: refreshInterval,
		}
	case cluster, anyServer:
		opt.ClusterOption.ShardsRefreshInterval = refreshInterval
	}
	return opt, nil
}

func (a *address) duration(param string, otherwise time.Duration) (time.Duration, error) {
	s, ok := a.params[param]
	if !ok {
		return otherwise, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, bad("has a parameter that cannot be read: %s must be a positive duration like 2s", param)
	}
	return d, nil
}

// tlsConfig makes the configuration for TLS, or nil if there is to be none. Without
// a name of its own each server has to prove the address it is called by.
func (a *address) tlsConfig(given *tls.Config) (*tls.Config, error) {
	if given != nil {
		if !a.tls {
			return nil, bad("has a scheme without TLS, and Options.TLS is set: the scheme must be rediss, rediss+cluster or rediss+sentinel")
		}
		for name := range a.params {
			if strings.HasPrefix(name, "tls_") || name == "skip_verify" {
				return nil, bad("has the parameter %s, and Options.TLS is set: it must be one of them", name)
			}
		}
		return given.Clone(), nil
	}
	if !a.tls {
		return nil, nil //nolint:nilnil // no TLS
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.params["tls_server_name"]}
	if s, ok := a.params["skip_verify"]; ok {
		skip, err := strconv.ParseBool(s)
		if err != nil {
			return nil, bad("has a parameter that cannot be read: skip_verify must be true or false")
		}
		c.InsecureSkipVerify = skip
	}
	if file := a.params["tls_ca"]; file != "" {
		pem, err := os.ReadFile(file) //nolint:gosec // the user's own file
		if err != nil {
			return nil, fmt.Errorf("%w: %w", bad("names a tls_ca that cannot be read"), err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, bad("names a tls_ca without a certificate: %s must have them in PEM", file)
		}
	}
	cert, key := a.params["tls_cert"], a.params["tls_key"]
	if (cert == "") != (key == "") {
		return nil, bad("has one of tls_cert and tls_key: it must be both")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", bad("names a tls_cert and tls_key that cannot be used"), err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("redisstore: %w: Options.URL "+format, append([]any{driver.ErrInvalid}, args...)...)
}
