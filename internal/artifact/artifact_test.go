package artifact

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestMain(m *testing.M) {
	if args := os.Getenv(childEnv); args != "" {
		os.Exit(fullDiskChild(args))
	}
	goleak.VerifyTestMain(m)
}

// item is one entry of a test zip.
type item struct {
	name   string
	body   string
	mode   fs.FileMode // 0 = a plain file
	mangle func(*zip.FileHeader)
}

func makeZip(t testing.TB, items ...item) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate}
		if it.mode == 0 {
			it.mode = 0o644
		}
		h.SetMode(it.mode)
		if it.mangle != nil {
			it.mangle(h)
		}
		w, err := zw.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(it.body)); err != nil && !strings.HasSuffix(it.name, "/") {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func link(name, target string) item {
	return item{name: name, body: target, mode: fs.ModeSymlink | 0o777}
}

func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Read-only folders would keep t.TempDir from cleaning up.
		_, _ = s.Collect(background(), nil, -1)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t testing.TB, s *Store, b []byte) ebb.Code {
	t.Helper()
	c, err := s.Put(t.Context(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// listing describes a tree: one line of mode, path and content each.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		line := fi.Mode().String() + " " + rel
		switch {
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += " " + string(b)
		case fi.Mode().Type() == fs.ModeSymlink:
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			line += " -> " + to
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return out
}

// stored lists all names below the store's directory that hold packages, the
// temporary ones included.
func stored(t testing.TB, s *Store) []string {
	t.Helper()
	var out []string
	for _, sub := range []string{packagesDir, unpackedDir} {
		es, err := os.ReadDir(filepath.Join(s.dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			out = append(out, sub+"/"+e.Name())
		}
	}
	return out
}

func wantError(t *testing.T, err error, kind ebb.Kind, typ string, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if ebb.KindOf(err) != kind || ebb.TypeOf(err) != typ {
		t.Errorf("kind %d type %q, want %d %q: %v", ebb.KindOf(err), ebb.TypeOf(err), kind, typ, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not contain %q", err, w)
		}
	}
}

func digestOf(b []byte) ebb.Digest {
	sum := sha256.Sum256(b)
	return ebb.Digest(hex.EncodeToString(sum[:]))
}

func background() context.Context { return context.Background() }
