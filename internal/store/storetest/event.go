package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testEventSeen(t *testing.T, s *store.Store) {
	see := func(service ebb.ServiceID, source, id string, at int64, want error) {
		t.Helper()
		Must(t, s, func(tx *store.Tx) error {
			is(t, tx.SeeEvent(service, source, id, At(at)), want)
			return nil
		})
	}
	see(Service, "a", "1", 10, nil)
	see(Service, "a", "1", 20, store.ErrExists)
	see(Service, "a", "2", 20, nil)
	see(Service, "b", "1", 30, nil)
	see("111122223333", "a", "1", 30, nil)
	forget := func(before int64, limit int, want int64) {
		t.Helper()
		Must(t, s, func(tx *store.Tx) error {
			n, err := tx.ForgetEvents(At(before), limit)
			if n != want {
				t.Errorf("forgot %d, want %d", n, want)
			}
			return err
		})
	}
	forget(10, 9, 0)
	forget(30, 1, 1)
	forget(30, 9, 1)
	see(Service, "a", "1", 40, nil)
	see(Service, "b", "1", 40, store.ErrExists)
}

func testTriggerCounts(t *testing.T, s *store.Store) {
	a := trigger("a", ebb.TriggerEvent)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(a) })
	counts := func(want ebb.TriggerCounts) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.TriggerCounts(a.ID)
			same(t, got, &want)
			return err
		})
	}
	failing := func(want ...ebb.TriggerRef) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.FailingTriggers(9)
			same(t, got, want)
			return err
		})
	}
	add := func(c ebb.TriggerCounts) {
		t.Helper()
		Must(t, s, func(tx *store.Tx) error { return tx.AddTriggerCounts(a.ID, &c) })
	}
	counts(ebb.TriggerCounts{})
	failing()
	one := ebb.TriggerCounts{Taken: 1, Filtered: 2, Delivered: 3, Retried: 4, Failed: 5, Dead: 6}
	add(one)
	counts(one)
	add(ebb.TriggerCounts{Dead: 1, Result: "broken", ResultAt: At(5)})
	add(ebb.TriggerCounts{Dead: 1, Result: "broken still", ResultAt: At(6)})
	want := one
	want.Dead, want.Result, want.ResultAt, want.FailingAt = 8, "broken still", At(6), At(5)
	counts(want)
	failing(a.Ref())
	// The source goes down too; it fails until both are well.
	Must(t, s, func(tx *store.Tx) error { return tx.SetTriggerError(a.ID, "down", At(7)) })
	add(ebb.TriggerCounts{Delivered: 1, ResultAt: At(8)})
	want.Delivered, want.Result, want.ResultAt = 4, "", At(8)
	counts(want)
	Must(t, s, func(tx *store.Tx) error { return tx.SetTriggerError(a.ID, "", At(9)) })
	want.FailingAt = ebb.TriggerCounts{}.FailingAt
	counts(want)
	failing()
	// A trigger that is gone has no counts, and nothing fails by them.
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteTrigger(a.ID) })
	add(one)
	counts(ebb.TriggerCounts{})
}
