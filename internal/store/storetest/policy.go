package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func policy(revision string) *ebb.ResourcePolicy {
	return &ebb.ResourcePolicy{RevisionID: revision, Statements: []ebb.Permission{
		{ID: "a", Action: "lambda:InvokeFunction", Principal: "s3.amazonaws.com", SourceARN: "arn:aws:s3:::b*", SourceAccount: "111111111111"},
		{ID: "b", Action: "lambda:*", Principal: "*", URLAuthType: "NONE", ViaURL: new(true)},
	}}
}

func testFunctionPolicy(t *testing.T, s *store.Store) {
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetFunctionPolicy(Key("f"), "", policy("1")) }), store.ErrMissing)
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	get := func(qualifier string) (p *ebb.ResourcePolicy) {
		Read(t, s, func(tx *store.Tx) (err error) {
			p, err = tx.FunctionPolicy(Key("f"), qualifier)
			return err
		})
		return p
	}
	for _, q := range []string{"", "live"} {
		Must(t, s, func(tx *store.Tx) error { return tx.SetFunctionPolicy(Key("f"), q, policy("1"+q)) })
	}
	same(t, get("live"), policy("1live"))
	next := policy("2")
	next.Statements = next.Statements[1:]
	Must(t, s, func(tx *store.Tx) error { return tx.SetFunctionPolicy(Key("f"), "", next) })
	same(t, get(""), next)
	gone := func(qualifier string) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			_, err := tx.FunctionPolicy(Key("f"), qualifier)
			is(t, err, store.ErrNotFound)
			return nil
		})
	}
	Must(t, s, func(tx *store.Tx) error { return tx.SetFunctionPolicy(Key("f"), "", &ebb.ResourcePolicy{}) })
	gone("")
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunction(Key("f")) })
	gone("live")
}

func testLayerPolicy(t *testing.T, s *store.Store) {
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetLayerPolicy(layerKey("l"), 1, policy("1")) }), store.ErrMissing)
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.InsertLayerVersion(layerVersion("l", 1)); err != nil {
			return err
		}
		return tx.SetLayerPolicy(layerKey("l"), 1, policy("1"))
	})
	Read(t, s, func(tx *store.Tx) error {
		p, err := tx.LayerPolicy(layerKey("l"), 1)
		same(t, p, policy("1"))
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.SetLayerPolicy(layerKey("l"), 1, &ebb.ResourcePolicy{}) })
	gone := func() {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			_, err := tx.LayerPolicy(layerKey("l"), 1)
			is(t, err, store.ErrNotFound)
			return nil
		})
	}
	gone()
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.SetLayerPolicy(layerKey("l"), 1, policy("2")); err != nil {
			return err
		}
		return tx.DeleteLayerVersion(layerKey("l"), 1)
	})
	gone()
}
