package artifact

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestOverlay(t *testing.T) {
	s := openStore(t, Config{})
	below := put(t, s, makeZip(t, item{name: "python/a.py", body: "below"}, item{name: "python/b.py", body: "b"},
		item{name: "bin/tool", body: "x", mode: 0o755}, item{name: "was/folder", body: "gone"}, link("lib", "python")))
	above := put(t, s, makeZip(t, item{name: "python/a.py", body: "above"}, item{name: "was", body: "a file now"},
		item{name: "lib/c.py", body: "a folder now"}))
	path, err := s.Overlay(t.Context(), []ebb.Digest{below.Digest, above.Digest})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-r--r--r-- lib/c.py a folder now", "-r--r--r-- python/a.py above", "-r--r--r-- python/b.py b",
		"-r--r--r-- was a file now", "-r-xr-xr-x bin/tool x",
		"dr-xr-xr-x .", "dr-xr-xr-x bin", "dr-xr-xr-x lib", "dr-xr-xr-x python",
	}
	if d := cmp.Diff(want, listing(t, path)); d != "" {
		t.Error(d)
	}
	// Files are the packages' own, not copies.
	one, err := s.Dir(t.Context(), below.Digest)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := os.Stat(filepath.Join(path, "bin/tool"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.Stat(filepath.Join(one, "bin/tool"))
	if err != nil || !os.SameFile(mine, theirs) {
		t.Errorf("the overlay has a copy: %v", err)
	}
	if alone, err := s.Overlay(t.Context(), []ebb.Digest{below.Digest}); err != nil || alone != one {
		t.Errorf("one package: %s, %v", alone, err)
	}
	again, err := s.Overlay(t.Context(), []ebb.Digest{below.Digest, above.Digest})
	other, oerr := s.Overlay(t.Context(), []ebb.Digest{above.Digest, below.Digest})
	if err != nil || oerr != nil || again != path || other == path {
		t.Errorf("%s, %s, %v, %v", again, other, err, oerr)
	}
	if _, err := s.Overlay(t.Context(), []ebb.Digest{below.Digest, ebb.Digest(strings.Repeat("0", 64))}); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("a package that is not there: %v", err)
	}
}

func TestOverlayIsCollectedWithItsPackages(t *testing.T) {
	s := openStore(t, Config{})
	a, b := put(t, s, makeZip(t, item{name: "a", body: "1"})), put(t, s, makeZip(t, item{name: "b", body: "2"}))
	path, err := s.Overlay(t.Context(), []ebb.Digest{a.Digest, b.Digest})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		keep map[ebb.Digest]bool
		left bool
	}{{map[ebb.Digest]bool{a.Digest: true, b.Digest: true}, true}, {map[ebb.Digest]bool{a.Digest: true}, false}} {
		if _, err := s.Collect(t.Context(), c.keep, -1); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); (err == nil) != c.left {
			t.Errorf("kept %d: %v", len(c.keep), err)
		}
	}
}

// A crash leaves nothing that looks whole.
func TestOverlayHalfMade(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, Config{Dir: dir})
	half := filepath.Join(dir, overlaysDir, tmpPrefix+"x", overlayTree)
	if err := os.MkdirAll(half, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.recover(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(half)); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

func TestUnpacked(t *testing.T) {
	s := openStore(t, Config{})
	c := put(t, s, makeZip(t, item{name: "a/b", body: "12345"}, item{name: "c", body: "678"}, link("d", "c")))
	if n, err := s.Unpacked(t.Context(), c.Digest); err != nil || n != 8 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestPutLarge(t *testing.T) {
	s := openStore(t, Config{MaxZipped: 100, MaxUnpacked: 10 << 10})
	zip := makeZip(t, item{name: "a", body: strings.Repeat("a", 50) + random(300)})
	_, err := s.Put(t.Context(), strings.NewReader(string(zip)))
	wantError(t, err, ebb.TooLarge, ebb.TypeRequestEntityTooLarge, "100 bytes")
	for _, put := range []func() (ebb.Code, error){
		func() (ebb.Code, error) { return s.CheckLarge(t.Context(), strings.NewReader(string(zip))) },
		func() (ebb.Code, error) { return s.PutLarge(t.Context(), strings.NewReader(string(zip))) },
	} {
		if code, err := put(); err != nil || code.Size != int64(len(zip)) {
			t.Errorf("%+v, %v", code, err)
		}
	}
	_, err = s.PutLarge(t.Context(), strings.NewReader(strings.Repeat("x", 10<<10+1)))
	wantError(t, err, ebb.TooLarge, ebb.TypeRequestEntityTooLarge, "10240 bytes")
}
