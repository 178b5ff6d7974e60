package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testFunction(t *testing.T, s *store.Store) {
	f := &ebb.Function{FunctionKey: Key("f"), CreatedAt: At(5), Tags: map[string]string{"team": "bänk"}}
	Must(t, s, func(tx *store.Tx) error { return tx.InsertFunction(f) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertFunction(f) }), store.ErrExists)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Function(f.FunctionKey)
		same(t, got, f)
		return err
	})
	f.Tags = map[string]string{}
	Must(t, s, func(tx *store.Tx) error { return tx.SetTags(f.FunctionKey, nil) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Function(f.FunctionKey)
		same(t, got, f)
		// The same name in another service is another function.
		_, other := tx.Function(ebb.FunctionKey{Service: "111111111111", Name: "f"})
		is(t, other, store.ErrNotFound)
		return err
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetTags(Key("none"), nil) }), store.ErrNotFound)
	Read(t, s, func(tx *store.Tx) error {
		n, err := tx.CountFunctions(Service)
		same(t, n, 1)
		return err
	})
}

func testFunctionDelete(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error {
		for _, name := range []string{"a", "b"} {
			if err := Insert(tx, name); err != nil {
				return err
			}
			if err := tx.InsertVersion(Version(name, 1)); err != nil {
				return err
			}
			if err := tx.InsertFunctionURL(url(name, "")); err != nil {
				return err
			}
		}
		return tx.DeleteFunction(Key("a"))
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteFunction(Key("a")) }), store.ErrNotFound)
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.Version(Key("a"), 0)
		is(t, err, store.ErrNotFound)
		_, err = tx.Version(Key("a"), 1)
		is(t, err, store.ErrNotFound)
		_, err = tx.FunctionURLByID(url("a", "").ID)
		is(t, err, store.ErrNotFound)
		vs, err := tx.Versions(Key("b"), -1, 10)
		same(t, names(vs), []string{"b:$LATEST", "b:1"})
		return err
	})
}
