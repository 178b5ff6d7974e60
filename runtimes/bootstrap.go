package runtimes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeBootstraps puts the embedded bootstraps under dir, readable by every uid,
// and returns the folder that holds them. The folder is named by content: an
// older ebb's boxes keep theirs.
func writeBootstraps(dir string) (string, error) {
	sum := sha256.New()
	contents := make(map[string][]byte)
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == "catalog.json" {
			return err
		}
		if strings.HasSuffix(path, "_test.py") || strings.HasSuffix(path, ".md") {
			return nil
		}
		text, err := files.ReadFile(path)
		contents[path] = text
		sum.Write([]byte(path))
		sum.Write(text)
		return err
	})
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, hex.EncodeToString(sum.Sum(nil))[:16])
	for path, text := range contents {
		target := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return "", err
		}
		if have, err := os.ReadFile(target); err == nil && bytes.Equal(have, text) {
			continue
		}
		if err := writeFile(target, text); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// writeFile replaces path whole or not at all.
func writeFile(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already if all went well
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
