package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Defaults of Config, which are AWS Lambda's limits where it has one.
const (
	DefaultMaxZipped   = 50 << 20  // bytes
	DefaultMaxUnpacked = 250 << 20 // bytes
	DefaultMaxFiles    = 100_000
)

const (
	packagesDir = "packages"
	unpackedDir = "unpacked"
	payloadsDir = "payloads"
	zipExt      = ".zip"
	tmpPrefix   = ".tmp-"

	// unpackers bounds how many packages are unpacked at once: each may hold a
	// large directory listing in memory and all compete for the same disk.
	unpackers = 4

	// sharedAge is how old a temporary name of a shared directory must be to
	// count as left over: longer than anything takes.
	sharedAge = maxPullTimeout + time.Hour
)

// folders are all that Open makes and clears of what is half-written.
var folders = [...]string{packagesDir, unpackedDir, overlaysDir, imagesDir, layersDir, rootsDir, payloadsDir}

// Config says where packages live and how large they may be. Zero values mean
// the defaults above.
type Config struct {
	Dir         string `yaml:"dir"`         // created if missing
	Shared      bool   `yaml:"-"`           // other processes use Dir, too
	MaxZipped   int64  `yaml:"maxZipped"`   // bytes of one zip
	MaxUnpacked int64  `yaml:"maxUnpacked"` // bytes of all files of one package
	MaxFiles    int    `yaml:"maxFiles"`    // files, links and directories of one package
	MaxStored   int64  `yaml:"maxStored"`   // bytes of all zips together; 0 = no limit

	MaxImage      int64         `yaml:"maxImage"`      // bytes of all files of all layers of one image
	MaxImageFiles int           `yaml:"maxImageFiles"` // entries of all layers of one image
	PullTimeout   time.Duration `yaml:"pullTimeout"`   // how long storing one image may take
}

// Validate reports the first field that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "Dir: must not be empty")
	case c.MaxZipped < 0, c.MaxUnpacked < 0, c.MaxFiles < 0, c.MaxStored < 0:
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"MaxZipped, MaxUnpacked, MaxFiles, MaxStored: must not be negative")
	case c.MaxImage < 0, c.MaxImageFiles < 0, c.PullTimeout < 0:
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"MaxImage, MaxImageFiles, PullTimeout: must not be negative")
	case c.PullTimeout > maxPullTimeout:
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"PullTimeout: %v is more than %v, after which what is on its way may be collected", c.PullTimeout, maxPullTimeout)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MaxZipped == 0 {
		c.MaxZipped = DefaultMaxZipped
	}
	if c.MaxUnpacked == 0 {
		c.MaxUnpacked = DefaultMaxUnpacked
	}
	if c.MaxFiles == 0 {
		c.MaxFiles = DefaultMaxFiles
	}
	if c.MaxImage == 0 {
		c.MaxImage = DefaultMaxImage
	}
	if c.MaxImageFiles == 0 {
		c.MaxImageFiles = DefaultMaxImageFiles
	}
	if c.PullTimeout == 0 {
		c.PullTimeout = DefaultPullTimeout
	}
	return c
}

// Store is a directory of packages. Its methods may be called concurrently.
// With Config.Shared so may those of other processes; else one process may have
// a directory open at a time, and whoever opens the data directory sees to that.
type Store struct {
	cfg    Config
	dir    string // absolute
	root   *os.Root
	slots  *semaphore.Weighted
	fetch  *semaphore.Weighted // layers that may be on their way at once
	stored atomic.Int64        // bytes of all zips
	owners bool                // files of images can be given to anybody

	life    context.Context // of storing images: ends with Close
	end     context.CancelFunc
	pulling sync.WaitGroup

	mu     sync.Mutex
	locks  map[ebb.Digest]*digestLock
	pulls  map[ebb.Digest]*pull // images being stored
	closed bool
}

// Limits returns the configuration in force, defaults filled in.
func (s *Store) Limits() Config { return s.cfg }

