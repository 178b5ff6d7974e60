package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testEventInvokeConfig(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	config := func(qualifier string) *ebb.EventInvokeConfig {
		return &ebb.EventInvokeConfig{FunctionKey: Key("f"), Qualifier: qualifier, MaxRetries: new(0), OnFailure: "kafka://dead", LastModified: At(3)}
	}
	Must(t, s, func(tx *store.Tx) error {
		for _, q := range []string{"", "1", "live"} {
			if err := tx.PutEventInvokeConfig(config(q)); err != nil {
				return err
			}
		}
		return nil
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.PutEventInvokeConfig(&ebb.EventInvokeConfig{FunctionKey: Key("none"), LastModified: At(0)})
	}), store.ErrMissing)
	changed := config("1")
	changed.MaxRetries, changed.MaxAgeS, changed.OnSuccess = nil, new(60), "arn:aws:s3:::b"
	Must(t, s, func(tx *store.Tx) error { return tx.PutEventInvokeConfig(changed) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.EventInvokeConfig(Key("f"), "1")
		same(t, got, changed)
		is(t, err, nil)
		all, err := tx.EventInvokeConfigs(Key("f"), true, "", 2)
		same(t, all, []*ebb.EventInvokeConfig{config(""), changed})
		is(t, err, nil)
		all, err = tx.EventInvokeConfigs(Key("f"), false, "1", 2)
		same(t, all, []*ebb.EventInvokeConfig{config("live")})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteEventInvokeConfig(Key("f"), "1") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteEventInvokeConfig(Key("f"), "1") }), store.ErrNotFound)
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunction(Key("f")) })
	is(t, s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.EventInvokeConfig(Key("f"), ""); return err }), store.ErrNotFound)
}
