package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testNode(t *testing.T, s *store.Store) {
	list := func() (ns []*ebb.Node) {
		Read(t, s, func(tx *store.Tx) (err error) { ns, err = tx.Nodes(); return err })
		return ns
	}
	a := &ebb.Node{ID: "a", API: "http://10.0.0.1:9080", Gateway: "http://10.0.0.1:9081", Version: "1", Instances: 5, BeganAt: At(0), HeartbeatAt: At(1)}
	b := &ebb.Node{ID: "b", BeganAt: At(2), HeartbeatAt: At(3)}
	Must(t, s, func(tx *store.Tx) error { return tx.PutNode(b) })
	Must(t, s, func(tx *store.Tx) error { return tx.PutNode(a) })
	same(t, list(), []*ebb.Node{a, b})
	a.HeartbeatAt, a.Instances = At(9), 6
	Must(t, s, func(tx *store.Tx) error { return tx.PutNode(a) })
	same(t, list(), []*ebb.Node{a, b})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteNodesBefore(At(4)) })
	same(t, list(), []*ebb.Node{a})
	Must(t, s, func(tx *store.Tx) error {
		if _, _, err := tx.AcquireLease("x", "a", At(0), At(10)); err != nil {
			return err
		}
		return tx.DeleteNode("a")
	})
	same(t, list(), []*ebb.Node(nil))
	Must(t, s, func(tx *store.Tx) error {
		epoch, _, err := tx.AcquireLease("x", "b", At(1), At(10))
		same(t, epoch, int64(2))
		return err
	})
}

// acquire takes a lease and says who has it otherwise.
func acquire(t *testing.T, s *store.Store, node ebb.NodeID, now, until int64) (epoch int64, holder ebb.NodeID, err error) {
	t.Helper()
	err = s.Tx(t.Context(), func(tx *store.Tx) (err error) {
		epoch, holder, err = tx.AcquireLease("x", node, At(now), At(until))
		return err
	})
	return epoch, holder, err
}

func testLease(t *testing.T, s *store.Store) {
	if epoch, _, err := acquire(t, s, "a", 0, 10); err != nil || epoch != 1 {
		t.Fatal(epoch, err)
	}
	_, holder, err := acquire(t, s, "b", 9, 19)
	is(t, err, store.ErrExists)
	same(t, holder, ebb.NodeID("a"))
	mine := ebb.Lease{Name: "x", Node: "a", Epoch: 1}
	Must(t, s, func(tx *store.Tx) error { return tx.RenewLease(mine, At(20)) })
	_, _, err = acquire(t, s, "b", 19, 29)
	is(t, err, store.ErrExists)
	Read(t, s, func(tx *store.Tx) error {
		l, err := tx.Lease("x")
		same(t, l, ebb.Lease{Name: "x", Node: "a", Epoch: 1, ExpiresAt: At(20)})
		n, cerr := tx.CountLeases("a", At(19))
		same(t, n, 1)
		gone, gerr := tx.CountLeases("a", At(20))
		same(t, gone, 0)
		_, missing := tx.Lease("none")
		is(t, missing, store.ErrNotFound)
		for _, err := range []error{cerr, gerr} {
			if err != nil {
				return err
			}
		}
		return err
	})
	if epoch, _, err := acquire(t, s, "a", 19, 20); err != nil || epoch != 1 {
		t.Fatal(epoch, err) // it has it already
	}
	// Taken over, the first holder can do nothing any more.
	if epoch, _, err := acquire(t, s, "b", 20, 30); err != nil || epoch != 2 {
		t.Fatal(epoch, err)
	}
	for _, write := range []func(*store.Tx) error{
		func(tx *store.Tx) error { return tx.HoldLease(mine) },
		func(tx *store.Tx) error { return tx.RenewLease(mine, At(99)) },
		func(tx *store.Tx) error { return tx.ReleaseLease(mine) },
	} {
		is(t, s.Tx(t.Context(), write), store.ErrChanged)
	}
	theirs := ebb.Lease{Name: "x", Node: "b", Epoch: 2}
	Must(t, s, func(tx *store.Tx) error { return tx.HoldLease(theirs) })
	Must(t, s, func(tx *store.Tx) error { return tx.ReleaseLease(theirs) })
	if epoch, _, err := acquire(t, s, "a", 21, 30); err != nil || epoch != 3 {
		t.Fatal(epoch, err)
	}
}

// However many want it at once, one gets it.
func testLeaseRace(t *testing.T, s *store.Store) {
	for round := range int64(5) {
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, _, err := acquire(t, s, ebb.NodeID(rune('a'+i)), round*10, round*10+10)
				if err == nil {
					won.Add(1)
				} else {
					is(t, err, store.ErrExists)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d got the lease", round, won.Load())
		}
	}
}

func testNow(t *testing.T, s *store.Store) {
	local := time.Now()
	Must(t, s, func(tx *store.Tx) error {
		now, err := tx.Now(local)
		if d := now.Sub(local).Abs(); d > time.Hour {
			t.Errorf("the database's clock is off by %v", d)
		}
		return err
	})
}
