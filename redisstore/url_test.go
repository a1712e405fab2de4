package redisstore

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
)

func optionOf(t *testing.T, raw string, config *tls.Config) rueidis.ClientOption {
	t.Helper()
	a, err := parseURL(raw)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	opt, err := a.clientOption(config)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return opt
}

func TestURL(t *testing.T) {
	for raw, want := range map[string]rueidis.ClientOption{
		"redis://":                         {InitAddress: []string{"localhost:6379"}},
		"redis://host":                     {InitAddress: []string{"host:6379"}},
		"REDIS://host:7000/":               {InitAddress: []string{"host:7000"}},
		"redis://host/3":                   {InitAddress: []string{"host:6379"}, SelectDB: 3},
		"redis://host?db=3":                {InitAddress: []string{"host:6379"}, SelectDB: 3},
		"redis://[::1]":                    {InitAddress: []string{"[::1]:6379"}},
		"redis://[::1]:7000,[fe80::2]":     {InitAddress: []string{"[::1]:7000", "[fe80::2]:6379"}},
		"redis://ann:s%40c%2F@host":        {InitAddress: []string{"host:6379"}, Username: "ann", Password: "s@c/"},
		"redis://:se+cret@host":            {InitAddress: []string{"host:6379"}, Password: "se+cret"},
		"redis://ann:@host":                {InitAddress: []string{"host:6379"}, Username: "ann"},
		"redis://:p@ss@host":               {InitAddress: []string{"host:6379"}, Password: "p@ss"},
		"redis://a,b:7001,c/0":             {InitAddress: []string{"a:6379", "b:7001", "c:6379"}},
		"redis+cluster://:x@a":             {InitAddress: []string{"a:6379"}, Password: "x"},
		"unix:///run/redis%20a.sock?db=2":  {InitAddress: []string{"/run/redis a.sock"}, SelectDB: 2},
		"unix://u:p@/run/redis.sock":       {InitAddress: []string{"/run/redis.sock"}, Username: "u", Password: "p"},
		"redis://h?client_name=a%20b":      {InitAddress: []string{"h:6379"}, ClientName: "a b"},
		"redis://h?protocol=2":             {InitAddress: []string{"h:6379"}, AlwaysRESP2: true},
		"redis+sentinel://a/mymaster":      {InitAddress: []string{"a:26379"}, Sentinel: rueidis.SentinelOption{MasterSet: "mymaster"}},
		"redis+sentinel://a/mymaster?db=2": {InitAddress: []string{"a:26379"}, SelectDB: 2, Sentinel: rueidis.SentinelOption{MasterSet: "mymaster"}},
		"redis+sentinel://u:p@a:1,b,c:3/my%2Fmaster/2?sentinel_username=su&sentinel_password=s%26p": {
			InitAddress: []string{"a:1", "b:26379", "c:3"}, Username: "u", Password: "p", SelectDB: 2,
			Sentinel: rueidis.SentinelOption{MasterSet: "my/master", Username: "su", Password: "s&p"},
		},
	} {
		got := optionOf(t, raw, nil)
		if got.Dialer.Timeout != 5*time.Second || got.ConnWriteTimeout != 4*time.Second || !got.DisableRetry || got.TLSConfig != nil {
			t.Errorf("%q: got %+v", raw, got)
		}
		if isSentinel := want.Sentinel.MasterSet != ""; isSentinel {
			if got.Sentinel.Dialer.Timeout == 0 || got.Sentinel.Dialer.KeepAlive == 0 || got.Sentinel.TopologyRefreshInterval == 0 {
				t.Errorf("%q: a sentinel that hangs is never noticed: %+v", raw, got.Sentinel)
			}
		}
		if !slices.Equal(got.InitAddress, want.InitAddress) || got.Username != want.Username || got.Password != want.Password ||
			got.SelectDB != want.SelectDB || got.ClientName != want.ClientName || got.AlwaysRESP2 != want.AlwaysRESP2 ||
			got.Sentinel.MasterSet != want.Sentinel.MasterSet || got.Sentinel.Username != want.Sentinel.Username ||
			got.Sentinel.Password != want.Sentinel.Password {
			t.Errorf("%q: got %+v\nwant %+v", raw, got, want)
		}
	}
	opt := optionOf(t, "redis://h?dial_timeout=2s&write_timeout=300ms", nil)
	if opt.Dialer.Timeout != 2*time.Second || opt.ConnWriteTimeout != 300*time.Millisecond {
		t.Errorf("the time limits are %v and %v", opt.Dialer.Timeout, opt.ConnWriteTimeout)
	}
}

