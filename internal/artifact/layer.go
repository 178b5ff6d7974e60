package artifact

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// A stored layer is a folder. Its files lie in it under numbers, not under the
// names they have in the image, so that unpacking never follows a name or a link
// that somebody else chose; index says what is to become of them.
const (
	indexFile = "index" // one JSON document per line: an entry
	sizeFile  = "size"  // a layerSize
	// filesPerFolder keeps the folders of a large layer small.
	filesPerFolder = 1024
)

// layerSize is what a layer takes of an image's limits.
type layerSize struct {
	Bytes int64
	Files int
}

// budget is what is left of an image's limits. Layers are unpacked side by side.
type budget struct {
	image string
	mu    sync.Mutex
	bytes int64
	files int
}

func (b *budget) take(bytes int64, files int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= bytes
	b.files -= files
	switch {
	case b.bytes < 0:
		return badImage(b.image, "its files come to more than packages.maxImage allows")
	case b.files < 0:
		return badImage(b.image, "it has more files than packages.maxImageFiles allows")
	}
	return nil
}

func (b *budget) give(size layerSize) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += size.Bytes
	b.files += size.Files
}

// madeLayer is a layer unpacked under a temporary name, not yet on disk.
type madeLayer struct {
	digest ebb.Digest
	tmp    string
	files  int
}

// makeLayer unpacks one layer. Its lock is held.
func (s *Store) makeLayer(ctx context.Context, d ebb.Digest, left *budget, open func() (io.ReadCloser, error)) (*madeLayer, error) {
	if err := s.fetch.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer s.fetch.Release(1)
	r, err := open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	tmp := layersDir + "/" + tmpName()
	files, err := s.unpackLayer(ctx, d, left, r, tmp)
	if err != nil {
		return nil, errors.Join(err, s.removeTree(tmp))
	}
	return &madeLayer{digest: d, tmp: tmp, files: files}, nil
}

// adoptLayers brings what was made to disk, all at once, and gives it its names.
func (s *Store) adoptLayers(made []*madeLayer) error {
	made = slices.DeleteFunc(made, func(m *madeLayer) bool { return m == nil })
	if len(made) == 0 {
		return nil
	}
	files, paths := 0, make([]string, len(made))
	for i, m := range made {
		files += m.files
		paths[i] = m.tmp
	}
	err := s.sync(files, paths)
	for _, m := range made {
		if err == nil {
			err = s.settle(m.tmp, layerPath(m.digest))
			continue
		}
		err = errors.Join(err, s.removeTree(m.tmp))
	}
	return errors.Join(err, s.syncDir(layersDir))
}

func (s *Store) layerSize(d ebb.Digest) (size layerSize, err error) {
	text, err := s.root.ReadFile(layerPath(d) + "/" + sizeFile)
	if err == nil {
		err = json.Unmarshal(text, &size)
	}
	return size, err
}

// unpackLayer writes a layer into the folder tmp, and checks that it is d. It
// returns how many files it wrote.
func (s *Store) unpackLayer(ctx context.Context, d ebb.Digest, left *budget, r io.Reader, tmp string) (files int, err error) {
	if err := s.root.Mkdir(tmp, 0o755); err != nil {
		return 0, err
	}
	root, err := s.root.OpenRoot(tmp)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	index, err := root.OpenFile(indexFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	lines := bufio.NewWriter(index)
	sum := sha256.New()
	// Bytes that are no file's are counted too: a tar may be all padding.
	const framing = 64 << 20
	stream := &cappedReader{r: io.TeeReader(&ctxReader{ctx, r}, sum), left: s.cfg.MaxImage + int64(s.cfg.MaxImageFiles)*2048 + framing}
	w := &layerWriter{root: root, left: left, owners: s.owners, encode: json.NewEncoder(lines), buf: make([]byte, 64<<10)}
	defer func() {
		if err != nil { // another attempt may come
			left.give(w.size)
		}
	}()
	if err := w.all(tar.NewReader(stream)); err != nil {
		return 0, readFault(left.image, d, stream, err)
	}
	// What follows the end of the tar belongs to its digest.
	if _, err := io.CopyBuffer(io.Discard, stream, w.buf); err != nil {
		return 0, readFault(left.image, d, stream, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != string(d) {
		return 0, badImage(left.image, "layer sha256:%s has the content of sha256:%s", d, got)
	}
	size, err := json.Marshal(w.size)
	if err != nil {
		return 0, err
	}
	return w.files, errors.Join(lines.Flush(), root.WriteFile(sizeFile, size, 0o644))
}

// cappedReader fails once more than left bytes were read, and remembers the
// failures of the reader below, which are not the layer's.
type cappedReader struct {
	r    io.Reader
	left int64
	err  error
}

var errTooLong = errors.New("the tar is too long")

func (c *cappedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n, errTooLong
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// readFault tells a layer that is wrong from one that could not be read.
func readFault(image string, d ebb.Digest, stream *cappedReader, err error) error {
	_, ours := errors.AsType[*ebb.Error](err)
	_, disk := errors.AsType[*fs.PathError](err)
	switch {
	case stream.err != nil:
		return stream.err
	case ours || disk:
		return err
	}
	return badImage(image, "layer sha256:%s: %v", d, err)
}

// layerWriter turns a tar into numbered files and an index.
type layerWriter struct {
	root   *os.Root
	left   *budget
	encode *json.Encoder
	owners bool // are kept
	buf    []byte
	files  int
	size   layerSize
}

func (w *layerWriter) all(r *tar.Reader) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		// Insecure paths are judged below, whatever GODEBUG says about them.
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		e, err := layerEntry(h)
		if err != nil {
			return badImage(w.left.image, "entry %.200q: %v", h.Name, err)
		}
		if e == nil {
			continue
		}
		if w.owners && e.Do != entryRemove && e.Do != entryOpaque {
			e.Owner = ownerOf(h)
		}
		if err := w.add(e, h, r); err != nil {
			return err
		}
	}
}

func (w *layerWriter) add(e *entry, h *tar.Header, r io.Reader) error {
	w.size.Files++
	if err := w.left.take(0, 1); err != nil {
		return err
	}
	if e.Do == entryFile {
		e.File = w.files
		if err := w.content(e, h, r); err != nil {
			return err
		}
		w.files++
	}
	return w.encode.Encode(e)
}

// content writes one file under its number, with its final mode.
func (w *layerWriter) content(e *entry, h *tar.Header, r io.Reader) (err error) {
	if w.files%filesPerFolder == 0 {
		if err := w.root.Mkdir(fileFolder(w.files), 0o755); err != nil {
			return err
		}
	}
	f, err := w.root.OpenFile(filePath(w.files), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for {
		n, rerr := r.Read(w.buf)
		w.size.Bytes += int64(n)
		if err := w.left.take(int64(n), 0); err != nil {
			return err
		}
		if _, err := f.Write(w.buf[:n]); err != nil {
			return err
		}
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			return fmt.Errorf("%q: %w", h.Name, rerr)
		}
	}
	if o := e.Owner; o != nil {
		return errors.Join(f.Chown(o.UID, o.GID), f.Chmod(o.mode()))
	}
	if e.Exec {
		return f.Chmod(execMode)
	}
	return f.Chmod(fileMode)
}

func fileFolder(n int) string { return fmt.Sprintf("f%d", n/filesPerFolder) }
func filePath(n int) string   { return fmt.Sprintf("f%d/%d", n/filesPerFolder, n) }
