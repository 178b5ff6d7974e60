package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func role(service ebb.ServiceID, name string) *ebb.Role {
	return &ebb.Role{
		Service: service, Name: name, CreatedAt: At(0), LastModified: At(1),
		Policy: ebb.Policy{Version: "2012-10-17", Statement: []ebb.Statement{{
			Sid: "one", Effect: ebb.Allow, Action: ebb.Patterns{"lambda:*"}, Resource: ebb.Patterns{"*"},
		}}},
	}
}

func testRole(t *testing.T, s *store.Store) {
	r := role(Service, "worker")
	Must(t, s, func(tx *store.Tx) error { return tx.PutRole(r) })
	read := func() {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.Role(Service, "worker")
			same(t, got, r)
			return err
		})
	}
	read()
	again := *r
	again.CreatedAt, again.LastModified, again.Policy.Statement = At(8), At(9), nil
	Must(t, s, func(tx *store.Tx) error { return tx.PutRole(&again) })
	r.LastModified, r.Policy = again.LastModified, again.Policy // its age stays
	read()
	Must(t, s, func(tx *store.Tx) error { return tx.PutRole(role(Service, "a")) })
	Must(t, s, func(tx *store.Tx) error { return tx.PutRole(role("123456789012", "b")) })
	Read(t, s, func(tx *store.Tx) error {
		all, err := tx.Roles(Service, "", 10)
		if len(all) != 2 || all[0].Name != "a" || all[1].Name != "worker" {
			t.Errorf("roles %v", all)
		}
		if err != nil {
			return err
		}
		all, err = tx.Roles(Service, "a", 10)
		if len(all) != 1 {
			t.Errorf("the second page has %d", len(all))
		}
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteRole(Service, "worker") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteRole(Service, "worker") }), store.ErrNotFound)
}
