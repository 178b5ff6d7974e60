package auth

import (
	"context"
	"sync"
	"time"
)

// Rows of the database are believed for a while, so that what another node
// changed is seen within a second. staleness is when somebody reads anew,
// expiry when nobody is answered from memory any more.
const (
	staleness = 500 * time.Millisecond
	expiry    = 900 * time.Millisecond
	maxFresh  = 10_000 // entries; more callers than that are asked for each time
)

// fresh remembers rows for a short time.
type fresh[K comparable, V any] struct {
	now  func() time.Time
	load func(ctx context.Context, key K, old V) (V, error)

	mu   sync.RWMutex
	kept map[K]*kept[V]
	// changes counts forgets: what was read before one is not kept after it.
	changes uint64
}

type kept[V any] struct {
	value   V
	read    time.Time
	reading sync.Mutex
}

// get returns the row, read less than a second ago. Errors are not remembered.
func (f *fresh[K, V]) get(ctx context.Context, key K) (V, error) {
	f.mu.RLock()
	k := f.kept[key]
	f.mu.RUnlock()
	if k != nil {
		age := f.now().Sub(k.read)
		if age < staleness || age < expiry && !k.reading.TryLock() {
			return k.value, nil
		}
		if age < expiry {
			defer k.reading.Unlock()
		}
	}
	return f.read(ctx, key, k)
}

func (f *fresh[K, V]) read(ctx context.Context, key K, k *kept[V]) (V, error) {
	f.mu.RLock()
	changes := f.changes
	f.mu.RUnlock()
	at := f.now()
	var old V
	if k != nil {
		old = k.value
	}
	value, err := f.load(ctx, key, old)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		if f.kept[key] == k {
			delete(f.kept, key)
		}
		return value, err
	}
	if f.changes == changes {
		if f.kept == nil || len(f.kept) >= maxFresh {
			f.kept = make(map[K]*kept[V])
		}
		f.kept[key] = &kept[V]{value: value, read: at}
	}
	return value, nil
}

// forget drops everything: changes are rare.
func (f *fresh[K, V]) forget() {
	f.mu.Lock()
	f.changes++
	f.kept = nil
	f.mu.Unlock()
}