func TestURLWithTLS(t *testing.T) {
	for _, raw := range []string{
		"rediss://h?tls_server_name=name&skip_verify=true",
		"rediss://a,b?tls_server_name=name&skip_verify=1",
		"rediss+cluster://h?tls_server_name=name&skip_verify=t",
		"rediss+sentinel://h/mymaster?tls_server_name=name&skip_verify=true",
	} {
		opt := optionOf(t, raw, nil)
		configs := []*tls.Config{opt.TLSConfig}
		if opt.Sentinel.MasterSet != "" {
			configs = append(configs, opt.Sentinel.TLSConfig)
		}
		for _, c := range configs {
			if c == nil || c.ServerName != "name" || !c.InsecureSkipVerify || c.MinVersion < tls.VersionTLS12 {
				t.Errorf("%q: got %+v", raw, c)
			}
		}
	}
	// Each server has to prove its own name, of whatever host the URL speaks.
	if c := optionOf(t, "rediss://h", nil).TLSConfig; c.ServerName != "" || c.InsecureSkipVerify {
		t.Errorf("got %+v", c)
	}
	given := &tls.Config{ServerName: "given", MinVersion: tls.VersionTLS13}
	c := optionOf(t, "rediss://h", given).TLSConfig
	if c == given || c.ServerName != "given" || c.MinVersion != tls.VersionTLS13 {
		t.Errorf("got %+v, want a copy", c)
	}
}

// TestBadURLs: each is refused before anything is sent, and no error tells a part
// that may be secret. All secrets here have "sec" in them.
func TestBadURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                     "empty",
		"localhost:6379":                       "scheme",
		"redis:/host":                          "scheme",
		"redis-sentinel://host/mymaster":       "redis+sentinel",
		"redis://sec#ret@host":                 "%23",
		"redis://secret@host":                  ":password@",
		"redis://:sec%ret@host":                "percent-encoded",
		"redis://:sec/ret@host":                "percent-encoded",
		"redis://:sec?ret@host":                "percent-encoded", // a host with the port "sec"
		"redis://u:1?sec=ret@host":             "%3F",
		"redis://host:":                        "port",
		"redis://host:0":                       "port",
		"redis://host:65536":                   "port",
		"redis://::1":                          "brackets",
		"redis://[::1":                         "host or port",
		"redis://[::1]x":                       "host or port",
		"redis://ho st":                        "host or port",
		"redis://a,,b":                         "empty host",
		"redis://a,":                           "empty host",
		"redis://a/secret":                     "database must be a number",
		"redis://a/-1":                         "database must be a number",
		"redis://a/0/1":                        "database must be a number",
		"redis://a?db=":                        "database must be a number",
		"redis://a/1?db=1":                     "one of them",
		"redis://a,b/1":                        "cluster",
		"redis+cluster://a?db=1":               "cluster",
		"redis+sentinel://a":                   "mymaster",
		"redis+sentinel://a//0":                "mymaster",
		"redis+sentinel://a/m/x":               "database must be a number",
		"unix://host/run/redis.sock":           "unix:///",
		"unix://":                              "unix:///",
		"redis://a?secret=1":                   "unknown parameter",
		"redis://a?sentinel_password=secret":   "sentinel_password is for redis+sentinel",
		"redis://a?tls_ca=/ca.pem":             "tls_ca is for TLS",
		"unix:///a?skip_verify=true":           "skip_verify is for TLS",
		"redis://a?protocol=4":                 "2 or 3",
		"redis://a?dial_timeout=5":             "dial_timeout",
		"redis://a?write_timeout=-5s":          "write_timeout",
		"redis://a?protocol=2&protocol=3":      "more than once",
		"redis://a?db=%zz":                     "percent-encoded",
		"rediss://a?skip_verify=perhaps":       "skip_verify",
		"rediss://a?tls_cert=/cert.pem":        "both",
		"rediss://a?tls_ca=/none.pem":          "/none.pem",
		"rediss://a?tls_ca=url_test.go":        "without a certificate",
		"rediss://a?tls_cert=/x.pem&tls_key=y": "/x.pem",
	} {
		a, err := parseURL(raw)
		if err == nil {
			_, err = a.clientOption(nil)
		}
		switch {
		case !errors.Is(err, driver.ErrInvalid) || !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want an ErrInvalid with %q", raw, err, want)
		case strings.Contains(err.Error(), "sec") && !strings.Contains(want, "sec"):
			t.Errorf("%q: the error shows a part of the URL: %v", raw, err)
		case strings.Contains(err.Error(), "%!"):
			t.Errorf("%q: the error has no good format: %v", raw, err)
		}
	}
	for raw, want := range map[string]string{"redis://a": "rediss", "rediss://a?tls_ca=x": "tls_ca"} {
		a, err := parseURL(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = a.clientOption(&tls.Config{MinVersion: tls.VersionTLS12}); !errors.Is(err, driver.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q with Options.TLS: %v, want an ErrInvalid with %q", raw, err, want)
		}
	}
}

// FuzzURL: whatever it is, it is read or refused, and an error shows no secret.
func FuzzURL(f *testing.F) {
	for _, raw := range []string{
		"redis://u:p@h:1/0", "redis+sentinel://:p@a,b:2/m/1?sentinel_password=x", "rediss://[::1]?tls_ca=a", "unix:///a?db=0", "redis+cluster://a,b", "redis://%",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		const secret = "Zq7Xk9"
		for _, u := range []string{raw, strings.Replace(raw, ":", ":"+secret, 2), strings.Replace(raw, "=", "="+secret, 1), raw + secret} {
			a, err := parseURL(u)
			if err != nil {
				if strings.Contains(err.Error(), secret) || !errors.Is(err, driver.ErrInvalid) {
					t.Fatalf("%q: %v", u, err)
				}
				continue
			}
			if a.kind != socket && len(a.hosts) == 0 {
				t.Fatalf("%q: no host in %+v", u, a)
			}
		}
	})
}
