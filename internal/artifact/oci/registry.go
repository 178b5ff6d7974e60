package oci

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// registry is one registry as the configuration has it: how to reach it, and
// what to show.
type registry struct {
	Registry
	transport *http.Transport
}

func newRegistry(cfg Registry) (*registry, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSHandshakeTimeout = 10 * time.Second
	t.ResponseHeaderTimeout = time.Minute
	if cfg.CAFile != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "images.registries: caFile of %s: %w", cfg.Host, err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
				"images.registries: caFile of %s: %s holds no certificate in PEM", cfg.Host, cfg.CAFile)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &registry{Registry: cfg, transport: t}, nil
}

// errPlain is a request that would go over the network in the clear.
var errPlain = errors.New("refused to speak without TLS; set plainHTTP for the registry if that is meant")

// RoundTrip sends a request, unless it is one that others could read. The
// library tries without TLS on private networks, and follows redirects.
func (r *registry) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !r.PlainHTTP && !loopback(req.URL.Hostname()) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, fmt.Errorf("%s: %w", req.URL.Host, errPlain)
	}
	return r.transport.RoundTrip(req)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// credentials are read anew each time, so that they can be changed.
func (r *registry) credentials() (authn.Authenticator, error) {
	switch {
	case r.TokenFile != "":
		token, err := readSecret(r.TokenFile)
		return &authn.Bearer{Token: token}, err
	case r.PasswordFile != "":
		password, err := readSecret(r.PasswordFile)
		return &authn.Basic{Username: r.Username, Password: password}, err
	case r.Username != "":
		return &authn.Basic{Username: r.Username, Password: r.Password}, nil
	}
	return authn.Anonymous, nil
}

func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", ebb.Errorf(ebb.Internal, ebb.TypeServiceException, "credentials of the registry: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// findRemote finds an image in its registry.
func (s *Source) findRemote(ctx context.Context, uri string) (*found, error) {
	ref, err := name.ParseReference(uri)
	if err != nil {
		return nil, invalid("Code.ImageUri: %.200q is not the name of an image: %v", uri, err)
	}
	r := s.registries[ref.Context().RegistryStr()]
	if r == nil {
		r = s.plain
	}
	if r.PlainHTTP {
		if ref, err = name.ParseReference(uri, name.Insecure); err != nil {
			return nil, err
		}
	}
	auth, err := r.credentials()
	if err != nil {
		return nil, err
	}
	puller, err := remote.NewPuller(remote.WithAuth(auth), remote.WithTransport(r), remote.WithUserAgent("ebb"))
	if err != nil {
		return nil, err
	}
	d, err := puller.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	f := &found{resolved: func(digest string) string { return ref.Context().Name() + "@" + digest }}
	if d.MediaType.IsIndex() {
		list, err := d.ImageIndex()
		if err != nil {
			return nil, err
		}
		f.Image, err = choose(uri, list, 0)
		if err != nil {
			return nil, err
		}
	} else if f.Image, err = d.Image(); err != nil {
		return nil, err
	}
	m, err := f.Manifest()
	if err != nil {
		return nil, err
	}
	for _, l := range m.Layers {
		if !l.MediaType.IsLayer() {
			return nil, refuse(uri, "it has a layer of the kind %s", l.MediaType)
		}
	}
	f.layer = func(ctx context.Context, place int) (v1.Layer, error) {
		if place >= len(m.Layers) {
			return nil, refuse(uri, "it has fewer layers than its configuration says")
		}
		return puller.Layer(ctx, ref.Context().Digest(m.Layers[place].Digest.String()))
	}
	return f, nil
}
