package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// versions makes a function with versions 1 to n.
func versions(t *testing.T, s *store.Store, name string, n int64) {
	t.Helper()
	Must(t, s, func(tx *store.Tx) error {
		if err := Insert(tx, name); err != nil {
			return err
		}
		for i := range n {
			if err := tx.InsertVersion(Version(name, i+1)); err != nil {
				return err
			}
		}
		return nil
	})
}

func alias(name string, version int64) *ebb.Alias {
	return &ebb.Alias{FunctionKey: Key("f"), Alias: name, Version: version, Description: "héllo",
		RevisionID: name + "-1", LastModified: At(3)}
}

func testAlias(t *testing.T, s *store.Store) {
	live := alias("live", 1)
	live.Canary, live.Weight = 2, 0.125
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertAlias(live) }), store.ErrMissing)
	versions(t, s, "f", 2)
	Must(t, s, func(tx *store.Tx) error {
		for _, a := range []*ebb.Alias{live, alias("Blue", 0), alias("green", 2)} {
			if err := tx.InsertAlias(a); err != nil {
				return err
			}
		}
		return nil
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertAlias(live) }), store.ErrExists)
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertAlias(alias("none", 3)) }), store.ErrMissing)
	names := func(as []*ebb.Alias, err error) (names []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			names = append(names, a.Alias)
		}
		return names
	}
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Alias(Key("f"), "live")
		same(t, got, live)
		_, none := tx.Alias(Key("f"), "LIVE")
		is(t, none, store.ErrNotFound)
		same(t, names(tx.Aliases(Key("f"), "", 9)), []string{"Blue", "green", "live"})
		same(t, names(tx.Aliases(Key("f"), "Blue", 1)), []string{"green"})
		same(t, names(tx.AliasesOf(Key("f"), 2, "", 9)), []string{"green", "live"})
		same(t, names(tx.AliasesOf(Key("f"), 0, "", 9)), []string{"Blue"})
		return err
	})
	moved := *live
	moved.Version, moved.Canary, moved.Weight, moved.RevisionID, moved.Description = 2, 0, 0, "live-2", ""
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateAlias(&moved, live.RevisionID) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateAlias(live, live.RevisionID) }), store.ErrChanged)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Alias(Key("f"), "live")
		same(t, got, &moved)
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteAlias(Key("f"), "live") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteAlias(Key("f"), "live") }), store.ErrNotFound)
}

// A version stays as long as an alias points to it; the function takes all along.
func testAliasKeepsVersion(t *testing.T, s *store.Store) {
	versions(t, s, "f", 3)
	both := alias("both", 1)
	both.Canary, both.Weight = 2, 0.5
	Must(t, s, func(tx *store.Tx) error { return tx.InsertAlias(both) })
	for _, n := range []int64{1, 2} {
		is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteVersion(Key("f"), n) }), store.ErrMissing)
	}
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteVersion(Key("f"), 3) })
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunction(Key("f")) })
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.Alias(Key("f"), "both")
		is(t, err, store.ErrNotFound)
		return nil
	})
}
