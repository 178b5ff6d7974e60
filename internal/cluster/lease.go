package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// FunctionLease names the lease of a function's owner.
func FunctionLease(key ebb.FunctionKey) string {
	return "function/" + string(key.Service) + "/" + key.Name
}

// Leases are what this node holds. It is safe for concurrent use.
type Leases struct {
	cfg   Config
	store *store.Store
	node  ebb.NodeID
	log   *slog.Logger

	mu   sync.Mutex
	held map[string]*held
}

// held is a lease as this node believes it.
type held struct {
	ebb.Lease
	until time.Time // by this node's clock
	used  time.Time // when it was last asked for
}

func newLeases(cfg Config, s *store.Store, node ebb.NodeID, log *slog.Logger) *Leases {
	return &Leases{cfg: cfg, store: s, node: node, log: log, held: make(map[string]*held)}
}

// Claim gives this node the lease, or says who has it: then holder is that node
// and ok is false. It is quick while the node holds the lease already. A lease
// is kept, heartbeat by heartbeat, until nobody has claimed it for some time.
func (l *Leases) Claim(ctx context.Context, name string) (lease ebb.Lease, holder ebb.NodeID, ok bool, err error) {
	began := time.Now()
	l.mu.Lock()
	if h := l.held[name]; h != nil && began.Before(h.until) {
		h.used = began
		l.mu.Unlock()
		return h.Lease, l.node, true, nil
	}
	l.mu.Unlock()
	err = l.store.Tx(ctx, func(tx *store.Tx) (err error) {
		now, err := tx.Now(time.Now())
		if err != nil {
			return err
		}
		lease = ebb.Lease{Name: name, Node: l.node, ExpiresAt: now.Add(l.cfg.Lost)}
		lease.Epoch, holder, err = tx.AcquireLease(name, l.node, now, lease.ExpiresAt)
		return err
	})
	if errors.Is(err, store.ErrExists) {
		return ebb.Lease{}, holder, false, nil
	}
	if err != nil {
		return ebb.Lease{}, "", false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// Of two claims at once the later epoch is the one that counts.
	if h := l.held[name]; h == nil || h.Epoch < lease.Epoch {
		l.held[name] = &held{Lease: lease, until: began.Add(l.cfg.Lost), used: began}
	}
	return l.held[name].Lease, l.node, true, nil
}

// Release gives a lease back before its time. One that is not held any more is
// no error.
func (l *Leases) Release(ctx context.Context, lease ebb.Lease) error {
	l.mu.Lock()
	if h := l.held[lease.Name]; h != nil && h.Epoch == lease.Epoch {
		delete(l.held, lease.Name)
	}
	l.mu.Unlock()
	err := l.store.Tx(ctx, func(tx *store.Tx) error { return tx.ReleaseLease(lease) })
	if errors.Is(err, store.ErrChanged) {
		return nil
	}
	return err
}

// Owner is the node that holds a lease now, or "".
func (l *Leases) Owner(ctx context.Context, name string) (owner ebb.NodeID, err error) {
	err = l.store.Read(ctx, func(tx *store.Tx) error {
		now, err := tx.Now(time.Now())
		if err != nil {
			return err
		}
		lease, err := tx.Lease(name)
		if err == nil && lease.ExpiresAt.After(now) {
			owner = lease.Node
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return owner, err
}

func (l *Leases) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// renew prolongs what is in use, gives back what is not, and forgets what was
// lost.
func (l *Leases) renew(ctx context.Context) error {
	began := time.Now()
	var keep, drop []ebb.Lease
	l.mu.Lock()
	for _, h := range l.held {
		if began.Sub(h.used) < keepIdle*l.cfg.Lost {
			keep = append(keep, h.Lease)
		} else {
			drop = append(drop, h.Lease)
		}
	}
	l.mu.Unlock()
	for _, lease := range drop {
		if err := l.Release(ctx, lease); err != nil {
			return err
		}
	}
	for _, lease := range keep {
		err := l.store.Tx(ctx, func(tx *store.Tx) error {
			now, err := tx.Now(time.Now())
			if err != nil {
				return err
			}
			return tx.RenewLease(lease, now.Add(l.cfg.Lost))
		})
		if err != nil && !errors.Is(err, store.ErrChanged) {
			return err
		}
		l.renewed(lease, began, err == nil)
	}
	return nil
}

func (l *Leases) renewed(lease ebb.Lease, began time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[lease.Name]
	switch {
	case h == nil || h.Epoch != lease.Epoch:
	case ok:
		h.until = began.Add(l.cfg.Lost)
	default:
		delete(l.held, lease.Name)
		l.log.Warn("a lease was lost to another node", "lease", lease.Name, "epoch", lease.Epoch)
	}
}
