package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// folder is one trigger's source.
type folder struct {
	k   *Kind
	t   *ebb.Trigger
	s   *Settings
	bad error // the settings cannot be read

	root    *os.Root // of the node's configuration
	within  string   // from root to the trigger's folder
	watcher *fsnotify.Watcher
	pending map[string]pending // files that are not complete, by path
	cleaned time.Time          // when rows without files were last looked for
}

// pending is since when a file is as it is.
type pending struct {
	identity string
	since    time.Time
}

// file is a file of the folder.
type file struct {
	name     string // from the folder on, with slashes
	size     int64
	modified time.Time
	identity string
}

// open opens the folder, below the one that the configuration allows.
func (k *Kind) open(t *ebb.Trigger, s *Settings) (*folder, error) {
	o := k.offer(t.Service, s.Path)
	if o == nil {
		return nil, fmt.Errorf("%s is not offered to the service on this node (directories)", s.Path)
	}
	rel, err := filepath.Rel(o.Path, s.Path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(o.Path)
	if err != nil {
		return nil, err
	}
	f := &folder{k: k, t: t, s: s, root: root, within: rel, pending: make(map[string]pending)}
	if err := f.there(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *folder) there() error {
	info, err := f.root.Stat(f.within)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", f.s.Path)
	}
	return err
}

func (f *folder) close() error {
	var err error
	if f.watcher != nil {
		err = f.watcher.Close()
	}
	return errors.Join(err, f.root.Close())
}

// at is the place of a file below root.
func (f *folder) at(name string) string { return path.Join(f.within, name) }

// Settling is how long to wait, after something was said to have changed, for what
// else has.
const settling = 2 * time.Millisecond

// outcomes is how often is asked how tasks went.
const outcomes = time.Second

// Run implements trigger.Source.
func (f *folder) Run(ctx context.Context, up func()) (err error) {
	if f.bad != nil {
		return f.bad
	}
	open, err := f.k.open(f.t, f.s)
	if err != nil {
		return err
	}
	f.root, f.within = open.root, open.within
	defer func() { err = errors.Join(err, f.close()) }()
	if f.watcher, err = fsnotify.NewWatcher(); err != nil {
		return fmt.Errorf("the folder cannot be watched: %w", err)
	}
	look, ask := time.NewTicker(time.Duration(f.s.Every)*time.Second), time.NewTicker(outcomes)
	defer look.Stop()
	defer ask.Stop()
	if err := f.scan(ctx); err != nil {
		return err
	}
	up()
	soon := time.NewTimer(f.soon())
	defer soon.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
			if err = f.scan(ctx); err == nil {
				up()
			}
		case e := <-f.watcher.Events:
			err = f.changed(ctx, e)
		case <-f.watcher.Errors: //nolint:errcheck // what was said is lost
			err = f.scan(ctx)
		case <-soon.C:
			err = f.settled(ctx)
		case <-ask.C:
			err = f.finish(ctx)
		}
		if err != nil {
			return err
		}
		soon.Reset(f.soon())
	}
}

// soon is when a file may be complete that is not.
func (f *folder) soon() time.Duration {
	const never = time.Hour
	next := never
	for _, p := range f.pending {
		next = min(next, time.Until(p.since.Add(time.Duration(f.s.StableFor)*time.Second)))
	}
	return max(next, 10*time.Millisecond)
}

// settled looks at the files that were not complete.
func (f *folder) settled(ctx context.Context) error {
	var names []string
	for name := range f.pending {
		names = append(names, name)
	}
	return f.look(ctx, names)
}

// changed looks at what is said to have changed, with what else is said at once.
func (f *folder) changed(ctx context.Context, e fsnotify.Event) error {
	names := make(map[string]bool)
	timer := time.NewTimer(settling)
	defer timer.Stop()
	for more := true; more; {
		whole, err := f.said(e, names)
		if err != nil {
			return err
		}
		if whole {
			return f.scan(ctx)
		}
		select {
		case e = <-f.watcher.Events:
		case <-f.watcher.Errors: //nolint:errcheck // what was said is lost
			return f.scan(ctx)
		case <-timer.C:
			more = false
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var list []string
	for name := range names {
		list = append(list, name)
	}
	return f.look(ctx, list)
}

// said adds the file that an event is of. whole says that all must be looked at.
func (f *folder) said(e fsnotify.Event, names map[string]bool) (whole bool, err error) {
	rel, err := filepath.Rel(f.s.Path, e.Name)
	if err != nil || !filepath.IsLocal(rel) {
		return false, nil //nolint:nilerr // it is none of this folder
	}
	name := filepath.ToSlash(rel)
	if name == "." {
		return false, f.there() // it may have been removed or replaced
	}
	if f.s.Marker != "" {
		name = strings.TrimSuffix(name, f.s.Marker)
	}
	if f.s.Recursive && e.Has(fsnotify.Create) {
		if info, err := f.root.Lstat(f.at(name)); err == nil && info.IsDir() {
			return true, nil
		}
	}
	if e.Has(fsnotify.Create) || e.Has(fsnotify.Write) {
		names[name] = true
	}
	return false, nil
}

// chunk is how many files are handled at once.
const chunk = 200

// scan looks at all files.
func (f *folder) scan(ctx context.Context) error {
	if err := f.there(); err != nil {
		return err
	}
	dir, err := f.root.OpenRoot(f.within)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	var names []string
	err = fs.WalkDir(dir.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil || ctx.Err() != nil: // it went away meanwhile
			return ctx.Err()
		case d.IsDir():
			return f.enter(name)
		case !d.Type().IsRegular() || !f.s.takes(name):
			return nil
		}
		if names = append(names, name); len(names) < chunk {
			return nil
		}
		err = f.look(ctx, names)
		names = names[:0]
		return err
	})
	if err == nil {
		err = f.look(ctx, names)
	}
	if err == nil {
		err = f.clean(ctx)
	}
	return err
}

// enter watches a folder that is gone into, and says if it is not.
func (f *folder) enter(name string) error {
	if name != "." && (!f.s.Recursive || f.s.passes(name)) {
		return fs.SkipDir
	}
	if f.watcher == nil {
		return nil
	}
	// Where folders cannot be watched, they are looked at.
	if err := f.watcher.Add(filepath.Join(f.s.Path, filepath.FromSlash(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.k.deps.Log.Debug("a folder is not watched", "trigger", f.t.Name, "folder", name, "error", err)
	}
	return nil
}

// stat is a file as it is now; nil if it is none that the trigger takes.
func (f *folder) stat(name string) *file {
	if !f.s.takes(name) || !f.s.Recursive && strings.Contains(name, "/") {
		return nil
	}
	info, err := f.root.Lstat(f.at(name))
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return &file{name: name, size: info.Size(), modified: info.ModTime(), identity: identity(info)}
}

// isComplete applies the trigger's rule to a file.
func (f *folder) isComplete(x *file) bool {
	switch f.s.Complete {
	case Marker:
		_, err := f.root.Lstat(f.at(x.name + f.s.Marker))
		return err == nil
	case Stable:
		now := time.Now()
		p, known := f.pending[x.name]
		if !known || p.identity != x.identity {
			f.pending[x.name] = pending{x.identity, now}
			return false
		}
		return now.Sub(p.since) >= time.Duration(f.s.StableFor)*time.Second
	}
	return true
}
