package oci

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/zstd"
)

// Annotations with which builders write a tag into a layout.
const (
	refName       = "org.opencontainers.image.ref.name"
	containerName = "io.containerd.image.name"
)

// findLayout finds an image in a folder.
func (s *Source) findLayout(rest string) (*found, error) {
	uri := layoutPrefix + rest
	dir, digest, pinned := strings.Cut(rest, "@")
	tag := ""
	if !pinned {
		dir, tag, _ = strings.Cut(rest, ":")
	}
	if err := s.allowed(dir); err != nil {
		return nil, err
	}
	list, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	f := &found{resolved: func(d string) string { return layoutPrefix + dir + "@" + d }}
	m, err := list.IndexManifest()
	switch {
	case err != nil:
		return nil, err
	case pinned:
		f.Image, err = byDigest(uri, list, digest)
	case tag != "":
		f.Image, err = byTag(uri, list, m, tag)
	default:
		if err = only(uri, m); err == nil {
			f.Image, err = choose(uri, list, 0)
		}
	}
	return f, err
}

// byDigest finds an image, or the list of its platforms, wherever in the layout
// it is.
func byDigest(uri string, list v1.ImageIndex, digest string) (v1.Image, error) {
	h, err := v1.NewHash(digest)
	if err != nil {
		return nil, refuse(uri, "%.100q is not a digest", digest)
	}
	var search func(list v1.ImageIndex, depth int) (v1.Image, error)
	search = func(list v1.ImageIndex, depth int) (v1.Image, error) {
		m, err := list.IndexManifest()
		if err != nil || depth > maxNesting {
			return nil, err
		}
		for _, d := range m.Manifests {
			switch {
			case d.Digest == h && d.MediaType.IsImage():
				return list.Image(h)
			case d.MediaType.IsIndex():
				inner, err := list.ImageIndex(d.Digest)
				if err != nil {
					return nil, err
				}
				if d.Digest == h {
					return choose(uri, inner, depth+1)
				}
				if img, err := search(inner, depth+1); img != nil || err != nil {
					return img, err
				}
			}
		}
		return nil, nil
	}
	img, err := search(list, 0)
	if err == nil && img == nil {
		err = absent(uri)
	}
	return img, err
}

func byTag(uri string, list v1.ImageIndex, m *v1.IndexManifest, tag string) (v1.Image, error) {
	for _, d := range m.Manifests {
		names := []string{d.Annotations[refName], d.Annotations[containerName]}
		for _, n := range names {
			if n != tag && !strings.HasSuffix(n, ":"+tag) {
				continue
			}
			if d.MediaType.IsIndex() {
				inner, err := list.ImageIndex(d.Digest)
				if err != nil {
					return nil, err
				}
				return choose(uri, inner, 1)
			}
			return list.Image(d.Digest)
		}
	}
	return nil, absent(uri)
}

// findArchive finds an image in a tar of "docker save", which may be compressed
// as a whole. Its digest is that of its configuration, which names its layers: a
// manifest it has none.
func (s *Source) findArchive(rest string) (*found, error) {
	file, image, _ := strings.Cut(rest, ":")
	if err := s.allowed(file); err != nil {
		return nil, err
	}
	var tag *name.Tag
	if image != "" {
		t, err := name.NewTag(image)
		if err != nil {
			return nil, refuse(archivePrefix+rest, "%v", err)
		}
		tag = &t
	}
	img, err := tarball.Image(func() (io.ReadCloser, error) { return openArchive(file) }, tag)
	if err != nil {
		return nil, err
	}
	d, err := img.ConfigName()
	if err != nil {
		return nil, err
	}
	return &found{Image: img, digest: d.Hex, resolved: func(d string) string { return archivePrefix + file + "@" + d }}, nil
}

// archive is a file and what decompresses it.
type archive struct {
	io.Reader
	close func() error
}

func (a *archive) Close() error { return a.close() }

func openArchive(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReaderSize(f, 64<<10)
	magic, _ := b.Peek(4)
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &archive{z, f.Close}, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(b)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &archive{z, func() error { z.Close(); return f.Close() }}, nil
	}
	return &archive{b, f.Close}, nil
}

// allowed says whether images may be taken from path.
func (s *Source) allowed(path string) error {
	if !filepath.IsAbs(path) {
		return invalid("Code.ImageUri: %.200q is not an absolute path on ebb's host", path)
	}
	if len(s.cfg.LocalPaths) == 0 {
		return nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, dir := range s.cfg.LocalPaths {
		if resolved, err := filepath.EvalSymlinks(dir); err == nil {
			if rel, err := filepath.Rel(resolved, real); err == nil && filepath.IsLocal(rel) {
				return nil
			}
		}
	}
	return invalid("Code.ImageUri: %.200q is in none of the folders of images.localPaths", path)
}
