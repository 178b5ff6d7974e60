package artifact

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// collectImages removes images that nobody keeps; their layers follow.
func (s *Store) collectImages(ctx context.Context, keep map[ebb.Digest]bool, before time.Time) (removed int, err error) {
	return s.collect(ctx, &stock{name: "image", files: imagesDir, trees: rootsDir, ext: imageExt, lock: imageKey, removed: func(int64) {}}, keep, before)
}

// collectLayers removes layers that belong to no stored image. One that was just
// unpacked, or found for an image still on its way, is too young to go.
func (s *Store) collectLayers(ctx context.Context, before time.Time) error {
	used, err := s.usedLayers()
	if err != nil {
		return err
	}
	names, err := s.names(layersDir)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if d := ebb.Digest(name); d.Valid() && !used[d] {
			if err := s.collectLayer(ctx, d, before); err != nil {
				errs = append(errs, fmt.Errorf("collect layer %s: %w", d, err))
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (s *Store) usedLayers() (map[ebb.Digest]bool, error) {
	names, err := s.names(imagesDir)
	if err != nil {
		return nil, err
	}
	used := make(map[ebb.Digest]bool)
	for _, name := range names {
		d := ebb.Digest(strings.TrimSuffix(name, imageExt))
		if !d.Valid() {
			continue
		}
		img, err := s.readImage(d)
		if err != nil { // which layers it needs is not known: all stay
			return nil, err
		}
		for _, l := range img.Layers {
			used[l] = true
		}
	}
	return used, nil
}

func (s *Store) collectLayer(ctx context.Context, d ebb.Digest, before time.Time) error {
	unlock, err := s.lock(ctx, layerKey(d))
	if err != nil {
		return err
	}
	defer unlock()
	fi, err := s.root.Lstat(layerPath(d))
	if err != nil || fi.ModTime().After(before) {
		return err
	}
	return s.away(layersDir, layerPath(d))
}

// away removes a tree that may be there. Renamed first: a crash half-way must
// not leave one that looks whole.
func (s *Store) away(dir, path string) error {
	if !s.exists(path) {
		return nil
	}
	tmp := dir + "/" + tmpName()
	if err := s.root.Rename(path, tmp); err != nil {
		return err
	}
	return s.removeTree(tmp)
}
