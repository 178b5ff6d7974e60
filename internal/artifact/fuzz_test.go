package artifact

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// FuzzUnpack puts arbitrary bytes. Whatever they are, nothing may appear outside
// the tree, the limits hold, links stay inside, and a refused file leaves
// nothing. With TMPDIR on a memory file system it runs twenty times faster.
func FuzzUnpack(f *testing.F) {
	for _, items := range [][]item{
		{{name: "handler.py", body: "x"}},
		{{name: "../evil", body: "x"}},
		{{name: "a/"}, {name: "a/b", body: "x", mode: 0o755}},
		{link("a", "b"), {name: "b", body: "x"}},
		{link("a/b/c/up", "../../.."), link("a/b/c/out", "up/../x")},
		{link("l", "/etc/passwd")},
		{{name: "zeros", body: strings.Repeat("\x00", 1<<17)}},
		{{name: "p", mode: fs.ModeNamedPipe}},
	} {
		f.Add(makeZip(f, items...))
	}
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		const maxUnpacked, maxFiles = 1 << 16, 64
		outer := t.TempDir()
		s := openStore(t, Config{Dir: filepath.Join(outer, "store"), MaxUnpacked: maxUnpacked, MaxFiles: maxFiles})
		code, err := s.Put(t.Context(), bytes.NewReader(b))
		if es, _ := os.ReadDir(outer); len(es) != 1 {
			t.Fatalf("written outside: %v", es)
		}
		if err != nil {
			if k := ebb.KindOf(err); k != ebb.Invalid && k != ebb.TooLarge {
				t.Fatalf("kind %d: %v", k, err)
			}
			if left := stored(t, s); len(left) != 0 {
				t.Fatalf("left behind: %v", left)
			}
			return
		}
		dir, err := s.Dir(t.Context(), code.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkTree(t, dir, maxUnpacked, maxFiles)
	})
}

func checkTree(t *testing.T, dir string, maxBytes int64, maxFiles int) {
	t.Helper()
	var size int64
	files := -1 // the tree itself
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		files++
		switch {
		case fi.Mode().IsRegular():
			size += fi.Size()
		case fi.Mode().Type() == fs.ModeSymlink:
			if to, err := filepath.EvalSymlinks(p); err == nil && to != dir && !strings.HasPrefix(to, dir+"/") {
				t.Errorf("%s leads to %s", p, to)
			}
			return nil
		case !fi.IsDir():
			t.Errorf("%s is %s", p, fi.Mode())
		}
		if fi.Mode()&0o7222 != 0 {
			t.Errorf("%s has mode %s", p, fi.Mode())
		}
		return nil
	})
	if err != nil || size > maxBytes || files > maxFiles {
		t.Errorf("%d bytes in %d files, %v", size, files, err)
	}
}

func FuzzEntryName(f *testing.F) {
	for _, s := range []string{"a", "../a", "a/../..", "/a", "a//b/./c", "C:", "\x00", ".", "a/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean, err := entryName(name)
		if err != nil {
			return
		}
		if clean != "" && (!fs.ValidPath(clean) && strings.ToValidUTF8(clean, "") == clean || !filepath.IsLocal(clean)) {
			t.Errorf("%q became %q", name, clean)
		}
	})
}
