package redisstore_test

import (
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
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

// certFiles signs certificates for the test's servers and clients.
type certFiles struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCertFiles(t *testing.T) *certFiles {
	t.Helper()
	a := &certFiles{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	})
	return a
}

// sign writes name.pem and name.key.
func (a *certFiles) sign(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		a.file(name + ".pem"): {Type: "CERTIFICATE", Bytes: der},
		a.file(name + ".key"): {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed, key
}

func (a *certFiles) file(name string) string { return filepath.Join(a.dir, name) }

// A server that wants certificates of its clients, and one that has an address and
// a name in its own.
func TestTLS(t *testing.T) {
	ca := newCertFiles(t)
	ca.sign("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"redis.test"}})
	ca.sign("client", &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature})
	stranger := newCertFiles(t)
	port := strconv.Itoa(freePort(t))
	startServer(t, "--tls-port", port, "--tls-cert-file", ca.file("server.pem"), "--tls-key-file", ca.file("server.key"),
		"--tls-ca-cert-file", ca.file("ca.pem"), "--tls-auth-clients", "yes")

	base := "rediss://127.0.0.1:" + port
	client := fmt.Sprintf("tls_cert=%s&tls_key=%s", ca.file("client.pem"), ca.file("client.key"))
	trust := "tls_ca=" + ca.file("ca.pem")
	pair, err := tls.LoadX509KeyPair(ca.file("client.pem"), ca.file("client.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	for _, opts := range []redisstore.Options{
		{URL: base + "?" + trust + "&" + client},
		{URL: base + "?" + trust + "&" + client + "&tls_server_name=redis.test"},
		{URL: base + "?skip_verify=true&" + client},
		{URL: base, TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}},
	} {
		s, err := redisstore.New(t.Context(), opts)
		if err != nil {
			t.Errorf("%s: %v", opts.URL, err)
			continue
		}
		listenOn(t, s, "pushed").hears(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for what, url := range map[string]string{
		"no certificate of its own": base + "?" + trust,
		"another certFiles":         base + "?tls_ca=" + stranger.file("ca.pem") + "&" + client,
		"the system's authorities":  base + "?" + client,
		"another name":              base + "?" + trust + "&" + client + "&tls_server_name=other.test",
		"no TLS":                    strings.Replace(base, "rediss", "redis", 1),
	} {
		_, err := redisstore.New(t.Context(), redisstore.Options{URL: url})
		if err == nil || errors.Is(err, driver.ErrInvalid) {
			t.Errorf("%s: %v, want an error of the connection", what, err)
		}
	}
}

// That redis+cluster and several hosts are a cluster is made sure of.
func TestNoCluster(t *testing.T) {
	srv := startServer(t)
	for _, url := range []string{
		strings.Replace(srv.tcp(), "redis:", "redis+cluster:", 1),
		fmt.Sprintf("%s,127.0.0.1:%d", srv.tcp(), srv.Port),
	} {
		if _, err := redisstore.New(t.Context(), redisstore.Options{URL: url}); err == nil || !strings.Contains(err.Error(), "cluster") {
			t.Errorf("%s: %v, want an error about the cluster", url, err)
		}
	}
}
