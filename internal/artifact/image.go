package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Limits of images. AWS Lambda takes images of up to 10 GB.
const (
	DefaultMaxImage      = 10 << 30 // bytes of all files of all layers
	DefaultMaxImageFiles = 1_000_000
	DefaultPullTimeout   = 30 * time.Minute
	maxPullTimeout       = 50 * time.Minute

	// MaxLayers is what overlay file systems can stack; nobody builds more.
	MaxLayers = 500

	// pullers is how many layers of one image are fetched at once, and
	// pullAttempts how often each is tried.
	pullers      = 3
	pullAttempts = 3
)

const (
	imagesDir = "images" // <digest>.json: what an image is, its layers by name
	layersDir = "layers" // <diff id>/: one layer, unpacked
	rootsDir  = "roots"  // <digest>/: all layers of an image as one tree
	imageExt  = ".json"
)

// Image is a container image without its content.
type Image struct {
	Digest   ebb.Digest   // of the manifest for this host's platform
	Resolved string       // exactly where it came from: a reference with the digest
	Layers   []ebb.Digest // diff ids, the base first
	Config   ImageConfig
	User     *ebb.User `json:",omitempty"` // found in the layers by PutImage
}

// ImageConfig is what an image says about running it.
type ImageConfig struct {
	Entrypoint []string `json:",omitempty"`
	Cmd        []string `json:",omitempty"`
	Env        []string `json:",omitempty"` // KEY=VALUE
	WorkingDir string   `json:",omitempty"`
	User       string   `json:",omitempty"` // as it stands there; Image.User is who that is
}

// OpenLayer opens one layer of an image, by its place in Image.Layers, as an
// uncompressed tar. It may be called again after a failure.
type OpenLayer func(ctx context.Context, layer int) (io.ReadCloser, error)

// pull is the one storing of an image that all who want it wait for.
type pull struct {
	done chan struct{}
	err  error
}

// PutImage stores an image: layers that are not there yet are read and
// unpacked, then all of them become one read-only tree. When it returns without
// error the image survives a crash and needs its source no more.
//
// The work goes on when ctx ends: a client that gave up waiting for a large
// image finds it when it asks again. Close ends it.
//
// Errors: Invalid (InvalidParameterValueException) for content ebb refuses or a
// layer that is not what the image says; Unavailable for a full disk; those of
// open; ctx's error.
func (s *Store) PutImage(ctx context.Context, img *Image, open OpenLayer) error {
	if !img.Digest.Valid() || len(img.Layers) > MaxLayers {
		return badImage(img.Resolved, "it has %d layers, more than %d", len(img.Layers), MaxLayers)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed()
	}
	p := s.pulls[img.Digest]
	if p == nil {
		p = &pull{done: make(chan struct{})}
		s.pulls[img.Digest] = p
		s.pulling.Go(func() { s.pull(context.WithoutCancel(ctx), p, img, open) })
	}
	s.mu.Unlock()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pull stores the image and answers those who wait.
func (s *Store) pull(ctx context.Context, p *pull, img *Image, open OpenLayer) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.PullTimeout)
	defer cancel()
	unhook := context.AfterFunc(s.life, cancel)
	defer unhook()
	err := s.putImage(ctx, img, open)
	switch {
	case err == nil:
	case s.life.Err() != nil:
		err = errClosed()
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = unavailableImage(img.Resolved, fmt.Errorf("it was not here after %v: %w", s.cfg.PullTimeout, err))
	}
	s.mu.Lock()
	delete(s.pulls, img.Digest)
	s.mu.Unlock()
	if err != nil {
		p.err = storageFault("store image", err)
	}
	close(p.done)
}

func (s *Store) putImage(ctx context.Context, img *Image, open OpenLayer) error {
	unlock, err := s.lock(ctx, imageKey(img.Digest))
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.putLayers(ctx, img, open); err != nil {
		return err
	}
	tree, err := s.mergeImage(img)
	if err != nil {
		return err
	}
	stored := *img
	if stored.User, err = s.resolveUser(img, tree); err != nil {
		return err
	}
	if !s.exists(rootPath(img.Digest)) {
		if err := s.assemble(ctx, img, tree); err != nil {
			return err
		}
	}
	return s.writeImage(&stored)
}

