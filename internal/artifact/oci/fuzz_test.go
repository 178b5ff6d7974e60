package oci

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// tryImage resolves whatever uri names and reads its layers: what is wrong with a
// file is the caller's fault, and never the end of the node.
func tryImage(t *testing.T, s *Source, uri string) {
	t.Helper()
	img, open, err := s.Resolve(t.Context(), uri)
	if err != nil {
		if ebb.KindOf(err) != ebb.Invalid {
			t.Fatalf("kind %d: %v", ebb.KindOf(err), err)
		}
		return
	}
	for place := range min(len(img.Layers), 8) {
		r, err := open(t.Context(), place)
		if err != nil {
			continue
		}
		_, _ = io.CopyN(io.Discard, r, 1<<20)
		_ = r.Close()
	}
}

// FuzzArchive takes anything for a file of docker save.
func FuzzArchive(f *testing.F) {
	const config = `{"architecture":"","os":"linux","config":{"Cmd":["/x"]},"rootfs":{"type":"layers","diff_ids":["sha256:` +
		`0000000000000000000000000000000000000000000000000000000000000000"]}}`
	whole := tarsOf("manifest.json", `[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}]`, "c.json", config, "l.tar", string(tarOf("a", "b")))
	f.Add(whole)
	f.Add(whole[:1500])
	f.Add(tarsOf("manifest.json", `[{"Config":"c.json","Layers":[]}]`, "c.json", "{\x86"))
	f.Add(tarsOf("manifest.json", `[]`))
	f.Add(tarsOf("manifest.json", `[{"Config":"../c"},{"Config":""}]`))
	f.Add(tarsOf("manifest.json", `null`))
	f.Add([]byte("\x1f\x8b\x08no gzip"))
	f.Add([]byte("\x28\xb5\x2f\xfdno zstd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := filepath.Join(t.TempDir(), "a.tar")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		tryImage(t, s, archivePrefix+file)
	})
}

// FuzzLayout takes anything for the documents of an OCI layout. MANIFEST in the
// index, CONFIG in the manifest and LAYER in that and the configuration stand for digests, which
// nobody guesses.
func FuzzLayout(f *testing.F) {
	const (
		index    = `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"MANIFEST","size":1}]}`
		manifest = `{"schemaVersion":2,"config":{"digest":"CONFIG","size":3},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"LAYER","size":2048}]}`
		config   = `{"os":"linux","rootfs":{"diff_ids":["LAYER"]}}`
	)
	f.Add(index, manifest, config)
	f.Add(index, manifest, `null`)
	f.Add(index, `{"config":{"digest":"CONFIG","size":9000000}}`, `{}`)
	f.Add(strings.Replace(index, "manifest.v1", "index.v1", 1), index, config)
	f.Add(`{"manifests":[{"digest":"MANIFEST","platform":{"os":"linux","architecture":"none"}}]}`, manifest, config)
	f.Add(`null`, `[]`, ``)
	f.Add(`{"manifests":[{"digest":"sha256:../../x"}]}`, ``, ``)
	f.Fuzz(func(t *testing.T, index, manifest, config string) {
		dir := t.TempDir()
		blobs := filepath.Join(dir, "blobs", "sha256")
		if err := os.MkdirAll(blobs, 0o700); err != nil {
			t.Fatal(err)
		}
		keep := func(text string) string {
			h, _, err := v1.SHA256(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(blobs, h.Hex), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return h.String()
		}
		layer := keep(string(tarOf("a", "b")))
		config = strings.ReplaceAll(config, "LAYER", layer)
		manifest = strings.NewReplacer("LAYER", layer, "CONFIG", keep(config)).Replace(manifest)
		index = strings.ReplaceAll(index, "MANIFEST", keep(manifest))
		if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		tryImage(t, s, layoutPrefix+dir)
		tryImage(t, s, layoutPrefix+dir+":v1")
	})
}

// tarsOf is a tar of names and contents in turns.
func tarsOf(entries ...string) []byte {
	var all []byte
	for i := 0; i < len(entries); i += 2 {
		all = append(bytes.TrimSuffix(all, make([]byte, 1024)), tarOf(entries[i], entries[i+1])...)
	}
	return all
}
