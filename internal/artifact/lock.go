package artifact

import (
	"context"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// digestLock lets one caller at a time work on a digest; the others wait for
// their turn or their context, and then usually find the work done. A shared
// call would end for all of them when its first caller goes away.
type digestLock struct {
	held    chan struct{} // full while held
	waiters int
}

func (s *Store) lock(ctx context.Context, d ebb.Digest) (unlock func(), err error) {
	s.mu.Lock()
	l := s.locks[d]
	if l == nil {
		l = &digestLock{held: make(chan struct{}, 1)}
		s.locks[d] = l
	}
	l.waiters++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.waiters--; l.waiters == 0 {
			delete(s.locks, d)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() { <-l.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
