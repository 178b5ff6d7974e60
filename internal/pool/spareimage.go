package pool

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/runtimes"
)

// imageStocks is of how many container images boxes are made ahead: of those
// started last. Each has mounts of its own, which nobody else can use.
const imageStocks = 8

// imageKey is what a box with an image's root depends on.
type imageKey struct {
	digest ebb.Digest
	dir    string // working directory, where the version sets it
	web    bool   // its root can be written to
}

func imageOf(v *ebb.Version) imageKey {
	return imageKey{v.Code.Digest, v.Image.Config.WorkingDirectory, v.WebPort() > 0}
}

// runtime is what a spare for v would run: for an image, only if it was started
// before.
func (s *spares) runtime(v *ebb.Version) (*runtimes.Runtime, bool) {
	if !v.IsImage() {
		return s.pool.runtime(v)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rt, ok := s.images[imageOf(v)]
	return rt, ok
}

// started notes that v's image was started, so that a box with its root may be
// there the next time.
func (s *spares) started(v *ebb.Version, rt *runtimes.Runtime) {
	if !v.IsImage() || s.pool.cfg.PrewarmOff || !fits(rt, v) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images[imageOf(v)] = rt
	s.stock(rt, v.MemoryMB)
	for len(s.images) > imageStocks {
		s.dropImage()
	}
	s.call()
}

// dropImage forgets the image that was started longest ago. s.mu is held.
func (s *spares) dropImage() {
	var oldest imageKey
	var last time.Time
	for key, rt := range s.images {
		st := s.stocks[kind(rt, 0)]
		if st == nil {
			delete(s.images, key)
			return
		}
		if last.IsZero() || st.used.Before(last) {
			oldest, last = key, st.used
		}
	}
	key := kind(s.images[oldest], 0)
	for _, in := range s.stocks[key].ready {
		go s.discard(in)
	}
	delete(s.stocks, key)
	delete(s.images, oldest)
}

// kind tells apart spares that cannot stand in for each other.
func kind(rt *runtimes.Runtime, memoryMB int) string {
	if rt.Literal { // an image: its working directory is part of the box
		return rt.Kind(memoryMB) + "\x00" + rt.Dir
	}
	return rt.Kind(memoryMB)
}