// putLayers makes sure that every layer is stored. What came whole stays, even
// if another layer does not come: the next attempt begins there.
func (s *Store) putLayers(ctx context.Context, img *Image, open OpenLayer) (err error) {
	left := &budget{image: img.Resolved, bytes: s.cfg.MaxImage, files: s.cfg.MaxImageFiles}
	missing, unlock, err := s.missingLayers(ctx, img, left)
	if err != nil {
		return err
	}
	defer unlock()
	made := make([]*madeLayer, len(missing))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(pullers)
	for i, m := range missing {
		g.Go(func() error {
			var err error
			for range pullAttempts {
				made[i], err = s.makeLayer(gctx, m.digest, left, func() (io.ReadCloser, error) { return open(gctx, m.place) })
				if _, disk := errors.AsType[*fs.PathError](err); err == nil || disk || gctx.Err() != nil || !mayPass(err) {
					return err
				}
			}
			return unavailableImage(img.Resolved, fmt.Errorf("layer sha256:%s: %w", m.digest, err))
		})
	}
	err = g.Wait()
	return errors.Join(err, s.adoptLayers(made))
}

// mayPass reports whether a failure of a source may be over the next time.
func mayPass(err error) bool {
	kind := ebb.KindOf(err)
	return kind == ebb.Internal || kind == ebb.Unavailable
}

// missing is a layer that is not stored.
type missing struct {
	digest ebb.Digest
	place  int // in Image.Layers
}

// missingLayers finds which layers of an image are to be made, and holds their
// locks. All who need several take them in one order.
func (s *Store) missingLayers(ctx context.Context, img *Image, left *budget) (list []missing, unlock func(), err error) {
	var held []func()
	unlock = func() {
		for _, u := range held {
			u()
		}
	}
	places := make(map[ebb.Digest]int, len(img.Layers))
	for i, d := range img.Layers {
		if !d.Valid() {
			return nil, nil, badImage(img.Resolved, "%q is not the digest of a layer", string(d))
		}
		places[d] = i // the same layer twice in one image: common with empty ones
	}
	for _, d := range slices.Sorted(maps.Keys(places)) {
		release, err := s.lock(ctx, layerKey(d))
		if err != nil {
			unlock()
			return nil, nil, err
		}
		size, err := s.layerSize(d)
		if err != nil {
			held = append(held, release)
			list = append(list, missing{d, places[d]})
			continue
		}
		now := time.Now() // Collect leaves it alone until the image is written
		err = errors.Join(s.root.Chtimes(layerPath(d), now, now), left.take(size.Bytes, size.Files))
		release()
		if err != nil {
			unlock()
			return nil, nil, err
		}
	}
	return list, unlock, nil
}

// writeImage makes the image known: everything else of it is there.
func (s *Store) writeImage(img *Image) error {
	text, err := json.Marshal(img)
	if err != nil {
		return err
	}
	tmp := imagesDir + "/" + tmpName()
	if err := s.writeFile(tmp, text); err != nil {
		return err
	}
	if err := s.root.Rename(tmp, imagePath(img.Digest)); err != nil {
		return errors.Join(err, s.root.Remove(tmp))
	}
	return s.syncDir(imagesDir)
}

// Image returns a stored image and the absolute path of its tree, made again if
// only the layers are there. NotFound if it is not stored.
func (s *Store) Image(ctx context.Context, d ebb.Digest) (*Image, string, error) {
	img, err := s.readImage(d)
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(s.dir, rootsDir, string(d))
	if s.exists(rootPath(d)) {
		return img, path, nil
	}
	unlock, err := s.lock(ctx, imageKey(d))
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	if !s.exists(rootPath(d)) {
		tree, err := s.mergeImage(img)
		if err == nil {
			err = s.assemble(ctx, img, tree)
		}
		if err != nil {
			return nil, "", storageFault("unpack image", err)
		}
	}
	return img, path, nil
}

func (s *Store) readImage(d ebb.Digest) (*Image, error) {
	if !d.Valid() {
		return nil, notStored(d)
	}
	text, err := s.root.ReadFile(imagePath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notStored(d)
	}
	if err != nil {
		return nil, fmt.Errorf("artifact: read image: %w", err)
	}
	img := new(Image)
	if err := json.Unmarshal(text, img); err != nil || img.Digest != d {
		return nil, fmt.Errorf("artifact: image %s is damaged on disk: %w", d, err)
	}
	return img, nil
}

func imagePath(d ebb.Digest) string { return imagesDir + "/" + string(d) + imageExt }
func rootPath(d ebb.Digest) string  { return rootsDir + "/" + string(d) }
func layerPath(d ebb.Digest) string { return layersDir + "/" + string(d) }

// Keys of locks: a digest names one thing of each kind.
func imageKey(d ebb.Digest) ebb.Digest { return "image:" + d }
func layerKey(d ebb.Digest) ebb.Digest { return "layer:" + d }
