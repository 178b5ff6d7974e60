package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testObject(t *testing.T, s *store.Store) {
	a, b := trigger("oa", ebb.TriggerObject), trigger("ob", ebb.TriggerObject)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(a) })
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(b) })
	listen := func(source, bucket string, want ...*ebb.Trigger) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.ObjectTriggers(source, bucket)
			same(t, got, want)
			return err
		})
	}
	for range 2 { // it may be put again
		Must(t, s, func(tx *store.Tx) error { return tx.PutObjectRule(a.ID, "", "in") })
	}
	Must(t, s, func(tx *store.Tx) error { return tx.PutObjectRule(b.ID, "", "in") })
	listen("", "in", a, b)
	listen("", "out")
	Must(t, s, func(tx *store.Tx) error { return tx.PutObjectRule(b.ID, "http://far", "in") })
	listen("", "in", a)
	listen("http://far", "in", b)

	first, second := &store.HeldEvent{ID: "2", At: At(1), Event: `{}`}, &store.HeldEvent{ID: "1", At: At(2), Event: `{"a":1}`}
	for _, e := range []*store.HeldEvent{second, first, first} {
		Must(t, s, func(tx *store.Tx) error { return tx.HoldEvent(a.ID, e) })
	}
	held := func(limit int, want ...*store.HeldEvent) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.HeldEvents(a.ID, limit)
			same(t, got, want)
			return err
		})
	}
	held(9, first, second)
	held(1, first)
	Must(t, s, func(tx *store.Tx) error { return tx.DropHeldEvent(a.ID, first) })
	held(9, second)
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteTrigger(a.ID) })
	held(9)
	listen("", "in")
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteTrigger(b.ID) })
}

func testSeen(t *testing.T, s *store.Store) {
	a := trigger("sa", ebb.TriggerDirectory)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(a) })
	x := &store.Seen{Name: "x", Identity: "1", State: "sent", Task: "t", At: At(1)}
	y := &store.Seen{Name: "y", Identity: "1", At: At(1)}
	put := func(want error, e *store.Seen) {
		t.Helper()
		is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.PutSeen(a.ID, e) }), want)
	}
	read := func(get func(tx *store.Tx) ([]*store.Seen, error), want ...*store.Seen) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := get(tx)
			same(t, got, want)
			return err
		})
	}
	put(nil, x)
	put(nil, y)
	put(store.ErrExists, x)
	read(func(tx *store.Tx) ([]*store.Seen, error) { return tx.SeenAfter(a.ID, "", 9) }, x, y)
	read(func(tx *store.Tx) ([]*store.Seen, error) { return tx.SeenAfter(a.ID, "x", 9) }, y)
	read(func(tx *store.Tx) ([]*store.Seen, error) { return tx.SeenInState(a.ID, "sent", "", 9) }, x)
	read(func(tx *store.Tx) ([]*store.Seen, error) { return tx.SeenOf(a.ID, []string{"y", "z"}) }, y)
	read(func(tx *store.Tx) ([]*store.Seen, error) { return tx.SeenOf(a.ID, nil) })
	x.Identity, x.Task = "2", "t2"
	put(nil, x)
	Must(t, s, func(tx *store.Tx) error { return tx.SetSeenState(a.ID, "x", "1", "") }) // another one's: nothing
	read(func(tx *store.Tx) ([]*store.Seen, error) { return tx.SeenInState(a.ID, "sent", "", 9) }, x)
	Must(t, s, func(tx *store.Tx) error { return tx.SetSeenState(a.ID, "x", "2", "") })
	x.State = ""
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteSeen(a.ID, "y") })
	read(func(tx *store.Tx) ([]*store.Seen, error) { return tx.SeenAfter(a.ID, "", 9) }, x)
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteTrigger(a.ID) })
}
