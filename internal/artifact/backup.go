package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// SaveImage hands every file that a stored image is made of to add, which closes
// it: its layers' files, then the image itself. Layers that are in saved already
// are left out, and those handed over are noted there. LoadImageFile takes what
// comes from here.
func (s *Store) SaveImage(ctx context.Context, d ebb.Digest, saved map[ebb.Digest]bool,
	add func(name string, size int64, content io.ReadCloser) error,
) error {
	img, err := s.readImage(d)
	if err != nil {
		return err
	}
	file := func(name string) error {
		f, err := s.root.Open(name)
		if err != nil {
			return err
		}
		st, err := f.Stat()
		if err != nil {
			return errors.Join(err, f.Close())
		}
		return add(name, st.Size(), f)
	}
	for _, l := range img.Layers {
		if saved[l] {
			continue
		}
		saved[l] = true
		err := fs.WalkDir(s.root.FS(), layerPath(l), func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			return file(name)
		})
		if err != nil {
			return fmt.Errorf("layer sha256:%s: %w", l, err)
		}
	}
	return file(imagePath(d))
}

// ImageFile reports whether name is one that SaveImage gives.
func ImageFile(name string) bool {
	dir, rest, ok := strings.Cut(name, "/")
	if !ok || path.Clean(name) != name {
		return false
	}
	if dir == imagesDir {
		return ebb.Digest(strings.TrimSuffix(rest, imageExt)).Valid() && strings.HasSuffix(rest, imageExt)
	}
	layer, _, ok := strings.Cut(rest, "/")
	return dir == layersDir && ok && ebb.Digest(layer).Valid()
}

// LoadImageFile writes one file of SaveImage into a store that nobody uses yet.
// Nothing is on disk for certain before LoadedImages.
func (s *Store) LoadImageFile(name string, r io.Reader) error {
	if !ImageFile(name) {
		return fmt.Errorf("%q is no file of an image", name)
	}
	if err := s.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Chmod(fileMode), f.Close())
}

// LoadedImages ends the loading of images: it makes the tree of each, which
// fails if anything of it is missing, and brings all to disk.
func (s *Store) LoadedImages(ctx context.Context) error {
	names, err := s.names(imagesDir)
	if err != nil {
		return err
	}
	layers := make(map[ebb.Digest]bool)
	var images []*Image
	for _, name := range names {
		img, err := s.readImage(ebb.Digest(strings.TrimSuffix(name, imageExt)))
		if err != nil {
			return err
		}
		images = append(images, img)
		for _, l := range img.Layers {
			layers[l] = true
		}
	}
	for l := range layers {
		if err := s.restoreModes(l); err != nil {
			return err
		}
	}
	for _, img := range images {
		if _, _, err := s.Image(ctx, img.Digest); err != nil {
			return err
		}
	}
	return s.sync(fewFiles+1, []string{imagesDir, layersDir})
}

// restoreModes gives the files of a layer the modes and owners that its index names.
func (s *Store) restoreModes(l ebb.Digest) error {
	entries, err := s.readIndex(l)
	if err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		if e.Do != entryFile {
			continue
		}
		name, mode := layerPath(l)+"/"+filePath(e.File), fs.FileMode(fileMode)
		if e.Exec {
			mode = execMode
		}
		if o := e.Owner; o != nil && s.owners {
			mode = o.mode()
			if err := s.root.Chown(name, o.UID, o.GID); err != nil {
				return err
			}
		}
		if err := s.root.Chmod(name, mode); err != nil {
			return err
		}
	}
	if _, err := s.layerSize(l); err != nil {
		return fmt.Errorf("layer sha256:%s: %w", l, err)
	}
	return nil
}
