package storetest

import (
	"encoding/json"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func trigger(name string, kind ebb.TriggerKind) *ebb.Trigger {
	retries := 3
	return &ebb.Trigger{
		TriggerKey: ebb.TriggerKey{Service: Service, Name: name}, ID: ebb.TriggerID("id-" + name), Kind: kind,
		Target: "arn:aws:lambda:us-east-1:000000000000:function:f", Description: "says héllo", Revision: 1,
		Filters:    []json.RawMessage{json.RawMessage(`{"a":["b"]}`)},
		MaxRetries: &retries, MaxAgeS: 60, OnFailure: "kafka://dead", Settings: json.RawMessage(`{"x":1}`),
		CreatedAt: At(1), ModifiedAt: At(2),
	}
}

func testTrigger(t *testing.T, s *store.Store) {
	a, b := trigger("a", ebb.TriggerTimer), trigger("b", ebb.TriggerKafka)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(a) })
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(b) })
	again := *a
	again.ID = "another"
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertTrigger(&again) }), store.ErrExists)
	list := func(f store.TriggerFilter, limit int, want ...*ebb.Trigger) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.Triggers(f, limit)
			same(t, got, want)
			return err
		})
	}
	list(store.TriggerFilter{}, 9, a, b)
	list(store.TriggerFilter{Service: Service, Kind: ebb.TriggerKafka, Target: b.Target}, 9, b)
	list(store.TriggerFilter{}, 1, a)
	list(store.TriggerFilter{After: a.TriggerKey}, 1, b)
	list(store.TriggerFilter{Service: "111122223333"}, 9)

	a.Paused, a.Target, a.Filters, a.MaxRetries, a.ModifiedAt = true, "t", nil, nil, At(9)
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateTrigger(a) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateTrigger(a) }), store.ErrChanged)
	a.Revision++
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Trigger(a.TriggerKey)
		same(t, got, a)
		if err != nil {
			return err
		}
		if n, err := tx.TriggerRevision(a.ID); err != nil || n != got.Revision {
			t.Errorf("revision %d, %v, want %d", n, err, got.Revision)
		}
		got, err = tx.TriggerByID(a.ID)
		same(t, got, a)
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteTrigger(a.ID) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteTrigger(a.ID) }), store.ErrNotFound)
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.TriggerState(a.ID)
		is(t, err, store.ErrNotFound)
		return nil
	})
}

func testTriggerState(t *testing.T, s *store.Store) {
	a := trigger("a", ebb.TriggerTimer)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(a) })
	state := func(want ebb.TriggerState) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.TriggerState(a.ID)
			same(t, got, &want)
			return err
		})
	}
	state(ebb.TriggerState{})
	once := ebb.TriggerState{NextAt: At(5), LastAt: At(4), LastDue: At(3), LastTask: "task", Outcome: "fired", Error: "none", Fired: 1, Skipped: 2, Failed: 3, Position: "p"}
	for range 2 {
		Must(t, s, func(tx *store.Tx) error { return tx.AddTriggerState(a.ID, &once) })
		once.Position, once.LastTask = "", ""
	}
	want := once
	want.Fired, want.Skipped, want.Failed, want.Position, want.LastTask = 2, 4, 6, "p", "task"
	state(want)
	Must(t, s, func(tx *store.Tx) error { return tx.SetTriggerNext(a.ID, At(8)) })
	Must(t, s, func(tx *store.Tx) error { return tx.SetTriggerError(a.ID, "down", At(9)) })
	want.NextAt, want.Error = At(8), "down"
	state(want)
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.AddTriggerState("x", &once) }), store.ErrNotFound)
}

func testFire(t *testing.T, s *store.Store) {
	a := trigger("a", ebb.TriggerTimer)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(a) })
	fire := func(due, at int64) *ebb.Fire {
		return &ebb.Fire{Trigger: a.ID, Due: At(due), At: At(at), Outcome: ebb.FireDone, Task: "task"}
	}
	for _, f := range []*ebb.Fire{fire(10, 11), fire(20, 21), fire(30, 31)} {
		Must(t, s, func(tx *store.Tx) error { return tx.InsertFire(f, a.Revision) })
	}
	// What was handled is not handled again, and the Tx can go on.
	Must(t, s, func(tx *store.Tx) error {
		is(t, tx.InsertFire(fire(20, 99), a.Revision), store.ErrExists)
		// Nor is anything of a trigger that is another by now, or gone.
		is(t, tx.InsertFire(fire(40, 99), a.Revision+1), store.ErrChanged)
		is(t, tx.InsertFire(fire(20, 99), a.Revision+1), store.ErrChanged)
		gone := fire(40, 99)
		gone.Trigger = "gone"
		is(t, tx.InsertFire(gone, a.Revision), store.ErrChanged)
		return tx.AddTriggerState(a.ID, &ebb.TriggerState{LastDue: At(30)})
	})
	list := func(before int64, limit int, want ...*ebb.Fire) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.Fires(a.ID, At(before), limit)
			same(t, got, want)
			return err
		})
	}
	list(99, 9, fire(30, 31), fire(20, 21), fire(10, 11))
	list(30, 1, fire(20, 21))
	Must(t, s, func(tx *store.Tx) error {
		n, err := tx.DeleteFires(At(99), 9)
		if n != 2 {
			t.Errorf("removed %d", n)
		}
		return err
	})
	list(99, 9, fire(30, 31)) // the last one stays
}

func testCalendar(t *testing.T, s *store.Store) {
	c := &ebb.Calendar{Name: "cn", Document: json.RawMessage(`{"weekend":["sunday"]}`), ModifiedAt: At(1)}
	Must(t, s, func(tx *store.Tx) error {
		return tx.PutCalendar(&ebb.Calendar{Name: "cn", Document: json.RawMessage(`{}`)})
	})
	Must(t, s, func(tx *store.Tx) error { return tx.PutCalendar(c) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Calendar("cn")
		same(t, got, c)
		if err != nil {
			return err
		}
		all, err := tx.Calendars()
		same(t, all, []*ebb.Calendar{c})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteCalendar("cn") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteCalendar("cn") }), store.ErrNotFound)
}
