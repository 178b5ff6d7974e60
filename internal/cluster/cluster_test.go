package cluster

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(postgrestest.Tests{M: m}) }

var quick = Config{Heartbeat: 50 * time.Millisecond, Lost: time.Second}

// rig is some nodes on one database.
type rig struct {
	t     *testing.T
	cfg   store.Config
	store *store.Store // of the first node
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, cfg: store.Config{URL: postgrestest.Database(t), Readers: 2, Writers: 4}}
	r.store = r.open()
	return r
}

func (r *rig) open() *store.Store {
	r.t.Helper()
	s, err := store.Open(r.t.Context(), r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return s
}

// node starts one and returns how to stop it well.
func (r *rig) node() (c *Cluster, stop func()) {
	r.t.Helper()
	c = New(quick, r.open(), ebb.Node{Version: "1", Instances: 7}, slog.New(slog.DiscardHandler))
	if err := c.Join(r.t.Context(), "http://a", "http://g"); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.Run(ctx); err != nil {
			r.t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	r.t.Cleanup(stop)
	return c, stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func (r *rig) claim(c *Cluster, name string) (ebb.Lease, ebb.NodeID, bool) {
	r.t.Helper()
	l, holder, ok, err := c.Leases.Claim(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return l, holder, ok
}

func TestNodesSeeEachOther(t *testing.T) {
	r := newRig(t)
	a, stopA := r.node()
	b, _ := r.node()
	if _, _, ok := r.claim(a, "x"); !ok {
		t.Fatal("nobody has it, and a does not get it")
	}
	peers, err := b.Nodes(t.Context())
	if err != nil || len(peers) != 2 {
		t.Fatalf("%v %v", peers, err)
	}
	for _, p := range peers {
		leases := 0
		if p.ID == a.ID() {
			leases = 1
		}
		if p.Lost || p.Self != (p.ID == b.ID()) || p.Leases != leases || p.API != "http://a" || p.Version != "1" ||
			p.Instances != 7 || p.HeartbeatAt.Before(p.BeganAt) || p.BeganAt.IsZero() {
			t.Errorf("%+v", p)
		}
	}
	stopA()
	if peers, err = b.Nodes(t.Context()); err != nil || len(peers) != 1 || !peers[0].Self {
		t.Fatalf("after a left: %v %v", peers, err)
	}
	if _, _, ok := r.claim(b, "x"); !ok {
		t.Error("a left, and its lease is not free")
	}
}

// A node that vanishes is lost after a while, and so are its leases; what it
// writes after that, as their holder, is refused.
func TestLostNode(t *testing.T) {
	r := newRig(t)
	dead := New(quick, r.store, ebb.Node{}, slog.New(slog.DiscardHandler)) // never runs
	if err := dead.Join(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	b, _ := r.node()
	theirs, _, ok := r.claim(dead, "x")
	if !ok {
		t.Fatal("not given")
	}
	eventually(t, "lost", func() bool {
		peers, err := b.Nodes(t.Context())
		for _, p := range peers {
			if p.ID == dead.ID() && p.Lost {
				return true
			}
		}
		return err != nil
	})
	var mine ebb.Lease
	eventually(t, "the lease is free", func() (ok bool) {
		mine, _, ok = r.claim(b, "x")
		return ok
	})
	if mine.Epoch <= theirs.Epoch {
		t.Errorf("epoch %d after %d", mine.Epoch, theirs.Epoch)
	}
	if owner, err := b.Leases.Owner(t.Context(), "x"); err != nil || owner != b.ID() {
		t.Errorf("the owner is %q, %v", owner, err)
	}
	err := r.store.Tx(t.Context(), func(tx *store.Tx) error { return tx.HoldLease(theirs) })
	if !errors.Is(err, store.ErrChanged) {
		t.Errorf("the dead may still write: %v", err)
	}
	if err := r.store.Tx(t.Context(), func(tx *store.Tx) error { return tx.HoldLease(mine) }); err != nil {
		t.Error(err)
	}
	if err := dead.Leases.Release(t.Context(), theirs); err != nil {
		t.Error(err)
	}
	if _, holder, ok := r.claim(dead, "x"); ok || holder != b.ID() {
		t.Error("the dead took it back")
	}
}

// Leases outlive many of their lifetimes while they are in use, and are given
// back when nobody asks any more.
func TestLeasesInUse(t *testing.T) {
	r := newRig(t)
	a, _ := r.node()
	b, _ := r.node()
	used, _, ok := r.claim(a, "used")
	unused, _, uok := r.claim(a, "unused")
	if !ok || !uok {
		t.Fatal("not given")
	}
	eventually(t, "the unused one is given back", func() bool {
		if l, _, ok := r.claim(a, "used"); !ok || l.Epoch != used.Epoch {
			t.Fatalf("lost while in use: %+v", l)
		}
		owner, err := b.Leases.Owner(t.Context(), "unused")
		return err == nil && owner == ""
	})
	if l, _, ok := r.claim(b, "unused"); !ok || l.Epoch <= unused.Epoch {
		t.Errorf("%+v", l)
	}
}

// However many claim at once on all nodes: at any time one node has it, and no
// write passes that is not the holder's.
func TestOneHolder(t *testing.T) {
	r := newRig(t)
	a, _ := r.node()
	b, _ := r.node()
	var inside, entered atomic.Int64
	var wg sync.WaitGroup
	for _, c := range []*Cluster{a, b} {
		wg.Go(func() {
			for range 30 {
				l, _, ok, err := c.Leases.Claim(t.Context(), "x")
				if err != nil {
					t.Error(err)
					return
				}
				if !ok {
					continue
				}
				if inside.Add(1) > 1 {
					t.Error("two nodes hold it at once")
				}
				entered.Add(1)
				if err := c.store.Tx(t.Context(), func(tx *store.Tx) error { return tx.HoldLease(l) }); err != nil {
					t.Error(err)
				}
				inside.Add(-1)
				if err := c.Leases.Release(t.Context(), l); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if entered.Load() == 0 {
		t.Error("nobody ever had it")
	}
}

// With SQLite there is one node, and its row is written nowhere.
func TestAlone(t *testing.T) {
	r := &rig{t: t, cfg: store.Config{Path: filepath.Join(t.TempDir(), "ebb.db")}}
	s := r.open()
	c := New(quick, s, ebb.Node{Version: "1"}, slog.New(slog.DiscardHandler))
	if err := c.Join(t.Context(), "http://a", "http://g"); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := r.claim(c, "x"); !ok {
		t.Fatal("not given")
	}
	if err := c.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	peers, err := c.Nodes(t.Context())
	if err != nil || len(peers) != 1 || !peers[0].Self || peers[0].Lost || peers[0].Leases != 1 {
		t.Fatalf("%v %v", peers, err)
	}
	if err := s.Read(t.Context(), func(tx *store.Tx) error {
		ns, err := tx.Nodes()
		if len(ns) != 0 {
			t.Errorf("wrote %v", ns)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{Heartbeat: -1}, {Lost: -1}, {Heartbeat: 5 * time.Second, Lost: 10 * time.Second}} {
		if err := c.Validate(); ebb.TypeOf(err) != ebb.TypeConfigInvalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []Config{{}, {Heartbeat: 20 * time.Second}, {Lost: time.Minute}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
