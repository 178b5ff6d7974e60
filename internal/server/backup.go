package server

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// A backup is a zstd-compressed tar of these entries, the database first, so
// that every package it names is among what follows.
const (
	backupDatabase    = "ebb.db"
	backupCredentials = auth.CredentialsFile
	backupPackages    = "packages/"  // <digest>.zip
	backupImages      = "container/" // what artifact.Store.SaveImage gives
	backupPayloads    = "payloads/"  // <digest>, of events
	backupLogs        = "logs/"      // as they lie in the data directory
)

// backup writes a consistent copy of the node to w while it goes on serving.
func (n *node) backup(ctx context.Context, w io.Writer) error {
	n.keep.RLock() // nothing the copy names is collected meanwhile
	defer n.keep.RUnlock()
	tmp, err := os.MkdirTemp(n.cfg.Data, "backup-")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	database := filepath.Join(tmp, backupDatabase)
	if err := n.store.Snapshot(ctx, database); err != nil {
		return err
	}
	digests, err := n.functions.Digests(ctx)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(w)
	if err != nil {
		return err
	}
	b := &backupWriter{ctx: ctx, tar: tar.NewWriter(z)}
	b.file(backupDatabase, database)
	b.file(backupCredentials, n.path(auth.CredentialsFile))
	layers := make(map[ebb.Digest]bool)
	for digest := range digests {
		zip, size, err := n.packages.Zip(ctx, digest)
		if ebb.KindOf(err) == ebb.NotFound {
			err = n.packages.SaveImage(ctx, digest, layers, func(name string, size int64, r io.ReadCloser) error {
				b.add(backupImages+name, size, r)
				return b.err
			})
		}
		if ebb.KindOf(err) == ebb.NotFound {
			continue // stored after the snapshot was made, and gone again
		}
		b.note(err)
		b.add(backupPackages+string(digest)+".zip", size, zip)
	}
	b.payloads(n.packages)
	b.tree(backupLogs, n.path("logs"))
	return errors.Join(b.err, b.tar.Close(), z.Close())
}

// backupWriter adds entries until one fails.
type backupWriter struct {
	ctx context.Context
	tar *tar.Writer
	err error
}

func (b *backupWriter) note(err error) {
	if b.err == nil {
		b.err = errors.Join(err, b.ctx.Err())
	}
}

// add writes one entry of exactly size bytes from r, and closes r.
func (b *backupWriter) add(name string, size int64, r io.ReadCloser) {
	if r == nil {
		return
	}
	defer func() { _ = r.Close() }()
	if b.err != nil {
		return
	}
	b.note(b.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: time.Now(), Format: tar.FormatPAX}))
	if b.err == nil {
		_, err := io.CopyN(b.tar, r, size)
		b.note(err)
	}
}

// payloads adds the payloads of events. All of them: which the copy of the
// database names, only that knows.
func (b *backupWriter) payloads(s *artifact.Store) {
	digests, err := s.Payloads()
	b.note(err)
	for _, digest := range digests {
		content, err := s.Payload(b.ctx, digest)
		b.note(err)
		b.add(backupPayloads+string(digest), int64(len(content)), io.NopCloser(bytes.NewReader(content)))
	}
}

// file adds a file as long as it is now; it may grow meanwhile.
func (b *backupWriter) file(name, from string) {
	f, err := os.Open(from)
	if err != nil {
		b.note(err)
		return
	}
	info, err := f.Stat()
	if err != nil {
		b.note(errors.Join(err, f.Close()))
		return
	}
	b.add(name, info.Size(), f)
}

// tree adds the files below dir. One that vanishes meanwhile (retention) is left out.
func (b *backupWriter) tree(prefix, dir string) {
	b.note(filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && b.err == nil {
			rel, rerr := filepath.Rel(dir, p)
			if rerr != nil {
				return rerr
			}
			b.file(prefix+filepath.ToSlash(rel), p)
			if errors.Is(b.err, fs.ErrNotExist) {
				b.err = nil
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}))
}

