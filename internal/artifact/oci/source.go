package oci

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// How an image on this host is named.
const (
	layoutPrefix  = "oci:"            // oci:FOLDER[:TAG] or oci:FOLDER@sha256:DIGEST
	archivePrefix = "docker-archive:" // docker-archive:FILE[:NAME]
)

// local reports whether a URI names an image on this host.
func local(uri string) bool {
	return strings.HasPrefix(uri, layoutPrefix) || strings.HasPrefix(uri, archivePrefix)
}

// maxConfig bounds what is read of an image into memory, in bytes.
const maxConfig = 8 << 20

// Source finds images. It is safe for concurrent use.
type Source struct {
	cfg        Config
	registries map[string]*registry
	plain      *registry // of hosts that the configuration does not name
}

// New reads the certificates that cfg names. Errors are ConfigInvalid.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, registries: make(map[string]*registry)}
	var err error
	if s.plain, err = newRegistry(Registry{}); err != nil {
		return nil, err
	}
	for _, r := range cfg.Registries {
		host := r.Host
		if host == "docker.io" { // as people write it
			host = name.DefaultRegistry
		}
		if s.registries[host], err = newRegistry(r); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close gives back idle connections.
func (s *Source) Close() {
	s.plain.transport.CloseIdleConnections()
	for _, r := range s.registries {
		r.transport.CloseIdleConnections()
	}
}

// found is an image at its source, before its configuration was read.
type found struct {
	v1.Image
	// resolved is the reference to exactly this image.
	resolved func(digest string) string
	// digest is "" where it is the manifest's own.
	digest string
	// layer opens a layer; nil where the image itself can.
	layer func(ctx context.Context, place int) (v1.Layer, error)
}

// Resolve finds an image by its URI: a reference to a registry (NAME[:TAG] or
// NAME@sha256:DIGEST), oci:FOLDER[:TAG], or docker-archive:FILE[:NAME]. It reads
// what the image says of itself, and returns that with what opens its layers,
// which may be called after ctx ended.
//
// Errors: Invalid (InvalidParameterValueException) for a URI or an image that is
// wrong, is not there, or is for another platform; Unavailable for a source that
// cannot be reached.
func (s *Source) Resolve(ctx context.Context, uri string) (*artifact.Image, artifact.OpenLayer, error) {
	f, err := s.find(ctx, uri)
	if err != nil {
		return nil, nil, explain(uri, err)
	}
	img, err := f.describe(uri)
	if err != nil {
		return nil, nil, explain(uri, err)
	}
	return img, func(ctx context.Context, place int) (io.ReadCloser, error) {
		r, err := f.open(ctx, place)
		if err != nil {
			return nil, explain(uri, err)
		}
		return r, nil
	}, nil
}

func (s *Source) find(ctx context.Context, uri string) (*found, error) {
	switch {
	case uri == "" || strings.ContainsAny(uri, "\x00\n\r\t "):
		return nil, invalid("Code.ImageUri: %.200q is not the name of an image", uri)
	case strings.HasPrefix(uri, layoutPrefix):
		return s.findLayout(strings.TrimPrefix(uri, layoutPrefix))
	case strings.HasPrefix(uri, archivePrefix):
		return s.findArchive(strings.TrimPrefix(uri, archivePrefix))
	}
	return s.findRemote(ctx, uri)
}

// describe reads what the image says of itself.
func (f *found) describe(uri string) (*artifact.Image, error) {
	layers := -1 // not told apart from the configuration
	if f.digest == "" {
		m, err := f.Manifest()
		if err != nil {
			return nil, err
		}
		// Registries keep other things as well, as if they were images.
		if kind := m.Config.MediaType; kind != "" && !kind.IsConfig() {
			return nil, refuse(uri, "it is no container image but something of the kind %s", kind)
		}
		if m.Config.Size > maxConfig {
			return nil, refuse(uri, "its configuration has %d bytes", m.Config.Size)
		}
		d, err := f.Digest()
		if err != nil {
			return nil, err
		}
		f.digest = d.Hex
		if err := f.checkConfig(uri, m.Config.Digest); err != nil {
			return nil, err
		}
		layers = len(m.Layers)
	}
	c, err := f.ConfigFile()
	if err != nil {
		return nil, err
	}
	if err := checkPlatform(uri, c); err != nil {
		return nil, err
	}
	if has := len(c.RootFS.DiffIDs); layers >= 0 && has != layers {
		return nil, refuse(uri, "it has %d layers, and its configuration speaks of %d", layers, has)
	}
	img := &artifact.Image{
		Digest: ebb.Digest(f.digest), Resolved: f.resolved("sha256:" + f.digest),
		Config: artifact.ImageConfig{
			Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd, Env: c.Config.Env,
			WorkingDir: c.Config.WorkingDir, User: c.Config.User,
		},
	}
	for _, d := range c.RootFS.DiffIDs {
		img.Layers = append(img.Layers, ebb.Digest(d.Hex))
	}
	return img, nil
}

// checkConfig: a folder may hold anything under a digest's name.
func (f *found) checkConfig(uri string, want v1.Hash) error {
	raw, err := f.RawConfigFile()
	if err != nil {
		return err
	}
	manifest, err := f.RawManifest()
	if err != nil {
		return err
	}
	for _, c := range []struct {
		text []byte
		want string
	}{{raw, want.Hex}, {manifest, f.digest}} {
		got, _, err := v1.SHA256(strings.NewReader(string(c.text)))
		if err != nil {
			return err
		}
		if got.Hex != c.want {
			return refuse(uri, "what stands for sha256:%s is %s", c.want, got)
		}
	}
	return nil
}

func (f *found) open(ctx context.Context, place int) (io.ReadCloser, error) {
	if f.layer != nil {
		l, err := f.layer(ctx, place)
		if err != nil {
			return nil, err
		}
		return l.Uncompressed()
	}
	layers, err := f.Layers()
	if err != nil {
		return nil, err
	}
	if place >= len(layers) {
		return nil, errors.New("the image has fewer layers than its configuration says")
	}
	return layers[place].Uncompressed()
}
