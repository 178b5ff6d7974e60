//go:build linux

package linux

import (
	"errors"
	"sync"
)

// uids hands out user ids, each to one live box. The next one is looked for
// behind the last, so that an id rests as long as possible before it is used
// again.
type uids struct {
	mu    sync.Mutex
	base  int
	count int
	next  int
	taken map[int]bool
	// shared: there is but one id, and all boxes have it.
	shared bool
}

var errNoUID = errors.New("no user id is free: UIDCount is the number of boxes that can live at once")

func newUIDs(base, count int) *uids {
	return &uids{base: base, count: count, taken: make(map[int]bool)}
}

func (u *uids) take() (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.shared {
		return u.base, nil
	}
	if len(u.taken) >= u.count {
		return 0, errNoUID
	}
	for u.taken[u.base+u.next] {
		u.next = (u.next + 1) % u.count
	}
	uid := u.base + u.next
	u.next = (u.next + 1) % u.count
	u.taken[uid] = true
	return uid, nil
}

func (u *uids) release(uid int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.taken, uid)
}
