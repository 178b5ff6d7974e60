package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func url(name, qualifier string) *ebb.FunctionURL {
	return &ebb.FunctionURL{
		FunctionKey: Key(name), ID: "id-" + name + "-" + qualifier, Qualifier: qualifier,
		AuthType: ebb.URLAuthIAM, InvokeMode: ebb.InvokeModeStream,
		CORS:      &ebb.CORS{AllowOrigins: []string{"https://example.com"}, AllowCredentials: true, MaxAge: 3},
		CreatedAt: At(1), LastModified: At(2),
	}
}

func testFunctionURL(t *testing.T, s *store.Store) {
	u := url("f", "")
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertFunctionURL(u) }), store.ErrMissing)
	Must(t, s, func(tx *store.Tx) error {
		if err := Insert(tx, "f"); err != nil {
			return err
		}
		return tx.InsertFunctionURL(u)
	})
	again := *u
	again.ID = "another"
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertFunctionURL(&again) }), store.ErrExists)
	read := func(want *ebb.FunctionURL) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			got, err := tx.FunctionURL(Key("f"), "")
			same(t, got, want)
			if err != nil {
				return err
			}
			got, err = tx.FunctionURLByID(want.ID)
			same(t, got, want)
			return err
		})
	}
	read(u)
	u.AuthType, u.InvokeMode, u.CORS, u.LastModified = ebb.URLAuthNone, ebb.InvokeModeBuffered, nil, At(9)
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateFunctionURL(u) })
	read(u)
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateFunctionURL(&again) }), store.ErrNotFound)
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunctionURL(Key("f"), "") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteFunctionURL(Key("f"), "") }), store.ErrNotFound)
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.FunctionURLByID(u.ID)
		is(t, err, store.ErrNotFound)
		return nil
	})
}

func testFunctionURLs(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error {
		if err := Insert(tx, "f"); err != nil {
			return err
		}
		for _, q := range []string{"prod", "", "beta"} {
			if err := tx.InsertFunctionURL(url("f", q)); err != nil {
				return err
			}
		}
		return nil
	})
	Read(t, s, func(tx *store.Tx) error {
		list := func(first bool, after string, limit int, want ...string) error {
			us, err := tx.FunctionURLs(Key("f"), first, after, limit)
			var got []string
			for _, u := range us {
				got = append(got, u.Qualifier)
			}
			same(t, got, want)
			return err
		}
		for _, err := range []error{
			list(true, "", 10, "", "beta", "prod"),
			list(false, "", 1, "beta"),
			list(false, "beta", 10, "prod"),
			list(false, "prod", 10),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
}
