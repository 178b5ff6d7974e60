package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func layerKey(name string) ebb.LayerKey { return ebb.LayerKey{Service: Service, Name: name} }

func layerVersion(name string, number int64, runtimes ...string) *ebb.LayerVersion {
	return &ebb.LayerVersion{LayerKey: layerKey(name), Number: number, Code: ebb.Code{Digest: Digest(int(number)), Size: 10 * number},
		Description: "shared", License: "MIT", Runtimes: runtimes, Architectures: []string{"x86_64"}, CreatedAt: At(number)}
}

func testLayer(t *testing.T, s *store.Store) {
	next := func(name string) (n int64) {
		Must(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.NextLayerNumber(layerKey(name))
			return err
		})
		return n
	}
	same(t, []int64{next("l"), next("l"), next("k"), next("l")}, []int64{1, 2, 1, 3})
	one := layerVersion("l", 1, "python3.12", "python3.13")
	Must(t, s, func(tx *store.Tx) error { return tx.InsertLayerVersion(one) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertLayerVersion(one) }), store.ErrExists)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.LayerVersion(layerKey("l"), 1)
		same(t, got, one)
		_, none := tx.LayerVersion(layerKey("l"), 2)
		is(t, none, store.ErrNotFound)
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteLayerVersion(layerKey("l"), 1) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteLayerVersion(layerKey("l"), 1) }), store.ErrNotFound)
	same(t, next("l"), int64(4))
}

func testLayerLists(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error {
		for _, l := range []*ebb.LayerVersion{
			layerVersion("b", 1, "python3.1"), layerVersion("b", 2, "python3.12", "nodejs"), layerVersion("b", 10, "nodejs"),
			layerVersion("a", 1), layerVersion("C", 1, "nodejs"),
		} {
			if err := tx.InsertLayerVersion(l); err != nil {
				return err
			}
		}
		return nil
	})
	Read(t, s, func(tx *store.Tx) error {
		names := func(ls []*ebb.LayerVersion, err error) (names []string) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range ls {
				names = append(names, ebb.LayerARN("r", l.LayerKey, l.Number)[len("arn:aws:lambda:r:000000000000:layer:"):])
			}
			return names
		}
		all := store.LayerFilter{}
		same(t, names(tx.LayerVersions(layerKey("b"), all, 0, 2)), []string{"b:10", "b:2"})
		same(t, names(tx.LayerVersions(layerKey("b"), all, 2, 9)), []string{"b:1"})
		same(t, names(tx.LayerVersions(layerKey("b"), store.LayerFilter{Runtime: "python3.1"}, 0, 9)), []string{"b:1"})
		same(t, names(tx.LayerVersions(layerKey("b"), store.LayerFilter{Runtime: "python3_12"}, 0, 9)), []string(nil))
		same(t, names(tx.LayerVersions(layerKey("b"), store.LayerFilter{Architecture: "arm64"}, 0, 9)), []string(nil))
		same(t, names(tx.Layers(Service, all, "", 9)), []string{"C:1", "a:1", "b:10"})
		same(t, names(tx.Layers(Service, all, "C", 1)), []string{"a:1"})
		same(t, names(tx.Layers(Service, store.LayerFilter{Runtime: "python3.12"}, "", 9)), []string{"b:2"})
		same(t, names(tx.Layers(Service, store.LayerFilter{Runtime: "nodejs", Architecture: "x86_64"}, "", 9)), []string{"C:1", "b:10"})
		return nil
	})
}

// What a version has of a layer stays in use when the layer version is gone.
func testLayerDigests(t *testing.T, s *store.Store) {
	used := func() map[ebb.Digest]bool {
		m := map[ebb.Digest]bool{}
		Read(t, s, func(tx *store.Tx) error { return tx.LayerDigests(func(d ebb.Digest) { m[d] = true }) })
		return m
	}
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.InsertLayerVersion(layerVersion("l", 3)); err != nil {
			return err
		}
		return Insert(tx, "f") // has a layer of Digest(7)
	})
	same(t, used(), map[ebb.Digest]bool{Digest(3): true, Digest(7): true})
	Read(t, s, func(tx *store.Tx) error {
		bytes, among, err := tx.CodeBytes(Service, Digest(3))
		same(t, []any{bytes, among}, []any{int64(1264), true})
		return err
	})
	v := Version("f", 0)
	was := v.RevisionID
	twice := ebb.Code{Digest: Digest(3), Size: 30}
	v.RevisionID, v.Layers = "next", []ebb.Layer{{ARN: "a", Code: twice}, {ARN: "b", Code: twice}}
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.UpdateVersion(v, was); err != nil {
			return err
		}
		return tx.DeleteLayerVersion(layerKey("l"), 3)
	})
	same(t, used(), map[ebb.Digest]bool{Digest(3): true})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunction(Key("f")) })
	same(t, used(), map[ebb.Digest]bool{})
}
