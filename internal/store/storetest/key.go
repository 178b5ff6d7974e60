package storetest

import (
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func key(id string, service ebb.ServiceID) *store.Key {
	return &store.Key{
		AccessKey: ebb.AccessKey{
			ID: id, Service: service, Name: "ci", Role: ebb.RoleDeveloper, Enabled: true,
			CreatedAt: At(0), ExpiresAt: At(9), LastUsedAt: At(3), ReplacedBy: "K9",
		},
		TokenHash: "hash of " + id,
		Secret:    ebb.Sealed{MasterID: "m1", Blob: []byte{0, 1, 255}},
	}
}

func testKey(t *testing.T, s *store.Store) {
	a := key("KA", Service)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertKey(a) })
	double := key("KX", Service)
	double.TokenHash = a.TokenHash
	for _, taken := range []*store.Key{a, double} {
		is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertKey(taken) }), store.ErrExists)
	}
	read := func() {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.Key("KA")
			same(t, got, a)
			if err != nil {
				return err
			}
			got, err = tx.KeyByToken(a.TokenHash)
			same(t, got, a)
			return err
		})
	}
	read()
	a.Name, a.Role, a.Enabled, a.ExpiresAt, a.ReplacedBy = "cd", ebb.RoleAuditor, false, time.Time{}, ""
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateKey(&a.AccessKey) })
	read()
	Must(t, s, func(tx *store.Tx) error { return tx.TouchKey("KA", At(7)) })
	Must(t, s, func(tx *store.Tx) error { return tx.TouchKey("KA", At(5)) }) // came late
	Must(t, s, func(tx *store.Tx) error { return tx.TouchKey("none", At(5)) })
	a.LastUsedAt = At(7)
	read()
	Must(t, s, func(tx *store.Tx) error { return tx.InsertKey(key("KB", Service)) })
	Must(t, s, func(tx *store.Tx) error { return tx.InsertKey(key("KN", "")) })
	Read(t, s, func(tx *store.Tx) error {
		for _, c := range []struct {
			service ebb.ServiceID
			after   string
			want    []string
		}{{Service, "", []string{"KA", "KB"}}, {Service, "KA", []string{"KB"}}, {"", "", []string{"KN"}}, {"123456789012", "", nil}} {
			all, err := tx.Keys(c.service, c.after, 10)
			var got []string
			for _, k := range all {
				got = append(got, k.ID)
			}
			same(t, got, c.want)
			if err != nil {
				return err
			}
		}
		return nil
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteKey("KA") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteKey("KA") }), store.ErrNotFound)
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateKey(&a.AccessKey) }), store.ErrNotFound)
}
