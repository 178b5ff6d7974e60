package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// TLSConfig is the TLS of the data plane's listener. Without certificates it
// speaks plain HTTP.
type TLSConfig struct {
	// Certificates are chosen by the name that a client asks for; the first one
	// also for names that none of them has.
	Certificates []CertificateFiles `yaml:"certificates"`
	// ClientCA is a PEM file of the authorities whose client certificates count.
	// Clients need none unless a route asks.
	ClientCA string `yaml:"clientCA"`
	// Rescan is how often to look whether the files have changed.
	Rescan time.Duration `yaml:"rescan"`
}

// CertificateFiles are a certificate with its chain and its key, in PEM.
type CertificateFiles struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// DefaultTLSRescan is how soon a new certificate is in force.
const DefaultTLSRescan = 5 * time.Second

// Validate refuses values that cannot work, naming the key.
func (c TLSConfig) Validate() error {
	for i, f := range c.Certificates {
		if !filepath.IsAbs(f.Cert) || !filepath.IsAbs(f.Key) {
			return fmt.Errorf("tls.certificates[%d]: cert and key must be absolute paths", i)
		}
	}
	switch {
	case c.ClientCA != "" && !filepath.IsAbs(c.ClientCA):
		return errors.New("tls.clientCA: must be an absolute path")
	case c.ClientCA != "" && len(c.Certificates) == 0:
		return errors.New("tls.clientCA: needs tls.certificates")
	case c.Rescan < 0:
		return errors.New("tls.rescan: must not be negative")
	}
	return nil
}

// certificates serve the TLS of a listener and follow their files.
type certificates struct {
	cfg   TLSConfig
	log   *slog.Logger
	now   atomic.Pointer[loaded]
	tried [sha256.Size]byte // contents that were read last; of Run alone, once it runs
	fails atomic.Int64
}

// loaded is what files came to.
type loaded struct {
	config *tls.Config
	ends   map[string]time.Time // when certificates end, by file
}

// openCertificates reads the files; nil without any.
func openCertificates(cfg TLSConfig, log *slog.Logger) (*certificates, error) {
	if len(cfg.Certificates) == 0 {
		return nil, nil
	}
	if cfg.Rescan == 0 {
		cfg.Rescan = DefaultTLSRescan
	}
	c := &certificates{cfg: cfg, log: log}
	files, err := c.read()
	if err != nil {
		return nil, err
	}
	l, err := c.load(files)
	if err != nil {
		return nil, err
	}
	c.tried = files.sum
	c.now.Store(l)
	return c, nil
}

// pems are the contents of the files.
type pems struct {
	pairs    [][2][]byte
	clientCA []byte
	sum      [sha256.Size]byte
}

func (c *certificates) read() (p pems, err error) {
	h := sha256.New()
	one := func(path string) []byte {
		text, e := os.ReadFile(path)
		err = errors.Join(err, e)
		_, _ = fmt.Fprintf(h, "%s %d ", path, len(text)) // a hash takes everything
		_, _ = h.Write(text)
		return text
	}
	for _, f := range c.cfg.Certificates {
		p.pairs = append(p.pairs, [2][]byte{one(f.Cert), one(f.Key)})
	}
	if c.cfg.ClientCA != "" {
		p.clientCA = one(c.cfg.ClientCA)
	}
	h.Sum(p.sum[:0])
	if err != nil {
		return p, fmt.Errorf("tls: %w", err)
	}
	return p, nil
}

func (c *certificates) load(p pems) (*loaded, error) {
	l := &loaded{
		config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}},
		ends:   make(map[string]time.Time),
	}
	for i, pair := range p.pairs {
		cert, err := tls.X509KeyPair(pair[0], pair[1])
		if err != nil {
			return nil, fmt.Errorf("tls.certificates[%d]: %s: %w", i, c.cfg.Certificates[i].Cert, err)
		}
		l.config.Certificates = append(l.config.Certificates, cert)
		l.ends[c.cfg.Certificates[i].Cert] = cert.Leaf.NotAfter
	}
	if c.cfg.ClientCA != "" {
		l.config.ClientCAs = x509.NewCertPool()
		if !l.config.ClientCAs.AppendCertsFromPEM(p.clientCA) {
			return nil, fmt.Errorf("tls.clientCA: %s has no certificate in PEM", c.cfg.ClientCA)
		}
		l.config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return l, nil
}

// reload puts changed files into force. Files that cannot be used leave what was
// in force, and are said once.
func (c *certificates) reload() {
	files, err := c.read()
	if files.sum == c.tried {
		return
	}
	var l *loaded
	if err == nil {
		l, err = c.load(files)
	}
	c.tried = files.sum
	if err != nil {
		c.fails.Add(1)
		c.log.Error("changed certificates cannot be used; those before stay in force", "error", err)
		return
	}
	c.now.Store(l)
	c.log.Info("certificates were changed")
}

// Run follows the files until ctx ends.
func (c *certificates) Run(ctx context.Context) error {
	if c == nil {
		return nil
	}
	tick := time.NewTicker(c.cfg.Rescan)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.reload()
		}
	}
}

// listen makes a listener speak TLS, if there are certificates: each connection
// with those in force when it begins.
func (c *certificates) listen(l net.Listener) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load().config, nil },
	})
}

// scheme is that of URLs at the listener.
func (c *certificates) scheme() string {
	if c == nil {
		return "http://"
	}
	return "https://"
}

// measureTLS adds what operators should know of certificates before clients do.
func (n *node) measureTLS() {
	c := n.certificates
	if c == nil {
		return
	}
	n.metrics.Count("ebb_tls_reload_failures_total", "Changed certificate files that could not be used.",
		func() float64 { return float64(c.fails.Load()) })
	n.metrics.Gauges("ebb_tls_certificate_end_seconds", "When certificates end, in seconds since 1970.", []string{"file"},
		func(emit func(float64, ...string)) {
			for file, end := range c.now.Load().ends {
				emit(float64(end.Unix()), file)
			}
		})
}
