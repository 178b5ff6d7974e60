package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a self-signed certificate and its key.
func writeCertificate(t *testing.T, f CertificateFiles, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{f.Cert: {Type: "CERTIFICATE", Bytes: der}, f.Key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificatesFollowTheirFiles(t *testing.T) {
	dir := t.TempDir()
	f := CertificateFiles{filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")}
	cfg := TLSConfig{Certificates: []CertificateFiles{f}, ClientCA: filepath.Join(dir, "ca.pem")}
	var log strings.Builder
	if _, err := openCertificates(cfg, slog.Default()); err == nil {
		t.Fatal("files that are not there were taken")
	}
	writeCertificate(t, f, "first")
	if err := os.WriteFile(cfg.ClientCA, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openCertificates(cfg, slog.Default()); err == nil || !strings.Contains(err.Error(), "tls.clientCA") {
		t.Fatalf("an empty authority: %v", err)
	}
	cfg.ClientCA = ""
	c, err := openCertificates(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	is := func(want string) {
		t.Helper()
		if got := c.now.Load().config; got.Certificates[0].Leaf.Subject.CommonName != want || got.MinVersion != tls.VersionTLS12 {
			t.Fatalf("%s, want %s", got.Certificates[0].Leaf.Subject.CommonName, want)
		}
	}
	is("first")
	writeCertificate(t, f, "second")
	c.reload()
	is("second")
	if err := os.Remove(f.Key); err != nil {
		t.Fatal(err)
	}
	c.reload()
	c.reload() // said once
	is("second")
	if n := strings.Count(log.String(), "those before stay in force"); n != 1 || c.fails.Load() != 1 {
		t.Fatalf("said %d times: %s", n, log.String())
	}
	writeCertificate(t, f, "third")
	c.reload()
	is("third")
}

func TestTLSConfigIsRefused(t *testing.T) {
	for want, c := range map[string]TLSConfig{
		"tls.certificates[0]": {Certificates: []CertificateFiles{{Cert: "/a"}}},
		"tls.clientCA":        {ClientCA: "/a"},
		"tls.rescan":          {Rescan: -1},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