// Restore makes the data directory cfg.Data from a backup. It must not exist or
// be empty; it appears whole or not at all. If cfg names a PostgreSQL database
// the rows go there, all or none; it must be one that nobody has served yet.
func Restore(ctx context.Context, cfg Config, r io.Reader) error {
	dir, err := filepath.Abs(cfg.Data)
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return ebb.Errorf(ebb.Conflict, ebb.TypeDataDirectoryInUse, "--data: %s is not empty; restore into a new directory", dir)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".ebb-restore-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := unpackBackup(ctx, tmp, r); err != nil {
		return ebb.Errorf(ebb.Invalid, ebb.TypeBackupBroken, "backup: %w", err)
	}
	if cfg.Database.URL != "" {
		if err := loadDatabase(ctx, cfg.Database, filepath.Join(tmp, backupDatabase)); err != nil {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(tmp, dir)
}

// loadDatabase moves the rows of an SQLite file to a PostgreSQL database.
func loadDatabase(ctx context.Context, database store.Config, file string) error {
	s, err := store.Open(ctx, database)
	if err != nil {
		return err
	}
	if err := errors.Join(s.Load(ctx, file), s.Close()); err != nil {
		return err
	}
	return os.Remove(file)
}

// unpackBackup reads every entry, and then opens what was written: a backup
// that cannot be used is refused now, not at the next start.
func unpackBackup(ctx context.Context, dir string, r io.Reader) error {
	seen, err := unpackEntries(ctx, dir, r)
	if err != nil {
		return err
	}
	for _, name := range []string{backupDatabase, backupCredentials} {
		if !seen[name] {
			return fmt.Errorf("no entry %s", name)
		}
	}
	if _, err := auth.LoadRoot(dir); err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, backupDatabase)})
	if err != nil {
		return err
	}
	// Where nothing is sealed, the master key that the backup does not have is not
	// missed: the first start makes another.
	err = s.Tx(ctx, (*store.Tx).ForgetMasterKey)
	return errors.Join(err, s.Close())
}

// unpackEntries writes every entry to where it belongs under dir, and returns
// their names.
func unpackEntries(ctx context.Context, dir string, r io.Reader) (seen map[string]bool, err error) {
	z, err := zstd.NewReader(r)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	// What was accepted once is not measured again.
	packages, err := artifact.Open(artifact.Config{Dir: filepath.Join(dir, "packages"),
		MaxZipped: 1 << 40, MaxUnpacked: 1 << 40, MaxFiles: 1 << 30})
	if err != nil {
		return nil, err
	}
	defer func() { _ = packages.Close() }()
	seen = make(map[string]bool)
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return seen, packages.LoadedImages(ctx)
		}
		if err != nil {
			return nil, err
		}
		seen[h.Name] = true
		switch {
		case h.Name == backupDatabase, h.Name == backupCredentials, strings.HasPrefix(h.Name, backupLogs):
			err = writeInto(root, h.Name, t)
		case strings.HasPrefix(h.Name, backupPackages):
			err = putPackage(ctx, packages, h.Name, t)
		case strings.HasPrefix(h.Name, backupPayloads):
			err = putPayload(ctx, packages, h.Name, t)
		case strings.HasPrefix(h.Name, backupImages):
			err = packages.LoadImageFile(strings.TrimPrefix(h.Name, backupImages), t)
		default:
			err = fmt.Errorf("unknown entry %q", h.Name)
		}
		if err != nil {
			return nil, err
		}
	}
}

// writeInto writes one entry as a file that is on disk when it returns.
func writeInto(root *os.Root, name string, r io.Reader) error {
	if d := path.Dir(name); d != "." {
		if err := root.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

// putPackage stores a package and checks that it is what its name says.
func putPackage(ctx context.Context, s *artifact.Store, name string, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	code, err := s.Put(ctx, bytes.NewReader(content))
	if err != nil {
		return err
	}
	if want := strings.TrimSuffix(path.Base(name), ".zip"); string(code.Digest) != want {
		return fmt.Errorf("package %s holds %s", want, code.Digest)
	}
	return nil
}

// putPayload stores a payload and checks that it is what its name says.
func putPayload(ctx context.Context, s *artifact.Store, name string, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	digest, err := s.PutPayload(ctx, content)
	if err != nil {
		return err
	}
	if want := path.Base(name); string(digest) != want {
		return fmt.Errorf("payload %s holds %s", want, digest)
	}
	return nil
}
