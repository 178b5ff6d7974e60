//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of /tmp that can be made, in MB. Below the smallest mkfs leaves too little.
const (
	minTmpMB = 8
	maxTmpMB = 1 << 20
)

// tmpStore makes the file systems that boxes have at /tmp, and keeps some of the
// usual size ready: copying and mounting one takes longer than all else of a box.
//
// An image is a sparse copy of an empty ext4, unlinked as soon as a loop device
// holds it, mounted but attached nowhere. Closing its mount is all it takes to
// be rid of everything.
type tmpStore struct {
	dir     string
	size    int // MB of the pooled ones
	ready   chan *os.File
	stop    context.CancelFunc
	stopped sync.WaitGroup
	log     *slog.Logger

	templates sync.Mutex // one mkfs at a time
}

// openTmp makes one image to see whether the host can, and begins to fill the
// pool.
func openTmp(ctx context.Context, dir string, size, depth int, log *slog.Logger) (*tmpStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	t := &tmpStore{dir: dir, size: size, ready: make(chan *os.File, depth), log: log}
	if err := t.sweep(); err != nil {
		return nil, err
	}
	first, err := t.make(ctx, size)
	if err != nil {
		return nil, err
	}
	if depth > 0 {
		t.ready <- first
	} else {
		_ = first.Close()
	}
	ctx, t.stop = context.WithCancel(context.WithoutCancel(ctx))
	if depth > 0 {
		t.stopped.Go(func() { t.fill(ctx) })
	}
	return t, nil
}

// refillPause is how long fill waits after a failure.
const refillPause = time.Second

// fill keeps the pool full until ctx ends. The send blocks while it is.
func (t *tmpStore) fill(ctx context.Context) {
	logged := false
	for ctx.Err() == nil {
		mount, err := t.make(ctx, t.size)
		if err != nil {
			if !logged && ctx.Err() == nil {
				t.log.Warn("no /tmp image can be made ahead", "error", err)
			}
			logged = true
			rest(ctx, refillPause)
			continue
		}
		logged = false
		select {
		case t.ready <- mount:
			continue // more than one is missing
		default:
		}
		select {
		case t.ready <- mount:
			rest(ctx, refillAfter)
		case <-ctx.Done():
			_ = mount.Close()
		}
	}
}

// take returns a mount of an empty file system with at least size MB of room,
// which anybody may write to. The caller closes it.
func (t *tmpStore) take(ctx context.Context, size int) (*os.File, error) {
	if size == t.size {
		select {
		case mount := <-t.ready:
			return mount, nil
		default:
		}
	}
	return t.make(ctx, size)
}

// close releases the images in the pool.
func (t *tmpStore) close() {
	t.stop()
	t.stopped.Wait()
	close(t.ready)
	for mount := range t.ready {
		_ = mount.Close()
	}
}

func (t *tmpStore) make(ctx context.Context, size int) (*os.File, error) {
	if size < minTmpMB || size > maxTmpMB {
		return nil, fmt.Errorf("/tmp of %d MB is not between %d and %d", size, minTmpMB, maxTmpMB)
	}
	template, err := t.template(ctx, size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = template.Close() }()
	image, err := t.copySparse(template)
	if err != nil {
		return nil, err
	}
	defer func() { _ = image.Close() }()
	device, err := attachLoop(image)
	if err != nil {
		return nil, err
	}
	defer func() { _ = device.Close() }()
	mount, err := mountExt4(device)
	if err != nil {
		return nil, err
	}
	fd := int(mount.Fd())
	err = unix.Unlinkat(fd, "lost+found", unix.AT_REMOVEDIR)
	if err == nil {
		err = unix.Fchmodat(fd, ".", 0o1777, 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("empty /tmp image: %w", err), mount.Close())
	}
	return mount, nil
}

// template opens an empty file system of that size, making it the first time.
// The name carries the layout, so that an old one is not reused.
func (t *tmpStore) template(ctx context.Context, size int) (*os.File, error) {
	path := filepath.Join(t.dir, fmt.Sprintf("%s%d-v1.ext4", templatePrefix, size))
	t.templates.Lock()
	defer t.templates.Unlock()
	if f, err := os.Open(path); !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := t.dropOldest(); err != nil {
		return nil, err
	}
	if err := t.format(ctx, path, size); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// format makes a template. It is there whole or not at all, also after a power
// cut.
func (t *tmpStore) format(ctx context.Context, path string, size int) error {
	mkfs, err := findMkfs()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(t.dir, "making-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name()) // fails when it was renamed
	}()
	// Metadata takes about 1 % with this many inodes; the room left is what
	// was asked for.
	if err := f.Truncate(int64(size+size/50+4) << 20); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, mkfs, "-q", "-F", "-b", "4096", "-i", "32768", "-m", "0",
		"-O", "^has_journal,^resize_inode", "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", f.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

const (
	templatePrefix = "template-"
	maxTemplates   = 32 // functions choose their sizes; a template is about 1 MB
)

// sweep removes what an earlier ebb was making when it died.
func (t *tmpStore) sweep() error {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), templatePrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(t.dir, e.Name())))
		}
	}
	return err
}

// dropOldest makes room for one more template. It is always safe: an image is a
// copy and a size that is asked for again gets a new one.
func (t *tmpStore) dropOldest() error {
	paths, err := filepath.Glob(filepath.Join(t.dir, templatePrefix+"*"))
	if err != nil || len(paths) < maxTemplates {
		return err
	}
	oldest, age := "", time.Time{}
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		if oldest == "" || st.ModTime().Before(age) {
			oldest, age = path, st.ModTime()
		}
	}
	return os.Remove(oldest)
}

func findMkfs() (string, error) {
	for _, name := range []string{"mkfs.ext4", "/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("mkfs.ext4 is not installed (package e2fsprogs)")
}

// copySparse copies only what is written in from, into a file without a name.
func (t *tmpStore) copySparse(from *os.File) (*os.File, error) {
	to, err := os.CreateTemp(t.dir, "image-*")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Remove(to.Name()), copyExtents(from, to)); err != nil {
		return nil, errors.Join(err, to.Close())
	}
	return to, nil
}

func copyExtents(from, to *os.File) error {
	st, err := from.Stat()
	if err != nil {
		return err
	}
	if err := to.Truncate(st.Size()); err != nil {
		return err
	}
	for at := int64(0); at < st.Size(); {
		start, err := from.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole up to the end
			return nil
		}
		if err != nil {
			return err
		}
		if at, err = from.Seek(start, unix.SEEK_HOLE); err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(to, start), io.NewSectionReader(from, start, at-start)); err != nil {
			return err
		}
	}
	return nil
}
