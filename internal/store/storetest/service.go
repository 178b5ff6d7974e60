package storetest

import (
	"net/netip"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func service(id ebb.ServiceID, name string) *ebb.Service {
	return &ebb.Service{
		ID: id, Name: name, Description: "pays", Env: map[string]string{"STAGE": "test"}, LogRetentionDays: 3,
		Egress:    &ebb.Egress{Rules: []ebb.EgressRule{{Protocol: ebb.ProtocolTCP, Prefix: netip.MustParsePrefix("10.0.0.0/8"), From: 443, To: 443}}},
		Quota:     ebb.Quota{Concurrency: 1, MemoryMB: 2, Rate: 3, Functions: 4, Events: 6, CodeStorageMB: 5},
		CreatedAt: At(0), LastModified: At(1),
	}
}

func testService(t *testing.T, s *store.Store) {
	const id = ebb.ServiceID("123456789012")
	pay := service(id, "payments")
	Must(t, s, func(tx *store.Tx) error { return tx.InsertService(pay) })
	for _, taken := range []*ebb.Service{service(id, "other"), service("123456789013", "payments")} {
		is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertService(taken) }), store.ErrExists)
	}
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Service(id)
		sameService(t, got, pay)
		if err != nil {
			return err
		}
		got, err = tx.ServiceByName("payments")
		sameService(t, got, pay)
		if err != nil {
			return err
		}
		first, err := tx.Service(ebb.DefaultService)
		if err == nil && first.Name != ebb.DefaultServiceName {
			t.Errorf("the default service is %+v", first)
		}
		return err
	})
	pay.Name, pay.Env, pay.Quota, pay.Egress, pay.LastModified = "payout", nil, ebb.Quota{}, nil, At(5)
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateService(pay) })
	Read(t, s, func(tx *store.Tx) error {
		all, err := tx.Services("", 10)
		if len(all) != 2 || all[0].Name != ebb.DefaultServiceName {
			t.Fatalf("services %v", all)
		}
		sameService(t, all[1], pay)
		if err != nil {
			return err
		}
		all, err = tx.Services("default", 1)
		if len(all) != 1 || all[0].ID != id {
			t.Errorf("the second page is %v", all)
		}
		return err
	})
	gone := service("999999999999", "gone")
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateService(gone) }), store.ErrNotFound)
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteService(gone.ID) }), store.ErrNotFound)
	taken := *pay
	taken.Name = ebb.DefaultServiceName
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateService(&taken) }), store.ErrExists)
}

func testServiceContents(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.ServiceContents(Service)
		same(t, got, map[string]int{"functions": 1})
		if err != nil {
			return err
		}
		got, err = tx.ServiceContents("123456789012")
		same(t, got, map[string]int{})
		return err
	})
}

// A service goes with all that is its own, and with nothing of others.
func testServiceDelete(t *testing.T, s *store.Store) {
	const id, other = ebb.ServiceID("123456789012"), ebb.ServiceID("123456789013")
	Must(t, s, func(tx *store.Tx) error {
		for _, sv := range []*ebb.Service{service(id, "a"), service(other, "b")} {
			if err := tx.InsertService(sv); err != nil {
				return err
			}
			for _, err := range []error{
				tx.InsertKey(key("K"+sv.Name, sv.ID)), tx.PutRole(role(sv.ID, "r")), putSecret(tx, secret(sv.ID, "s")),
			} {
				if err != nil {
					return err
				}
			}
		}
		return tx.DeleteService(id)
	})
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.Service(id)
		is(t, err, store.ErrNotFound)
		_, err = tx.Key("Ka")
		is(t, err, store.ErrNotFound)
		_, err = tx.Role(id, "r")
		is(t, err, store.ErrNotFound)
		_, err = tx.Secret(id, "s")
		is(t, err, store.ErrNotFound)
		_, _, err = tx.SecretValue(id, "s", 2)
		is(t, err, store.ErrNotFound)
		if _, err = tx.Key("Kb"); err != nil {
			return err
		}
		if _, err = tx.Role(other, "r"); err != nil {
			return err
		}
		_, err = tx.Secret(other, "s")
		return err
	})
}

func sameService(t *testing.T, got, want *ebb.Service) {
	t.Helper()
	if got == nil {
		t.Fatal("there is no service")
	}
	text := func(e *ebb.Egress) string {
		if e == nil {
			return "none"
		}
		return e.String()
	}
	same(t, text(got.Egress), text(want.Egress))
	g, w := *got, *want
	g.Egress, w.Egress = nil, nil
	same(t, g, w)
}
