package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/store"
)

func testRecursion(t *testing.T, s *store.Store) {
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetLoops(Key("f"), true) }), store.ErrMissing)
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	for _, want := range []bool{false, true, true, false} {
		Must(t, s, func(tx *store.Tx) error { return tx.SetLoops(Key("f"), want) })
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.Loops(Key("f"))
			same(t, got, want)
			return err
		})
	}
}
