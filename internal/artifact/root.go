package artifact

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"syscall"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// assemble makes the tree of an image whose layers are stored. The files are
// other names of the layers' own, so that images share what they have in common.
// What is written here are names, which file systems bring to disk in order: the
// tree's own name comes last. It runs under the image's lock.
func (s *Store) assemble(ctx context.Context, img *Image, tree *merged) error {
	tmp := rootsDir + "/" + tmpName()
	err := s.root.Mkdir(tmp, 0o755)
	if err == nil {
		err = s.materialise(ctx, tree, tmp, func(m *merged) string { return layerPath(m.layer) + "/" + filePath(m.file) })
	}
	if err != nil {
		return errors.Join(err, s.removeTree(tmp))
	}
	if err := s.settle(tmp, rootPath(img.Digest)); err != nil {
		return err
	}
	return s.syncDir(rootsDir)
}

// mergeImage is the tree of an image whose layers are stored.
func (s *Store) mergeImage(img *Image) (*merged, error) {
	tree, err := merge(img.Layers, s.readIndex)
	if err != nil {
		return nil, badImage(img.Resolved, "%v", err)
	}
	if s.owners {
		tree.imply()
	}
	return tree, nil
}

// imply says whose the folders are that no layer has an entry for: root's, as
// those that a container engine makes.
func (m *merged) imply() {
	if m.isFolder() && m.owner == nil {
		m.owner = &owner{Mode: 0o755}
	}
	for _, child := range m.children {
		child.imply()
	}
}

// readIndex reads what a stored layer holds.
func (s *Store) readIndex(d ebb.Digest) ([]entry, error) {
	f, err := s.root.Open(layerPath(d) + "/" + indexFile)
	if err != nil {
		return nil, fmt.Errorf("layer sha256:%s: %w", d, err)
	}
	defer f.Close()
	var entries []entry
	for dec := json.NewDecoder(bufio.NewReader(f)); ; {
		var e entry
		switch err := dec.Decode(&e); {
		case err == io.EOF:
			return entries, nil
		case err != nil:
			return nil, fmt.Errorf("layer sha256:%s is damaged on disk: %w", d, err)
		}
		if !s.owners { // a backup of a host that keeps them
			e.Owner = nil
		}
		entries = append(entries, e)
	}
}

// materialise writes a folder's content below path. Every name it writes through
// is a folder that it made itself; source says where a file is.
func (s *Store) materialise(ctx context.Context, m *merged, path string, source func(*merged) string) error {
	for _, name := range slices.Sorted(maps.Keys(m.children)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		child, to := m.children[name], path+"/"+name
		var err error
		switch {
		case child.isFolder():
			if err = s.root.Mkdir(to, 0o755); err == nil {
				err = s.materialise(ctx, child, to, source)
			}
		case child.target != "":
			if err = s.root.Symlink(child.target, to); err == nil && child.owner != nil {
				err = s.root.Lchown(to, child.owner.UID, child.owner.GID)
			}
		default:
			err = s.linkFile(source(child), to, child.owner)
		}
		if err != nil {
			return err
		}
	}
	if o := m.owner; o != nil {
		return errors.Join(s.root.Chown(path, o.UID, o.GID), s.root.Chmod(path, o.mode()))
	}
	return s.root.Chmod(path, dirMode)
}

// linkFile gives a layer's file another name, or copies it where that cannot be:
// a file has only so many names, and some file systems allow one.
func (s *Store) linkFile(from, to string, o *owner) error {
	err := s.root.Link(from, to)
	for _, cannot := range []error{syscall.EMLINK, syscall.EPERM, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.EXDEV} {
		if errors.Is(err, cannot) {
			return s.copyFile(from, to, o)
		}
	}
	return err
}

func (s *Store) copyFile(from, to string, o *owner) error {
	src, err := s.root.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := s.root.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if o != nil {
		err = errors.Join(err, dst.Chown(o.UID, o.GID))
	}
	return errors.Join(err, dst.Chmod(st.Mode()&(fs.ModePerm|fs.ModeSticky)), dst.Sync(), dst.Close())
}

// writeFile writes a small file that is on disk when it returns.
func (s *Store) writeFile(name string, content []byte) error {
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}
