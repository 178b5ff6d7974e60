package main

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tree writes files; a value "-> x" makes a link, a name that ends in / a folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, path)
		} else if !strings.HasSuffix(name, "/") {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pack(t *testing.T, dir string) (*codePackage, error) {
	t.Helper()
	var total, done int64
	p, err := packCode(dir, func(n int64) { total = n }, func(n int64) { done += n })
	if err == nil && total != done {
		t.Errorf("announced %d bytes, packed %d", total, done)
	}
	return p, err
}

func TestPackageIsDeterministic(t *testing.T) {
	files := map[string]string{
		"b.py": "b", "a.py": "a", "a/z": "z", "a-b": "-", "lib/deep/x": "x", "run.sh": "#!/bin/sh\n", "link": "-> lib/deep/x",
	}
	one, two := tree(t, files), tree(t, files)
	for _, dir := range []string{one, two} {
		if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// What differs between checkouts of the same source must not show.
	if err := os.Chtimes(filepath.Join(two, "a.py"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(two, "b.py"), 0o666); err != nil {
		t.Fatal(err)
	}
	first, err := pack(t, one)
	if err != nil {
		t.Fatal(err)
	}
	second, err := pack(t, two)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.zip, second.zip) || first.sha256 != second.sha256 || first.files != len(files) {
		t.Errorf("%d files, sha256 %s and %s", first.files, first.sha256, second.sha256)
	}
	if len(first.sha256) != 44 {
		t.Errorf("sha256 %q is not base64 of 32 bytes", first.sha256)
	}
	r, err := zip.NewReader(bytes.NewReader(first.zip), int64(len(first.zip)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	modes := map[string]fs.FileMode{}
	for _, f := range r.File {
		names = append(names, f.Name)
		modes[f.Name] = f.Mode()
		if !f.Modified.Equal(zipTime()) {
			t.Errorf("%s: time %s", f.Name, f.Modified)
		}
	}
	if want := []string{"a-b", "a.py", "a/z", "b.py", "lib/deep/x", "link", "run.sh"}; !slices.Equal(names, want) {
		t.Errorf("got %v", names)
	}
	if modes["run.sh"] != 0o755 || modes["b.py"] != 0o644 || modes["link"].Type() != fs.ModeSymlink {
		t.Errorf("modes %v", modes)
	}
}

func TestPackageRefuses(t *testing.T) {
	outside := t.TempDir()
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing":           {map[string]string{"empty/": ""}, "holds no files"},
		"only ignored":      {map[string]string{"ebb.yaml": "x"}, "holds no files"},
		"link up":           {map[string]string{"a/b": "-> ../../x"}, "points outside"},
		"link to parent":    {map[string]string{"a": "-> .."}, "points outside"},
		"absolute link":     {map[string]string{"a": "-> " + outside}, "points outside"},
		"backslash":         {map[string]string{`a\b`: "x"}, "not plain UTF-8"},
		"no UTF-8":          {map[string]string{"a\xff": "x"}, "not plain UTF-8"},
		"wrong ignore file": {map[string]string{ignoreFile: "[z-a]\n", "a": "x"}, "not a pattern"},
	} {
		if _, err := pack(t, tree(t, c.files)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := tree(t, map[string]string{"a.txt": "x", "a.zip": "whatever", "a.jar": "another"})
	if _, err := pack(t, filepath.Join(dir, "a.txt")); err == nil || !strings.Contains(err.Error(), "neither a folder nor") {
		t.Errorf("a text file: %v", err)
	}
	if _, err := pack(t, filepath.Join(dir, "gone")); err == nil {
		t.Error("a folder that is not there was packed")
	}
	if p, err := pack(t, filepath.Join(dir, "a.zip")); err != nil || string(p.zip) != "whatever" {
		t.Errorf("a zip file: %v", err)
	}
	if p, err := pack(t, filepath.Join(dir, "a.jar")); err != nil || string(p.zip) != "another" {
		t.Errorf("a jar: %v", err)
	}
}

// The code folder itself may be a link; what is ignored may be anything.
func TestPackageOfLinkedFolder(t *testing.T) {
	dir := tree(t, map[string]string{"real/a": "x", "real/.ebbignore": "bad\n", "real/bad": "-> /etc", "alias": "-> real"})
	p, err := pack(t, filepath.Join(dir, "alias"))
	if err != nil || p.files != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}
