package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	testregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// image builds an image with one file per layer for a platform.
func image(t *testing.T, arch string, files ...string) v1.Image {
	t.Helper()
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	for _, f := range files {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(tarOf(f, "content of "+f))), nil
		}, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c.OS, c.Architecture = "linux", arch
	c.Config.Entrypoint, c.Config.Cmd = []string{"/run"}, []string{"app.handler"}
	c.Config.Env, c.Config.WorkingDir, c.Config.User = []string{"A=b"}, "/srv", "app"
	if img, err = mutate.ConfigFile(img, c); err != nil {
		t.Fatal(err)
	}
	return img
}

func tarOf(name, body string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))})
	_, _ = io.WriteString(w, body)
	_ = w.Close()
	return buf.Bytes()
}

func otherArch() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

// multi is a list of one image per platform, with an attestation.
func multi(t *testing.T, images ...v1.Image) v1.ImageIndex {
	t.Helper()
	list := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, img := range images {
		c, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		list = mutate.AppendManifests(list, mutate.IndexAddendum{Add: img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: c.OS, Architecture: c.Architecture}}})
	}
	return mutate.AppendManifests(list, mutate.IndexAddendum{Add: image(t, "x", "attestation"),
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}})
}

func source(t *testing.T, cfg Config) *Source {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// server is a registry that asks for a user's name and password, or of
// "" for nothing.
func server(t *testing.T, user, password string, withTLS bool) (host, caFile string) {
	t.Helper()
	inner := testregistry.New(testregistry.Logger(log.New(io.Discard, "", 0)))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); user != "" && (u != user || p != password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	if !withTLS {
		srv.Start()
	} else {
		srv.StartTLS()
		caFile = filepath.Join(t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
		if err := os.WriteFile(caFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), caFile
}

// push uploads with the test server's own trust.
func push(t *testing.T, ref string, what any, user, password string, client http.RoundTripper) string {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	opts := []remote.Option{remote.WithAuth(&authn.Basic{Username: user, Password: password}), remote.WithTransport(client)}
	var digest v1.Hash
	switch x := what.(type) {
	case v1.Image:
		err = remote.Write(r, x, opts...)
		digest, _ = x.Digest()
	case v1.ImageIndex:
		err = remote.WriteIndex(r, x, opts...)
		digest, _ = x.Digest()
	}
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func transportOf(t *testing.T, caFile string) http.RoundTripper {
	t.Helper()
	r, err := newRegistry(Registry{CAFile: caFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.transport.CloseIdleConnections)
	return r
}

// same resolves uri and compares what came with img, layers and all.
func same(t *testing.T, s *Source, uri string, img v1.Image) *artifact.Image {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	got, open, err := s.Resolve(ctx, uri)
	cancel() // the layers may be wanted later
	if err != nil {
		t.Fatal(err)
	}
	want := artifact.ImageConfig{Entrypoint: []string{"/run"}, Cmd: []string{"app.handler"}, Env: []string{"A=b"},
		WorkingDir: "/srv", User: "app"}
	if diff := cmp.Diff(want, got.Config); diff != "" {
		t.Error(diff)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != len(got.Layers) {
		t.Fatalf("%d layers, want %d", len(got.Layers), len(layers))
	}
	for i, l := range layers {
		if d, _ := l.DiffID(); d.Hex != string(got.Layers[i]) {
			t.Errorf("layer %d is %s, want %s", i, got.Layers[i], d)
		}
		r, err := open(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if h, _, _ := v1.SHA256(bytes.NewReader(text)); h.Hex != string(got.Layers[i]) {
			t.Errorf("layer %d: %d bytes of %s", i, len(text), h)
		}
	}
	return got
}

func refused(t *testing.T, s *Source, uri string, kind ebb.Kind, words ...string) {
	t.Helper()
	_, _, err := s.Resolve(t.Context(), uri)
	if err == nil || ebb.KindOf(err) != kind {
		t.Fatalf("%s: error %v, want kind %d", uri, err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", uri, err, w)
		}
	}
}

func TestRegistryOnLoopbackNeedsNoTLS(t *testing.T) {
	host, _ := server(t, "", "", false)
	img := image(t, runtime.GOARCH, "a", "b")
	digest := push(t, host+"/team/app:1", img, "", "", transportOf(t, ""))
	s := source(t, Config{})
	got := same(t, s, host+"/team/app:1", img)
	if want := host + "/team/app@" + digest; got.Resolved != want || "sha256:"+string(got.Digest) != digest {
		t.Errorf("resolved %s %s, want %s", got.Resolved, got.Digest, want)
	}
	same(t, s, got.Resolved, img) // pinned
	refused(t, s, host+"/team/app:2", ebb.Invalid, "does not exist. Provide a valid source image.")
	refused(t, s, host+"/team/app@sha256:"+strings.Repeat("0", 64), ebb.Invalid, "does not exist")
	refused(t, s, "Not A Name", ebb.Invalid, "Code.ImageUri")
	refused(t, s, "UPPER/case", ebb.Invalid, "Code.ImageUri")
}

func TestRegistryWithPasswordAndPrivateCA(t *testing.T) {
	host, ca := server(t, "ebb", "s3cret", true)
	img := image(t, runtime.GOARCH, "a")
	push(t, host+"/app", img, "ebb", "s3cret", transportOf(t, ca))
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	same(t, source(t, Config{Registries: []Registry{{Host: host, Username: "ebb", Password: "s3cret", CAFile: ca}}}), host+"/app", img)
	same(t, source(t, Config{Registries: []Registry{{Host: host, Username: "ebb", PasswordFile: password, CAFile: ca}}}), host+"/app", img)
	refused(t, source(t, Config{Registries: []Registry{{Host: host, CAFile: ca}}}), host+"/app", ebb.Invalid, "does not have permission")
	refused(t, source(t, Config{Registries: []Registry{{Host: host, Username: "ebb", Password: "wrong", CAFile: ca}}}),
		host+"/app", ebb.Invalid, "does not have permission", "images.registries")
	refused(t, source(t, Config{}), host+"/app", ebb.Unavailable, "certificate")
}

// A registry may send clients to a token service.
func TestRegistryWithTokenService(t *testing.T) {
	inner := testregistry.New(testregistry.Logger(log.New(io.Discard, "", 0)))
	var base string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			if u, p, _ := r.BasicAuth(); u != "ebb" || p != "pw" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = fmt.Fprint(w, `{"token":"abc","expires_in":300}`)
		case r.Header.Get("Authorization") != "Bearer abc":
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+base+`/token",service="reg"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	base = srv.URL
	host := srv.Listener.Addr().String()
	img := image(t, runtime.GOARCH, "a")
	push(t, host+"/app", img, "ebb", "pw", transportOf(t, ""))
	same(t, source(t, Config{Registries: []Registry{{Host: host, Username: "ebb", Password: "pw"}}}), host+"/app", img)
	refused(t, source(t, Config{}), host+"/app", ebb.Invalid, "does not have permission")
}

func TestOtherHostsNeedTLS(t *testing.T) {
	r, err := newRegistry(Registry{})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"10.0.0.5:5000", "registry.example", "192.168.1.1"} {
		req := httptest.NewRequest(http.MethodGet, "http://"+host+"/v2/", nil)
		if _, err := r.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "without TLS") {
			t.Errorf("%s: %v", host, err)
		}
	}
	refused(t, source(t, Config{}), "127.0.0.1:1/app", ebb.Unavailable, "refused")
}

func TestImageOfAnotherPlatformIsRefused(t *testing.T) {
	host, _ := server(t, "", "", false)
	client := transportOf(t, "")
	mine, other := image(t, runtime.GOARCH, "mine"), image(t, otherArch(), "other")
	push(t, host+"/other", other, "", "", client)
	push(t, host+"/both", multi(t, other, mine), "", "", client)
	push(t, host+"/neither", multi(t, other), "", "", client)
	s := source(t, Config{})
	same(t, s, host+"/both", mine)
	words := []string{"is not valid. Provide a valid source image.", "it is for linux/" + otherArch(), "this host runs linux/" + runtime.GOARCH}
	refused(t, s, host+"/other", ebb.Invalid, words...)
	refused(t, s, host+"/neither", ebb.Invalid, words...)
}

// TestOtherThanImages: registries keep artifacts of any kind, and a manifest need not fit
// its configuration.
func TestOtherThanImages(t *testing.T) {
	host, _ := server(t, "", "", false)
	img := image(t, runtime.GOARCH, "a", "b")
	push(t, host+"/chart", mutate.ConfigMediaType(img, "application/vnd.cncf.helm.config.v1+json"), "", "", transportOf(t, ""))
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	fewer := c.DeepCopy()
	fewer.RootFS.DiffIDs = fewer.RootFS.DiffIDs[:1]
	less, err := mutate.ConfigFile(img, fewer)
	if err != nil {
		t.Fatal(err)
	}
	push(t, host+"/less", less, "", "", transportOf(t, ""))
	s := source(t, Config{})
	refused(t, s, host+"/chart", ebb.Invalid, "is not valid", "no container image but something of the kind application/vnd.cncf.helm.config.v1+json")
	refused(t, s, host+"/less", ebb.Invalid, "is not valid", "it has 2 layers, and its configuration speaks of 1")
}

func TestLayout(t *testing.T) {
	dir := t.TempDir()
	one, two := image(t, runtime.GOARCH, "one"), image(t, runtime.GOARCH, "two")
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(one, layout.WithAnnotations(map[string]string{refName: "v1"})); err != nil {
		t.Fatal(err)
	}
	s := source(t, Config{})
	same(t, s, "oci:"+dir, one)
	list := multi(t, image(t, otherArch(), "x"), two)
	if err := p.AppendIndex(list, layout.WithAnnotations(map[string]string{containerName: "docker.io/team/app:v2"})); err != nil {
		t.Fatal(err)
	}
	same(t, s, "oci:"+dir+":v1", one)
	got := same(t, s, "oci:"+dir+":v2", two)
	same(t, s, got.Resolved, two)
	h, _ := list.Digest()
	same(t, s, "oci:"+dir+"@"+h.String(), two)
	refused(t, s, "oci:"+dir, ebb.Invalid, "it holds 2 images", "v1")
	refused(t, s, "oci:"+dir+":v3", ebb.Invalid, "does not exist")
	refused(t, s, "oci:"+dir+"@sha256:"+strings.Repeat("1", 64), ebb.Invalid, "does not exist")
	refused(t, s, "oci:"+dir+"/none", ebb.Invalid, "does not exist")
	refused(t, s, "oci:relative", ebb.Invalid, "not an absolute path")

	// A folder whose bytes are not what their name says.
	d, _ := one.ConfigName()
	if err := os.WriteFile(filepath.Join(dir, "blobs/sha256", d.Hex), []byte(`{"os":"linux"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, s, "oci:"+dir+":v1", ebb.Invalid, "is not valid")
}

func TestArchive(t *testing.T) {
	img := image(t, runtime.GOARCH, "one", "two")
	tag, err := name.NewTag("team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "img.tar")
	if err := tarball.WriteToFile(file, tag, img); err != nil {
		t.Fatal(err)
	}
	s := source(t, Config{})
	got := same(t, s, "docker-archive:"+file, img)
	if d, _ := img.ConfigName(); string(got.Digest) != d.Hex {
		t.Errorf("digest %s, want %s", got.Digest, d)
	}
	same(t, s, "docker-archive:"+file+":team/app:1", img)
	refused(t, s, "docker-archive:"+file+":team/app:2", ebb.Invalid, "not found")
	refused(t, s, "docker-archive:"+dir+"/none.tar", ebb.Invalid, "does not exist")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(text)
	_ = z.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"a.tar.gz": zipped.Bytes(), "a.tar.zst": enc.EncodeAll(text, nil)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		same(t, s, "docker-archive:"+filepath.Join(dir, name), img)
	}
	if err := os.WriteFile(file, []byte("no tar at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, s, "docker-archive:"+file, ebb.Invalid, "is not valid")
}

func TestLocalPathsAreAWall(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if _, err := layout.Write(outside, empty.Index); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	p, err := layout.Write(filepath.Join(dir, "in"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	img := image(t, runtime.GOARCH, "x")
	if err := p.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	s := source(t, Config{LocalPaths: []string{dir}})
	same(t, s, "oci:"+dir+"/in", img)
	for _, path := range []string{outside, dir + "/link", dir + "/../" + filepath.Base(outside)} {
		refused(t, s, "oci:"+path, ebb.Invalid)
	}
}

func TestLayersOfAnyCompression(t *testing.T) {
	host, _ := server(t, "", "", false)
	plain := tarOf("a", "content of a")
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for kind, content := range map[types.MediaType][]byte{types.OCILayerZStd: enc.EncodeAll(plain, nil), types.OCIUncompressedLayer: plain} {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
			tarball.WithMediaType(kind))
		if err != nil {
			t.Fatal(err)
		}
		img, err := mutate.AppendLayers(image(t, runtime.GOARCH), l)
		if err != nil {
			t.Fatal(err)
		}
		push(t, host+"/app", img, "", "", transportOf(t, ""))
		same(t, source(t, Config{}), host+"/app", img)
	}
}

func TestDockerHubByItsCommonName(t *testing.T) {
	s := source(t, Config{Registries: []Registry{{Host: "docker.io", Username: "ebb", Password: "x"}}})
	ref, err := name.ParseReference("team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if r := s.registries[ref.Context().RegistryStr()]; r == nil || r.Username != "ebb" {
		t.Errorf("credentials for %s are not found", ref.Context().RegistryStr())
	}
}
