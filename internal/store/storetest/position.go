package storetest

import (
	"encoding/json"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// testPosition: how far a trigger has read is replaced part by part, which seek was
// done is kept until there is a later one, and all of it goes with the trigger.
func testPosition(t *testing.T, s *store.Store) {
	tr := trigger("reads", ebb.TriggerKafka)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(tr) })
	put := func(ps ...ebb.TriggerPosition) {
		t.Helper()
		Must(t, s, func(tx *store.Tx) error { return tx.PutTriggerPositions(tr.ID, ps) })
	}
	is := func(want ...ebb.TriggerPosition) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.TriggerPositions(tr.ID)
			same(t, got, want)
			return err
		})
	}
	is()
	one := ebb.TriggerPosition{Part: "t-0", Position: 5, Latest: 9, At: At(1), Sought: 2}
	two := ebb.TriggerPosition{Part: "t-1", Position: 1, Latest: 1, At: At(1)}
	put(two, one)
	is(one, two)
	put(ebb.TriggerPosition{Part: "t-0", Position: 6, Latest: 10, At: At(2)})
	is(ebb.TriggerPosition{Part: "t-0", Position: 6, Latest: 10, At: At(2), Sought: 2}, two)
	seek := func(number int64, document string) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			n, text, err := tx.TriggerSeek(tr.ID)
			if n != number || string(text) != document {
				t.Errorf("seek %d %s, want %d %s", n, text, number, document)
			}
			return err
		})
	}
	seek(0, "")
	for n, document := range []string{`{"a":1}`, `{"a":2}`} {
		Must(t, s, func(tx *store.Tx) error { return tx.PutTriggerSeek(tr.ID, int64(n)+3, json.RawMessage(document)) })
		seek(int64(n)+3, document)
	}
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteTrigger(tr.ID) })
	put(one) // of a trigger that is gone: nothing
	is()
	seek(0, "")
}
