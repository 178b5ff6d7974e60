package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// codePackage is a deployment package made of a folder or read from a zip file.
type codePackage struct {
	zip    []byte
	sha256 string // base64, as the Lambda API spells it
	files  int
	image  string // instead of zip: the container image, which the platform fetches
}

// codeFile is one file that goes into a package.
type codeFile struct {
	name string // in the package, with slashes
	path string // on disk
	mode fs.FileMode
	size int64
}

// zipTime is the time of every file in a package: the earliest that the format
// knows.
func zipTime() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }

// packCode makes the package of a folder, or reads it if code is a zip file. A jar
// is one.
// begin is told the bytes to come, packed how many more are done.
func packCode(code string, begin func(total int64), packed func(n int64)) (*codePackage, error) {
	st, err := os.Stat(code)
	switch {
	case err != nil:
		return nil, usagef("code: %w", err)
	case !st.IsDir() && (strings.HasSuffix(code, ".zip") || strings.HasSuffix(code, ".jar")):
		text, err := os.ReadFile(code)
		if err != nil {
			return nil, usagef("code: %w", err)
		}
		return newPackage(text, 0), nil
	case !st.IsDir():
		return nil, usagef("code: %s is neither a folder nor a .zip or .jar file", code)
	}
	files, err := codeFiles(code)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, usagef("code: %s holds no files to deploy", code)
	}
	var total int64
	for _, f := range files {
		total += f.size
	}
	begin(total)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range files {
		if err := addFile(w, f, packed); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return newPackage(buf.Bytes(), len(files)), nil
}

func newPackage(text []byte, files int) *codePackage {
	sum := sha256.Sum256(text)
	return &codePackage{zip: text, sha256: base64.StdEncoding.EncodeToString(sum[:]), files: files}
}

// codeFiles lists what goes into the package of a folder, sorted by name. Folders
// are implied by their files.
func codeFiles(dir string) ([]codeFile, error) {
	rules, err := readIgnores(dir)
	if err != nil {
		return nil, err
	}
	// The folder itself may be a link; those inside it are not followed.
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	var files []codeFile
	err = filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil || at == root {
			return err
		}
		name, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if rules.ignored(name, d.IsDir()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		f, err := newCodeFile(name, at, d)
		files = append(files, f)
		return err
	})
	slices.SortFunc(files, func(a, b codeFile) int { return cmp.Compare(a.name, b.name) })
	return files, err
}

// newCodeFile checks that a file can be part of a package. Modes are reduced to
// what matters: whether it can be run.
func newCodeFile(name, at string, d fs.DirEntry) (codeFile, error) {
	f := codeFile{name: name, path: at, mode: 0o644}
	st, err := d.Info()
	if err != nil {
		return f, err
	}
	f.size = st.Size()
	switch {
	case !utf8.ValidString(name) || strings.Contains(name, `\`):
		return f, usagef("code: the name of %q is not plain UTF-8; rename it, or name it in %s", at, ignoreFile)
	case st.Mode().IsRegular():
		if st.Mode()&0o111 != 0 {
			f.mode = 0o755
		}
		return f, nil
	case st.Mode()&fs.ModeSymlink != 0:
		f.mode = fs.ModeSymlink | 0o777
		return f, checkLink(f)
	}
	return f, usagef("code: %s is no regular file; name it in %s to leave it out", at, ignoreFile)
}

// checkLink refuses links that mean something else where the package is unpacked.
func checkLink(f codeFile) error {
	target, err := os.Readlink(f.path)
	if err != nil {
		return err
	}
	target = filepath.ToSlash(target)
	within := path.Join(path.Dir(f.name), target)
	if path.IsAbs(target) || within == ".." || strings.HasPrefix(within, "../") {
		return usagef("code: the link %s points outside of the folder (to %s); replace it by what it points to, or name it in %s",
			f.path, target, ignoreFile)
	}
	return nil
}

// addFile writes one file into the package, telling packed how far it has come.
func addFile(w *zip.Writer, f codeFile, packed func(int64)) error {
	h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: zipTime()}
	h.SetMode(f.mode)
	dst, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	if f.mode&fs.ModeSymlink != 0 {
		target, err := os.Readlink(f.path)
		if err == nil {
			_, err = io.WriteString(dst, filepath.ToSlash(target))
			packed(f.size)
		}
		return err
	}
	src, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	if _, err := io.Copy(&watchedWriter{w: dst, written: packed}, src); err != nil {
		return fmt.Errorf("pack %s: %w", f.path, err)
	}
	return nil
}
