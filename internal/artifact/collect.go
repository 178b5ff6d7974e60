package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Collect removes packages and images that are not in keep and were last Put
// longer than olderThan ago, with their trees, the overlays that they are part of
// and the layers that no image is left to use, and reports how many packages and
// images went. What cannot be removed is left for the next time and told in err.
// olderThan must be longer than Config.PullTimeout, or what is on its way may go.
func (s *Store) Collect(ctx context.Context, keep map[ebb.Digest]bool, olderThan time.Duration) (removed int, err error) {
	before := time.Now().Add(-olderThan)
	packages, err := s.collectPackages(ctx, keep, before)
	images, ierr := s.collectImages(ctx, keep, before)
	return packages + images, errors.Join(err, ierr, s.collectLayers(ctx, before), s.collectOverlays(ctx, keep, before))
}

// stock is one kind of what Collect removes: files, and the trees made of them.
type stock struct {
	name         string
	files, trees string // folders
	ext          string // of the files
	lock         func(ebb.Digest) ebb.Digest
	removed      func(size int64)
}

func (k *stock) file(d ebb.Digest) string { return k.files + "/" + string(d) + k.ext }

func (s *Store) collectPackages(ctx context.Context, keep map[ebb.Digest]bool, before time.Time) (removed int, err error) {
	return s.collect(ctx, &stock{name: "package", files: packagesDir, trees: unpackedDir, ext: zipExt,
		lock: func(d ebb.Digest) ebb.Digest { return d }, removed: func(size int64) { s.stored.Add(-size) }}, keep, before)
}

func (s *Store) collect(ctx context.Context, k *stock, keep map[ebb.Digest]bool, before time.Time) (removed int, err error) {
	found := make(map[ebb.Digest]bool)
	for _, sub := range []string{k.files, k.trees} {
		names, err := s.names(sub)
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			if d := ebb.Digest(strings.TrimSuffix(name, k.ext)); d.Valid() && !keep[d] {
				found[d] = true
			}
		}
	}
	var errs []error
	for d := range found {
		if ctx.Err() != nil {
			errs = append(errs, ctx.Err())
			break
		}
		gone, err := s.collectOne(ctx, k, d, before)
		if err != nil {
			errs = append(errs, fmt.Errorf("collect %s %s: %w", k.name, d, err))
		}
		if gone {
			removed++
		}
	}
	return removed, errors.Join(errs...)
}

// collectOne removes one file with its tree unless it was Put since before. The age
// is read under the digest's lock, so a Put that found the content here has either
// renewed it already or will store it again.
func (s *Store) collectOne(ctx context.Context, k *stock, d ebb.Digest, before time.Time) (bool, error) {
	unlock, err := s.lock(ctx, k.lock(d))
	if err != nil {
		return false, err
	}
	defer unlock()
	fi, err := s.root.Lstat(k.file(d))
	switch {
	case errors.Is(err, fs.ErrNotExist): // a tree whose file is gone is of no use
	case err != nil:
		return false, err
	case fi.ModTime().After(before):
		return false, nil
	default:
		if err := s.root.Remove(k.file(d)); err != nil {
			return false, err
		}
		k.removed(fi.Size())
	}
	return true, s.away(k.trees, k.trees+"/"+string(d))
}