// Open prepares cfg.Dir and removes what a crash left half-written.
func Open(cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("artifact directory: %w", err)
	}
	for _, sub := range folders {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, storageFault("open", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("artifact directory: %w", err)
	}
	s := &Store{
		cfg: cfg, dir: dir, root: root,
		slots: semaphore.NewWeighted(unpackers),
		fetch: semaphore.NewWeighted(2 * pullers),
		locks: make(map[ebb.Digest]*digestLock),
		pulls: make(map[ebb.Digest]*pull),
	}
	s.life, s.end = context.WithCancel(context.Background())
	err = s.recover()
	if err == nil {
		err = s.probeOwners()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends the storing of images and releases the directory. Trees and zips
// that were handed out stay valid.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.pulling.Wait()
	return s.root.Close()
}

// Stored is the size of all zips together, in bytes.
func (s *Store) Stored() int64 { return s.stored.Load() }

// recover removes temporary names and counts what is stored.
func (s *Store) recover() error {
	for _, sub := range folders {
		names, err := s.names(sub)
		if err != nil {
			return err
		}
		for _, name := range names {
			full := sub + "/" + name
			if strings.HasPrefix(name, tmpPrefix) {
				if s.underWay(full) {
					continue
				}
				if err := s.removeTree(full); err != nil {
					return fmt.Errorf("remove left-over %s: %w", full, err)
				}
				continue
			}
			if sub != packagesDir {
				continue
			}
			if fi, err := s.root.Lstat(full); err == nil {
				s.stored.Add(fi.Size())
			}
		}
	}
	return nil
}

// probeOwners finds out whether files of images can belong to whom they belong in
// the image. Nobody but ebb comes near them then: the numbers may be those of the
// host's own users.
func (s *Store) probeOwners() error {
	tmp := rootsDir + "/" + tmpName()
	if err := s.root.Mkdir(tmp, 0o700); err != nil {
		return storageFault("open", err)
	}
	s.owners = s.root.Chown(tmp, nobody, nobody) == nil
	err := s.root.Remove(tmp)
	if s.owners {
		err = errors.Join(err, s.root.Chmod(layersDir, 0o700), s.root.Chmod(rootsDir, 0o700))
	}
	if err != nil {
		return storageFault("open", err)
	}
	return nil
}

// underWay reports whether another process may be writing the temporary name.
func (s *Store) underWay(name string) bool {
	if !s.cfg.Shared {
		return false
	}
	fi, err := s.root.Lstat(name)
	return err != nil || time.Since(fi.ModTime()) < sharedAge
}

// settle gives a finished tree its name. If it is there already, another process
// that shares the directory was first, with the same content.
func (s *Store) settle(tmp, name string) error {
	err := s.root.Rename(tmp, name)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return s.removeTree(tmp)
	}
	if err != nil {
		return errors.Join(err, s.removeTree(tmp))
	}
	return nil
}

// Zip opens the package as it was uploaded. The caller closes it. The size is
// in bytes.
func (s *Store) Zip(_ context.Context, d ebb.Digest) (io.ReadCloser, int64, error) {
	if !d.Valid() {
		return nil, 0, notStored(d)
	}
	f, err := s.root.Open(zipPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, notStored(d)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open package: %w", err)
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, fi.Size(), nil
}

// Dir returns the absolute path of the package's unpacked tree, unpacking it
// again if only the zip is there. Callers of one digest share one unpacking.
func (s *Store) Dir(ctx context.Context, d ebb.Digest) (string, error) {
	if !d.Valid() {
		return "", notStored(d)
	}
	path := filepath.Join(s.dir, unpackedDir, string(d))
	if s.exists(treePath(d)) {
		return path, nil
	}
	unlock, err := s.lock(ctx, d)
	if err != nil {
		return "", err
	}
	defer unlock()
	if s.exists(treePath(d)) {
		return path, nil
	}
	if err := s.unpackStored(ctx, d); err != nil {
		return "", err
	}
	return path, nil
}

func zipPath(d ebb.Digest) string  { return packagesDir + "/" + string(d) + zipExt }
func treePath(d ebb.Digest) string { return unpackedDir + "/" + string(d) }

func (s *Store) exists(name string) bool {
	_, err := s.root.Lstat(name)
	return err == nil
}

func (s *Store) names(dir string) ([]string, error) {
	f, err := s.root.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	names, err := f.Readdirnames(-1)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	return names, nil
}
