package logs

import (
	"container/list"
	"errors"
	"os"
	"sync"
)

// handles keeps the files of active segments open between writes, the most
// recently written ones up to a number, so that many functions do not exhaust
// the process's descriptors. Paths are never used twice, so a handle that is
// kept for too long does no harm. The mutex is held during a write: only the
// flusher writes, and nobody else may close what it writes to.
type handles struct {
	max    int
	mu     sync.Mutex
	byPath map[string]*list.Element
	recent *list.List // of *os.File, the most recently used first
}

func newHandles(most int) *handles {
	return &handles{max: most, byPath: make(map[string]*list.Element), recent: list.New()}
}

// write writes b at off with the given function, creating the file if need be.
// If that fails the file is cut to off.
func (h *handles) write(path string, b []byte, off int64, do func(*os.File, []byte, int64) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, err := h.open(path)
	if err != nil {
		return err
	}
	if err := do(f, b, off); err != nil {
		// Part of it may be there. If it cannot be cut off it is written over.
		_ = f.Truncate(off)
		return errors.Join(err, h.close(path))
	}
	return nil
}

func (h *handles) open(path string) (*os.File, error) {
	if e := h.byPath[path]; e != nil {
		h.recent.MoveToFront(e)
		return e.Value.(*os.File), nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	h.byPath[path] = h.recent.PushFront(f)
	if h.recent.Len() > h.max {
		if err := h.close(h.recent.Back().Value.(*os.File).Name()); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (h *handles) close(path string) error {
	e := h.byPath[path]
	if e == nil {
		return nil
	}
	delete(h.byPath, path)
	return h.recent.Remove(e).(*os.File).Close()
}

// forget closes the file of a segment that is no longer written to. What was
// written is in the kernel's hands; closing adds nothing that could fail.
func (h *handles) forget(path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.close(path)
}

// forgetAll closes all files.
func (h *handles) forgetAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for path := range h.byPath {
		_ = h.close(path)
	}
}
