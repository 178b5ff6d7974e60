package function_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func sha(s string) ebb.Digest {
	sum := sha256.Sum256([]byte(s))
	return ebb.Digest(hex.EncodeToString(sum[:]))
}

// registry offers images whose one file holds what it is told for their name.
type registry map[string]string

func (r registry) find(_ context.Context, uri string) (*artifact.Image, artifact.OpenLayer, error) {
	content, ok := r[uri]
	if !ok {
		return nil, nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "Source image %s does not exist.", uri)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	_ = w.WriteHeader(&tar.Header{Name: "content", Mode: 0o644, Size: int64(len(content))})
	_, _ = io.WriteString(w, content)
	_ = w.Close()
	return &artifact.Image{Digest: sha(content), Resolved: uri + "@sha256:" + string(sha(content)), Layers: []ebb.Digest{sha(buf.String())}},
		func(context.Context, int) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(buf.Bytes())), nil
		}, nil
}

// A tag moves; what was deployed does not, and needs the registry no more.
func TestImageIsWhatItWasWhenDeployed(t *testing.T) {
	reg := registry{"app:1": "one"}
	f := open(t, function.Config{Images: reg.find})
	c := function.Create{FunctionKey: key("f"), Role: role, ImageURI: "app:1", Publish: true,
		ImageConfig: &ebb.ImageConfig{Command: []string{"x"}}}
	v := must2(f.Create(t.Context(), c))(t)
	same(t, v, &ebb.Version{
		FunctionKey: key("f"), Number: 1, RevisionID: v.RevisionID, Role: role, MemoryMB: 128, TimeoutS: 3, TmpMB: 512,
		Architecture: v.Architecture, PackageType: "Image", LogFormat: "Text", State: ebb.StateActive,
		UpdateStatus: ebb.UpdateSuccessful, LastModified: v.LastModified, Code: ebb.Code{Digest: sha("one")},
		Image: &ebb.Image{URI: "app:1", Resolved: "app:1@sha256:" + string(sha("one")), Config: *c.ImageConfig},
	})
	same(t, must2(f.Resolve(t.Context(), key("f"), "1"))(t), v)
	reg["app:1"] = "two"
	latest := must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), ImageURI: "app:1"}))(t)
	same(t, latest.Code.Digest, sha("two"))
	same(t, latest.Image.Config, *c.ImageConfig)
	same(t, must2(f.Digests(t.Context()))(t), map[ebb.Digest]bool{sha("one"): true, sha("two"): true})
	delete(reg, "app:1")
	if _, err := f.packages.Collect(t.Context(), must2(f.Digests(t.Context()))(t), -1); err != nil {
		t.Fatal(err)
	}
	_, root, err := f.packages.Image(t.Context(), v.Code.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(root, "content")); string(got) != "one" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if err := f.Delete(t.Context(), key("f"), ""); err != nil {
		t.Fatal(err)
	}
	if n, err := f.packages.Collect(t.Context(), nil, -1); n != 2 || err != nil {
		t.Errorf("collected %d, %v", n, err)
	}
}

func TestImageConfigIsContent(t *testing.T) {
	f := open(t, function.Config{Images: registry{"app": "one"}.find})
	must2(f.Create(t.Context(), function.Create{FunctionKey: key("f"), Role: role, ImageURI: "app"}))(t)
	publish := func() int64 {
		return must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f")}))(t).Number
	}
	set := func(c ebb.ImageConfig) {
		must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), ImageConfig: &c}))(t)
	}
	same(t, []int64{publish(), publish()}, []int64{1, 1})
	set(ebb.ImageConfig{WorkingDirectory: "/a"})
	same(t, publish(), int64(2))
	set(ebb.ImageConfig{WorkingDirectory: "/a", EntryPoint: []string{}})
	same(t, publish(), int64(2))
}

func TestNoImages(t *testing.T) {
	f := open(t, function.Config{})
	_, err := f.Create(t.Context(), function.Create{FunctionKey: key("f"), Role: role, ImageURI: "app"})
	refused(t, err, ebb.Unimplemented, ebb.TypeNotImplemented, "Code.ImageUri")
}
