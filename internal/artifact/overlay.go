package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// An overlay is a folder with the merged tree of several packages and the list of
// their digests, so that it can go when one of them goes.
const (
	overlaysDir  = "overlays"
	overlayTree  = "tree"
	overlayParts = "parts" // JSON array of digests
)

// Overlay returns the absolute path of one read-only tree that holds all of the
// packages: where two have a file of the same name the later one's is there, and
// folders are merged. It is made when somebody asks first.
func (s *Store) Overlay(ctx context.Context, packages []ebb.Digest) (string, error) {
	switch len(packages) {
	case 0:
		return "", errors.New("artifact: an overlay of nothing")
	case 1:
		return s.Dir(ctx, packages[0])
	}
	key := overlayKey(packages)
	name := overlaysDir + "/" + string(key)
	path := filepath.Join(s.dir, overlaysDir, string(key), overlayTree)
	if s.exists(name) {
		return path, nil
	}
	unlock, err := s.lock(ctx, "overlay:"+key)
	if err != nil {
		return "", err
	}
	defer unlock()
	if s.exists(name) {
		return path, nil
	}
	if err := s.makeOverlay(ctx, packages, name); err != nil {
		return "", storageFault("lay packages over each other", err)
	}
	return path, nil
}

// overlayKey names a list of packages.
func overlayKey(packages []ebb.Digest) ebb.Digest {
	sum := sha256.New()
	for _, d := range packages {
		sum.Write([]byte(d))
	}
	return ebb.Digest(hex.EncodeToString(sum.Sum(nil)))
}

// makeOverlay writes the tree under a temporary name. As with images, what is
// written are names: files are the packages' own.
func (s *Store) makeOverlay(ctx context.Context, packages []ebb.Digest, name string) error {
	files := make(map[ebb.Digest][]string) // by entry.File
	for _, d := range packages {
		if _, err := s.Dir(ctx, d); err != nil {
			return err
		}
	}
	tree, err := merge(packages, func(d ebb.Digest) ([]entry, error) {
		entries, paths, err := s.treeEntries(ctx, d)
		files[d] = paths
		return entries, err
	})
	if err != nil {
		return err
	}
	parts, err := json.Marshal(packages)
	if err != nil {
		return err
	}
	tmp := overlaysDir + "/" + tmpName()
	err = s.root.Mkdir(tmp, 0o755)
	if err == nil {
		err = s.writeFile(tmp+"/"+overlayParts, parts)
	}
	if err == nil {
		err = s.root.Mkdir(tmp+"/"+overlayTree, 0o755)
	}
	if err == nil {
		err = s.materialise(ctx, tree, tmp+"/"+overlayTree, func(m *merged) string { return files[m.layer][m.file] })
	}
	if err == nil {
		err = s.root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, s.removeTree(tmp))
	}
	return s.syncDir(overlaysDir)
}

// treeEntries lists an unpacked package as a layer: folders before what is in
// them, and where its files are.
func (s *Store) treeEntries(ctx context.Context, d ebb.Digest) (entries []entry, files []string, err error) {
	top := treePath(d)
	err = fs.WalkDir(s.root.FS(), top, func(path string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || path == top {
			return err
		}
		one := entry{Path: strings.TrimPrefix(path, top+"/")}
		switch {
		case e.IsDir():
			one.Do = entryDir
		case e.Type() == fs.ModeSymlink:
			one.Do = entrySymlink
			if one.Target, err = s.root.Readlink(path); err != nil {
				return err
			}
		default:
			one.Do, one.File = entryFile, len(files)
			files = append(files, path)
		}
		entries = append(entries, one)
		return nil
	})
	return entries, files, err
}

// Unpacked is how many bytes the files of a package have.
func (s *Store) Unpacked(ctx context.Context, d ebb.Digest) (bytes int64, err error) {
	if _, err := s.Dir(ctx, d); err != nil {
		return 0, err
	}
	err = fs.WalkDir(s.root.FS(), treePath(d), func(_ string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || !e.Type().IsRegular() {
			return err
		}
		st, err := e.Info()
		if err == nil {
			bytes += st.Size()
		}
		return err
	})
	return bytes, err
}

// collectOverlays removes overlays of packages that nobody keeps. An overlay is
// not asked for any more then: versions keep all their layers or none.
func (s *Store) collectOverlays(ctx context.Context, keep map[ebb.Digest]bool, before time.Time) error {
	names, err := s.names(overlaysDir)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if d := ebb.Digest(name); d.Valid() && ctx.Err() == nil {
			if err := s.collectOverlay(ctx, d, keep, before); err != nil {
				errs = append(errs, fmt.Errorf("collect overlay %s: %w", d, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (s *Store) collectOverlay(ctx context.Context, key ebb.Digest, keep map[ebb.Digest]bool, before time.Time) error {
	unlock, err := s.lock(ctx, "overlay:"+key)
	if err != nil {
		return err
	}
	defer unlock()
	name := overlaysDir + "/" + string(key)
	st, err := s.root.Lstat(name)
	if err != nil || st.ModTime().After(before) {
		return err
	}
	var parts []ebb.Digest
	text, err := s.root.ReadFile(name + "/" + overlayParts)
	if err == nil {
		err = json.Unmarshal(text, &parts)
	}
	if err != nil {
		return err
	}
	for _, d := range parts {
		if !keep[d] {
			return s.away(overlaysDir, name)
		}
	}
	return nil
}
