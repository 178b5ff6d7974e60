package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testRuntime(t *testing.T, s *store.Store) {
	r := &ebb.Runtime{ID: "python3", Family: "python", Version: "3.13.1", Build: "b", Executable: "/usr/bin/python3",
		ImageURI: "r/python:3", Resolved: "r/python@sha256:1", Digest: Digest(7), Env: []string{"A=b"}, AddedAt: At(1)}
	other := &ebb.Runtime{ID: "java99", Digest: Digest(8), AddedAt: At(2)}
	Must(t, s, func(tx *store.Tx) error {
		if err := Insert(tx, "f"); err != nil {
			return err
		}
		if err := tx.PutRuntime(other); err != nil {
			return err
		}
		return tx.PutRuntime(&ebb.Runtime{ID: r.ID, Digest: Digest(9), AddedAt: At(0)})
	})
	Must(t, s, func(tx *store.Tx) error { return tx.PutRuntime(r) }) // replaces
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.AddedRuntimes()
		same(t, got, []*ebb.Runtime{other, r})
		if err != nil {
			return err
		}
		used := make(map[ebb.Digest]bool)
		if err := tx.CodeDigests(func(d ebb.Digest) { used[d] = true }); err != nil {
			return err
		}
		if !used[Digest(7)] || !used[Digest(8)] || used[Digest(9)] {
			t.Errorf("images in use: %v", used)
		}
		users, err := tx.RuntimeUsers("python3", 5)
		same(t, users, []ebb.FunctionKey{Key("f")})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteRuntime("java99") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteRuntime("java99") }), store.ErrNotFound)
}
