package redisstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/storetest"
)

// authority issues certificates that are good for an hour.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	made int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	template := a.template()
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) template() *x509.Certificate {
	a.made++
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.made), Subject: pkix.Name{CommonName: "test " + strconv.FormatInt(a.made, 10)},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// issue returns a certificate for the loopback address, which does for both sides.
func (a *authority) issue() tls.Certificate {
	a.t.Helper()
	template, key := a.template(), newKey(a.t)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// pool is the authority as one that a client trusts.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// startTLS starts a server with a certificate of a, and returns its address.
// clients: "yes" if these need a certificate too, "no" if not.
func startTLS(t testing.TB, a *authority, clients string) (address string) {
	t.Helper()
	dir, cert := t.TempDir(), a.issue()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	port := freePort(t)
	startServer(t, "--tls-port", strconv.Itoa(port), "--tls-auth-clients", clients,
		"--tls-cert-file", write("cert.pem", "CERTIFICATE", cert.Certificate[0]),
		"--tls-key-file", write("key.pem", "PRIVATE KEY", key),
		"--tls-ca-cert-file", write("ca.pem", "CERTIFICATE", a.cert.Raw))
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// overTLS opens a store with a client of its own.
func overTLS(ctx context.Context, address string, config *tls.Config) (*redisstore.Store, func() error, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{address}, TLSConfig: config, DisableRetry: true, DisableCache: true,
	})
	if err != nil {
		return nil, nil, err
	}
	s, err := redisstore.NewFromClient(ctx, client)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return s, func() error {
		defer client.Close()
		return s.Close()
	}, nil
}

// The whole suite, pushes included, to a server that shows a certificate and asks for
// one.
func TestConformanceOverTLS(t *testing.T) {
	a := newAuthority(t)
	address := startTLS(t, a, "yes")
	config := &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.issue()}, MinVersion: tls.VersionTLS12}
	h := harness("", "")
	h.New = func(ctx context.Context) (driver.Store, func() error, error) { return overTLS(ctx, address, config) }
	h.Second = func(ctx context.Context, _ driver.Store) (driver.Store, func() error, error) {
		return overTLS(ctx, address, config)
	}
	storetest.Run(t, h)
}

// Nobody talks to a side that cannot prove its name.
func TestTLSIsVerified(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	open, mutual := startTLS(t, a, "no"), startTLS(t, a, "yes")
	trusting := func(a *authority, certs ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: a.pool(), Certificates: certs, MinVersion: tls.VersionTLS12}
	}
	otherName := trusting(a)
	otherName.ServerName = "redis.example.com"
	for what, c := range map[string]struct {
		address string
		config  *tls.Config
		ok      bool
		server  bool // that is what is refused
	}{
		"the right authority":                {open, trusting(a), true, false},
		"another authority":                  {open, trusting(stranger), false, true},
		"another name":                       {open, otherName, false, true},
		"a client with a certificate":        {mutual, trusting(a, a.issue()), true, false},
		"a client without":                   {mutual, trusting(a), false, false},
		"a client with one of another":       {mutual, trusting(a, stranger.issue()), false, false},
		"no TLS where it is asked for":       {open, nil, false, false},
		"a certificate that nobody asks for": {open, trusting(a, a.issue()), true, false},
	} {
		t.Run(what, func(t *testing.T) {
			s, cleanup, err := overTLS(t.Context(), c.address, c.config)
			if err == nil {
				defer func() { _ = cleanup() }()
				err = s.Ping(t.Context())
			}
			var refused *tls.CertificateVerificationError
			switch {
			case c.ok != (err == nil):
				t.Errorf("got %v, want success: %v", err, c.ok)
			case c.server != errors.As(err, &refused):
				t.Errorf("got %v, want one about the server's certificate: %v", err, c.server)
			}
		})
	}
	// By URL, the authorities are those of the system, and this one is none of them.
	_, err := redisstore.New(t.Context(), redisstore.Options{URL: "rediss://:secret@" + open})
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) {
		t.Errorf("rediss:// with a certificate of an unknown authority: %v", err)
	}
}
