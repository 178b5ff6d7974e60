package artifact

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// save keeps what SaveImage gives of images, in memory.
func save(t *testing.T, s *Store, names ...string) map[string][]byte {
	t.Helper()
	files, layers := map[string][]byte{}, map[ebb.Digest]bool{}
	for _, name := range names {
		err := s.SaveImage(t.Context(), digestOf([]byte(name)), layers, func(name string, size int64, r io.ReadCloser) error {
			text, err := io.ReadAll(r)
			if int64(len(text)) != size || files[name] != nil || !ImageFile(name) {
				t.Errorf("%s: %d bytes, not %d, or twice, or no file of an image", name, len(text), size)
			}
			files[name] = text
			_ = r.Close()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func load(t *testing.T, s *Store, files map[string][]byte) error {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := s.LoadImageFile(name, bytes.NewReader(files[name])); err != nil {
			return err
		}
	}
	return s.LoadedImages(t.Context())
}

func TestImagesAreSavedAndLoaded(t *testing.T) {
	s := openStore(t, Config{})
	base := tarLayer(t, tarItem{name: "bin/run", body: "x", mode: 0o755}, tarItem{name: "data", body: "1"}, symlinkItem("l", "/data"))
	one := listing(t, putImage(t, s, "one", base, tarLayer(t, tarItem{name: ".wh.data"})))
	two := listing(t, putImage(t, s, "two", base))
	files := save(t, s, "one", "two")
	other := openStore(t, Config{})
	if err := load(t, other, files); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{"one": one, "two": two} {
		_, root, err := other.Image(t.Context(), digestOf([]byte(name)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, listing(t, root)); d != "" {
			t.Error(d)
		}
	}
	for lost := range files {
		if strings.HasPrefix(lost, imagesDir) {
			continue
		}
		part := maps.Clone(files)
		delete(part, lost)
		if err := load(t, openStore(t, Config{}), part); err == nil {
			t.Errorf("nobody misses %s", lost)
		}
	}
}

func TestLoadImageFileNames(t *testing.T) {
	s := openStore(t, Config{})
	d := strings.Repeat("0", 64)
	for _, name := range []string{"x", "images/" + d, "images/../images/" + d + ".json", "layers/" + d, "layers/../../x", "layers/" + d + "/../../x",
		"packages/" + d + ".zip", "/layers/" + d + "/index", "layers/x/index"} {
		if err := s.LoadImageFile(name, strings.NewReader("")); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
