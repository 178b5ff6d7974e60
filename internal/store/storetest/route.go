package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testRouteClaim(t *testing.T, s *store.Store) {
	const other = ebb.ServiceID("111122223333")
	a, b := trigger("a", ebb.TriggerHTTP), trigger("b", ebb.TriggerHTTP)
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(a) })
	Must(t, s, func(tx *store.Tx) error { return tx.InsertTrigger(b) })
	exact := &store.RouteClaim{Host: "api.bank.example", Method: "GET", Path: "/x/{}", Trigger: a.ID, Service: Service, Parent: "*.bank.example"}
	wild := &store.RouteClaim{Host: "*.shop.example", Method: "ANY", Path: "/", Trigger: b.ID, Service: Service}
	open := &store.RouteClaim{Host: "", Method: "ANY", Path: "/", Trigger: b.ID, Service: Service}
	for _, c := range []*store.RouteClaim{exact, wild, open} {
		Must(t, s, func(tx *store.Tx) error { return tx.InsertRouteClaim(c) })
	}
	again := *exact
	again.Trigger = b.ID
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertRouteClaim(&again) }), store.ErrExists)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.RouteClaim(exact.Host, exact.Method, exact.Path)
		same(t, got, exact)
		if err != nil {
			return err
		}
		_, err = tx.RouteClaim(exact.Host, "PUT", exact.Path)
		is(t, err, store.ErrNotFound)
		for _, c := range []struct {
			service      ebb.ServiceID
			host, parent string
			want         *store.RouteClaim
		}{
			{other, "api.bank.example", "*.bank.example", exact},
			{other, "www.bank.example", "*.bank.example", nil},
			{other, "*.bank.example", "", exact},
			{other, "www.shop.example", "*.shop.example", wild},
			{other, "", "", open},
			{Service, "api.bank.example", "*.bank.example", nil},
			{Service, "", "", nil},
		} {
			got, err := tx.ForeignRouteClaim(c.service, c.host, c.parent)
			if c.want == nil {
				is(t, err, store.ErrNotFound)
				continue
			}
			same(t, got, c.want)
		}
		return nil
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteRouteClaims(a.ID) })
	Must(t, s, func(tx *store.Tx) error { return tx.InsertRouteClaim(&again) })
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteTrigger(b.ID) }) // and its claims
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.RouteClaim(exact.Host, exact.Method, exact.Path)
		is(t, err, store.ErrNotFound)
		return nil
	})
}

func testAPIKey(t *testing.T, s *store.Store) {
	a := &ebb.APIKey{ID: "key-1", Service: Service, Name: "shop", Enabled: true, Triggers: []string{"orders"}, CreatedAt: At(1), ExpiresAt: At(9)}
	b := &ebb.APIKey{ID: "key-2", Service: Service, Name: "till", Enabled: true, CreatedAt: At(2)}
	Must(t, s, func(tx *store.Tx) error { return tx.InsertAPIKey(a, "aa") })
	Must(t, s, func(tx *store.Tx) error { return tx.InsertAPIKey(b, "bb") })
	again := *a
	again.ID = "key-3"
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertAPIKey(&again, "cc") }), store.ErrExists)
	Must(t, s, func(tx *store.Tx) error { return tx.TouchAPIKey(a.ID, At(5)) })
	Must(t, s, func(tx *store.Tx) error { return tx.TouchAPIKey(a.ID, At(4)) })
	a.LastUsedAt = At(5)
	a.Enabled, a.Triggers = false, nil
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateAPIKey(a) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.APIKey(Service, "shop")
		same(t, got, a)
		if err != nil {
			return err
		}
		got, err = tx.APIKeyByHash("bb")
		same(t, got, b)
		if err != nil {
			return err
		}
		_, err = tx.APIKeyByHash("dd")
		is(t, err, store.ErrNotFound)
		all, err := tx.APIKeys(Service, "", 9)
		same(t, all, []*ebb.APIKey{a, b})
		if err != nil {
			return err
		}
		all, err = tx.APIKeys(Service, "shop", 9)
		same(t, all, []*ebb.APIKey{b})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteAPIKey(Service, "shop") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteAPIKey(Service, "shop") }), store.ErrNotFound)
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateAPIKey(a) }), store.ErrNotFound)
}
