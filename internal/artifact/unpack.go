package artifact

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sync/errgroup"
)

const (
	dirMode  = 0o555
	fileMode = 0o444
	execMode = 0o555

	// syncers is how many files are synced at once: the file system commits
	// them together, which makes each ten times cheaper than one by one.
	syncers = 16
)

// unpack writes the zip in f into a new temporary tree beside the finished
// ones, synced and with its final modes, and returns its name. On error nothing
// is left.
func (s *Store) unpack(ctx context.Context, f *os.File, size int64) (tmp string, err error) {
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer s.slots.Release(1)
	zr, err := openZip(f, size, s.cfg.MaxFiles)
	if err != nil {
		return "", err
	}
	t, err := plan(zr, s.cfg.MaxFiles, s.cfg.MaxUnpacked)
	if err != nil {
		return "", err
	}
	tmp = unpackedDir + "/" + tmpName()
	if err := s.writeTree(ctx, t, tmp); err != nil {
		if rm := s.removeTree(tmp); rm != nil {
			err = errors.Join(err, rm)
		}
		return "", err
	}
	return tmp, nil
}

func (s *Store) writeTree(ctx context.Context, t *tree, tmp string) error {
	if err := s.root.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	// A root of its own: whatever a name or a link says, it cannot leave it.
	root, err := s.root.OpenRoot(tmp)
	if err != nil {
		return err
	}
	defer root.Close()
	w := &treeWriter{root: root, left: s.cfg.MaxUnpacked, limit: s.cfg.MaxUnpacked, buf: make([]byte, 64<<10)}
	for _, name := range t.order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.write(ctx, name, t.nodes[name]); err != nil {
			return err
		}
	}
	// Links come last so that nothing was ever written through one.
	for _, name := range t.order {
		if n := t.nodes[name]; n.kind == symlink {
			if err := root.Symlink(n.target, name); err != nil {
				return err
			}
		}
	}
	return seal(ctx, root, t)
}

// treeWriter writes files and counts the bytes of all of them.
type treeWriter struct {
	root  *os.Root
	left  int64
	limit int64
	buf   []byte
}

func (w *treeWriter) write(ctx context.Context, name string, n *node) error {
	switch n.kind {
	case directory:
		return w.root.Mkdir(name, 0o755)
	case regular:
		return w.writeFile(ctx, name, n)
	}
	return nil
}

func (w *treeWriter) writeFile(ctx context.Context, name string, n *node) (err error) {
	r, err := n.file.Open()
	if err != nil {
		return badEntry(n.file.Name, "%v", err)
	}
	defer r.Close()
	mode := os.FileMode(fileMode)
	if n.exec {
		mode = execMode
	}
	f, err := w.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		got, rerr := r.Read(w.buf)
		if w.left -= int64(got); w.left < 0 {
			return unpackedTooLarge(w.limit, n.file.Name)
		}
		if _, err := f.Write(w.buf[:got]); err != nil {
			return err
		}
		if rerr == io.EOF {
			return f.Chmod(mode) // not at creation: the umask must not matter
		}
		if rerr != nil {
			return badEntry(n.file.Name, "%v", unreadable(rerr))
		}
	}
}

func unreadable(err error) error {
	if errors.Is(err, zip.ErrChecksum) {
		return errors.New("its checksum does not match: the file is damaged")
	}
	return err
}

// seal makes the tree read-only and syncs every file and folder of it.
func seal(ctx context.Context, root *os.Root, t *tree) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(syncers)
	sync := func(name string, mode os.FileMode) {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := root.Open(name)
			if err != nil {
				return err
			}
			if mode != 0 {
				err = f.Chmod(mode)
			}
			if err == nil {
				err = f.Sync()
			}
			return errors.Join(err, f.Close())
		})
	}
	for _, name := range t.order {
		switch t.nodes[name].kind {
		case regular:
			sync(name, 0)
		case directory:
			sync(name, dirMode)
		}
	}
	sync(".", dirMode)
	return g.Wait()
}

func (s *Store) syncDir(name string) error {
	f, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeTree removes a file or a tree whose folders are read-only. Whoever runs
// ebb need not be root, so they are made writable on the way.
func (s *Store) removeTree(name string) error {
	fi, err := s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if fi.IsDir() {
		err := fs.WalkDir(s.root.FS(), name, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				return s.root.Chmod(p, 0o755)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("make %s removable: %w", path.Base(name), err)
		}
	}
	return s.root.RemoveAll(name)
}
