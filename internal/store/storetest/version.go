package storetest

import (
	"fmt"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testVersion(t *testing.T, s *store.Store) {
	full, bare := Version("f", 0), &ebb.Version{FunctionKey: Key("f"), Number: 1, LastModified: At(0)}
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertVersion(full) }), store.ErrMissing)
	Must(t, s, func(tx *store.Tx) error {
		if err := Insert(tx, "f"); err != nil {
			return err
		}
		return tx.InsertVersion(bare)
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertVersion(full) }), store.ErrExists)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Version(Key("f"), 0)
		if err != nil {
			return err
		}
		same(t, got, full)
		got, err = tx.Version(Key("f"), 1)
		same(t, got, bare)
		_, missing := tx.Version(Key("f"), 2)
		is(t, missing, store.ErrNotFound)
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteVersion(Key("f"), 1) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteVersion(Key("f"), 1) }), store.ErrNotFound)
}

func testVersionUpdate(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	v := Version("f", 0)
	was := v.RevisionID
	v.RevisionID, v.Runtime, v.Handler, v.Env = "second", "nodejs", "index.handler", map[string]string{"A": "b"}
	v.Code, v.State, v.UpdateStatus = ebb.Code{Digest: Digest(2), Size: 9}, ebb.StateActive, ebb.UpdateSuccessful
	v.MemoryMB, v.LastModified, v.StateReason = 512, At(99), ""
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateVersion(v, was) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Version(Key("f"), 0)
		same(t, got, v)
		return err
	})
	late := *v
	late.RevisionID = "third"
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateVersion(&late, was) }), store.ErrChanged)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Version(Key("f"), 0)
		same(t, got, v)
		return err
	})
}

func testVersionNumber(t *testing.T, s *store.Store) {
	next := func(name string) (n int64) {
		Must(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.NextVersionNumber(Key(name))
			return err
		})
		return n
	}
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	same(t, []int64{next("f"), next("f"), next("g"), next("f")}, []int64{1, 2, 1, 3})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunction(Key("f")) })
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	same(t, next("f"), int64(4))
}

func testVersionLists(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error {
		// Capitals come before small letters: names are ordered by their bytes.
		for _, name := range []string{"b", "a", "C", "a-1"} {
			if err := Insert(tx, name); err != nil {
				return err
			}
		}
		for _, n := range []int64{1, 2, 10} {
			if err := tx.InsertVersion(Version("a", n)); err != nil {
				return err
			}
		}
		return nil
	})
	Read(t, s, func(tx *store.Tx) error {
		vs, err := tx.LatestVersions(Service, "", 10)
		same(t, names(vs), []string{"C:$LATEST", "a:$LATEST", "a-1:$LATEST", "b:$LATEST"})
		if err != nil {
			return err
		}
		vs, err = tx.LatestVersions(Service, "a", 1)
		same(t, names(vs), []string{"a-1:$LATEST"})
		if err != nil {
			return err
		}
		vs, err = tx.Versions(Key("a"), -1, 2)
		same(t, names(vs), []string{"a:$LATEST", "a:1"})
		if err != nil {
			return err
		}
		vs, err = tx.Versions(Key("a"), 1, 9)
		same(t, names(vs), []string{"a:2", "a:10"})
		if err != nil {
			return err
		}
		vs, err = tx.AllVersions(Service, "a", 1, 3)
		same(t, names(vs), []string{"a:2", "a:10", "a-1:$LATEST"})
		if err != nil {
			return err
		}
		last, err := tx.LastVersion(Key("a"))
		same(t, last, Version("a", 10))
		_, none := tx.LastVersion(Key("b"))
		is(t, none, store.ErrNotFound)
		return err
	})
}

func testVersionCode(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error {
		if err := Insert(tx, "a"); err != nil {
			return err
		}
		if err := tx.InsertVersion(Version("a", 1)); err != nil {
			return err
		}
		if err := Insert(tx, "b"); err != nil {
			return err
		}
		v := Version("b", 1)
		v.Code = ebb.Code{Digest: Digest(2), Size: 1000}
		return tx.InsertVersion(v)
	})
	Read(t, s, func(tx *store.Tx) error {
		used := map[ebb.Digest]int{}
		if err := tx.CodeDigests(func(d ebb.Digest) { used[d]++ }); err != nil {
			return err
		}
		same(t, used, map[ebb.Digest]int{Digest(1): 1, Digest(2): 1})
		runtimes := map[string]int{}
		if err := tx.Runtimes(func(r string, memoryMB int) { runtimes[fmt.Sprint(r, memoryMB)]++ }); err != nil {
			return err
		}
		same(t, runtimes, map[string]int{fmt.Sprint(Version("a", 1).Runtime, Version("a", 1).MemoryMB): 1})
		bytes, among, err := tx.CodeBytes(Service, Digest(2))
		same(t, []any{bytes, among}, []any{int64(2234), true})
		if err != nil {
			return err
		}
		_, among, err = tx.CodeBytes(Service, Digest(3))
		same(t, among, false)
		if err != nil {
			return err
		}
		bytes, among, err = tx.CodeBytes("111111111111", Digest(1))
		same(t, []any{bytes, among}, []any{int64(0), false})
		return err
	})
}
