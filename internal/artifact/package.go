package artifact

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Put stores one zip and unpacks it. When it returns without error the package
// survives a crash and Dir answers at once. Content that is stored already costs
// the reading only.
//
// Errors: Invalid (InvalidParameterValueException) for a file that is no zip or
// holds an entry ebb refuses, named in the message, or unpacks to too much;
// TooLarge (RequestEntityTooLargeException) for a zip over MaxZipped;
// QuotaExceeded (CodeStorageExceededException) over MaxStored; Unavailable for
// a full disk; ctx's error; r's error; that of an inspection.
func (s *Store) Put(ctx context.Context, r io.Reader, inspect ...Inspection) (ebb.Code, error) {
	return s.put(ctx, r, s.cfg.MaxZipped, inspect)
}

// Inspection looks at a zip that was received and not yet unpacked or stored, and
// may refuse it.
type Inspection func(zip io.ReaderAt, size int64) error

// PutLarge is Put for zips that did not come with a request: they may have as
// many bytes as what they unpack to.
func (s *Store) PutLarge(ctx context.Context, r io.Reader, inspect ...Inspection) (ebb.Code, error) {
	return s.put(ctx, r, s.maxLarge(), inspect)
}

// maxLarge is the size of the largest zip from elsewhere.
func (s *Store) maxLarge() int64 { return max(s.cfg.MaxZipped, s.cfg.MaxUnpacked) }

func (s *Store) put(ctx context.Context, r io.Reader, limit int64, inspect []Inspection) (ebb.Code, error) {
	up, err := s.receive(ctx, r, limit, inspect)
	if err != nil {
		return ebb.Code{}, storageFault("receive package", err)
	}
	defer s.discard(up)
	unlock, err := s.lock(ctx, up.code.Digest)
	if err != nil {
		return ebb.Code{}, err
	}
	defer unlock()
	if err := s.install(ctx, up); err != nil {
		return ebb.Code{}, storageFault("store package", err)
	}
	return up.code, nil
}

// Check does what Put does and stores nothing: a dry run. Its errors are those
// of Put.
func (s *Store) Check(ctx context.Context, r io.Reader, inspect ...Inspection) (ebb.Code, error) {
	return s.check(ctx, r, s.cfg.MaxZipped, inspect)
}

// CheckLarge is Check for what PutLarge takes.
func (s *Store) CheckLarge(ctx context.Context, r io.Reader, inspect ...Inspection) (ebb.Code, error) {
	return s.check(ctx, r, s.maxLarge(), inspect)
}

func (s *Store) check(ctx context.Context, r io.Reader, limit int64, inspect []Inspection) (ebb.Code, error) {
	up, err := s.receive(ctx, r, limit, inspect)
	if err != nil {
		return ebb.Code{}, storageFault("receive package", err)
	}
	defer s.discard(up)
	tmp, err := s.unpack(ctx, up.file, up.code.Size)
	if err != nil {
		return ebb.Code{}, storageFault("check package", err)
	}
	if err := s.removeTree(tmp); err != nil {
		return ebb.Code{}, storageFault("check package", err)
	}
	return up.code, nil
}

// upload is a zip received into a temporary file.
type upload struct {
	file *os.File
	name string // "" once it was renamed into place
	code ebb.Code
}

// receive streams r into a temporary file, hashing on the way, and has it
// inspected.
func (s *Store) receive(ctx context.Context, r io.Reader, limit int64, inspect []Inspection) (*upload, error) {
	up := &upload{name: packagesDir + "/" + tmpName()}
	f, err := s.root.OpenFile(up.name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	up.file = f
	sum := sha256.New()
	n, err := io.Copy(hashingWriter{f, sum}, io.LimitReader(&ctxReader{ctx, r}, limit+1))
	if err == nil && n > limit {
		err = zippedTooLarge(limit)
	}
	if err == nil && n == 0 {
		err = emptyZip()
	}
	for _, look := range inspect {
		if err == nil {
			err = look(f, n)
		}
	}
	if err != nil {
		s.discard(up)
		return nil, err
	}
	up.code = ebb.Code{Digest: ebb.Digest(hex.EncodeToString(sum.Sum(nil))), Size: n}
	return up, nil
}

// discard drops the temporary file. Open removes what it cannot.
func (s *Store) discard(up *upload) {
	_ = up.file.Close()
	if up.name != "" {
		_ = s.root.Remove(up.name)
	}
}

// install makes an upload visible, zip and tree, unless its content already is.
// It runs under the digest's lock.
func (s *Store) install(ctx context.Context, up *upload) error {
	d := up.code.Digest
	haveZip, haveTree := s.exists(zipPath(d)), s.exists(treePath(d))
	if haveZip {
		now := time.Now()
		if err := s.root.Chtimes(zipPath(d), now, now); err != nil {
			return err
		}
	}
	if haveZip && haveTree {
		return nil
	}
	if !haveZip {
		if total := s.stored.Add(up.code.Size); s.cfg.MaxStored > 0 && total > s.cfg.MaxStored {
			s.stored.Add(-up.code.Size)
			return storageExceeded(s.cfg.MaxStored)
		}
	}
	err := s.installNew(ctx, up, haveZip, haveTree)
	if err != nil && !haveZip && up.name != "" {
		s.stored.Add(-up.code.Size)
	}
	return err
}

func (s *Store) installNew(ctx context.Context, up *upload, haveZip, haveTree bool) error {
	d := up.code.Digest
	tmp := ""
	if !haveTree {
		var err error
		if tmp, err = s.unpack(ctx, up.file, up.code.Size); err != nil {
			return err
		}
	}
	if !haveZip {
		err := up.file.Sync()
		if err == nil {
			err = s.root.Rename(up.name, zipPath(d))
		}
		if err == nil {
			up.name = ""
			err = s.syncDir(packagesDir)
		}
		if err != nil {
			if tmp != "" {
				err = errors.Join(err, s.removeTree(tmp))
			}
			return err
		}
	}
	if tmp == "" {
		return nil
	}
	return s.adopt(tmp, d)
}

// unpackStored makes the tree of a stored zip again. The zip is hashed first:
// code that is not what was deployed must not run.
func (s *Store) unpackStored(ctx context.Context, d ebb.Digest) error {
	r, size, err := s.Zip(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	f := r.(*os.File)
	sum := sha256.New()
	if _, err := io.Copy(sum, &ctxReader{ctx, f}); err != nil {
		return storageFault("read package", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != string(d) {
		return ebb.Errorf(ebb.Internal, ebb.TypeServiceException,
			"Code: package %s is damaged on disk: its digest is %s", d, got)
	}
	tmp, err := s.unpack(ctx, f, size)
	if err != nil {
		return storageFault("unpack package", err)
	}
	if err := s.adopt(tmp, d); err != nil {
		return storageFault("unpack package", err)
	}
	return nil
}

// adopt gives a finished tree its name. Both names are in one folder: moving a
// read-only directory elsewhere needs write permission on it.
func (s *Store) adopt(tmp string, d ebb.Digest) error {
	if err := s.settle(tmp, treePath(d)); err != nil {
		return err
	}
	return s.syncDir(unpackedDir)
}

func tmpName() string { return tmpPrefix + strings.ToLower(rand.Text()) }

type hashingWriter struct {
	w io.Writer
	h hash.Hash
}

func (w hashingWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.h.Write(p[:n])
	return n, err
}

// ctxReader ends with ctx's error between reads.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
