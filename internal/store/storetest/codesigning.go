package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testPublisher(t *testing.T, s *store.Store) {
	p := func(name, version string) *ebb.Publisher {
		return &ebb.Publisher{Service: Service, Name: name, Version: version, PublicKey: []byte{0, 1, 0xff}, CreatedAt: At(1)}
	}
	ci := p("ci", "b")
	Must(t, s, func(tx *store.Tx) error { return tx.PutPublisher(ci) })
	again := *ci
	again.CreatedAt = At(9)
	Must(t, s, func(tx *store.Tx) error { return tx.PutPublisher(&again) }) // it is there: its age stays
	for _, other := range []*ebb.Publisher{p("ci", "a"), p("build", "z"), {Service: "123456789012", Name: "ci", Version: "b", PublicKey: []byte{7}, CreatedAt: At(1)}} {
		Must(t, s, func(tx *store.Tx) error { return tx.PutPublisher(other) })
	}
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Publisher(Service, "ci", "b")
		same(t, got, ci)
		if err != nil {
			return err
		}
		_, err = tx.Publisher(Service, "ci", "c")
		is(t, err, store.ErrNotFound)
		all, err := tx.Publishers(Service, "", "", 10)
		same(t, all, []*ebb.Publisher{p("build", "z"), p("ci", "a"), ci})
		if err != nil {
			return err
		}
		all, err = tx.Publishers(Service, "ci", "a", 1)
		same(t, all, []*ebb.Publisher{ci})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeletePublisher(Service, "ci", "a") })
	Must(t, s, func(tx *store.Tx) error { return tx.DeletePublisher(Service, "ci", "") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeletePublisher(Service, "ci", "") }), store.ErrNotFound)
	Read(t, s, func(tx *store.Tx) error {
		all, err := tx.Publishers("123456789012", "", "", 10)
		same(t, len(all), 1)
		return err
	})
}

func testCodeSigning(t *testing.T, s *store.Store) {
	c := &ebb.CodeSigningConfig{Service: Service, ID: "csc-b", Description: "all of it", Publishers: []string{"arn:1", "arn:2"},
		Enforce: true, Tags: map[string]string{"team": "x"}, LastModified: At(1)}
	Must(t, s, func(tx *store.Tx) error { return tx.PutCodeSigningConfig(c) })
	Must(t, s, func(tx *store.Tx) error {
		return tx.PutCodeSigningConfig(&ebb.CodeSigningConfig{Service: Service, ID: "csc-a", Publishers: []string{"arn:1"}, LastModified: At(1)})
	})
	c.Enforce, c.Tags, c.LastModified = false, nil, At(2)
	Must(t, s, func(tx *store.Tx) error { return tx.PutCodeSigningConfig(c) })
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "g") })
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetFunctionCodeSigning(Key("f"), "csc-none") }), store.ErrMissing)
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetFunctionCodeSigning(Key("none"), "csc-b") }), store.ErrMissing)
	for _, name := range []string{"g", "f"} {
		Must(t, s, func(tx *store.Tx) error { return tx.SetFunctionCodeSigning(Key(name), "csc-a") })
		Must(t, s, func(tx *store.Tx) error { return tx.SetFunctionCodeSigning(Key(name), "csc-b") })
	}
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteCodeSigningConfig(Service, "csc-b") }), store.ErrMissing)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.CodeSigningConfig(Service, "csc-b")
		same(t, got, c)
		if err != nil {
			return err
		}
		all, err := tx.CodeSigningConfigs(Service, "csc-a", 10)
		same(t, all, []*ebb.CodeSigningConfig{c})
		if err != nil {
			return err
		}
		names, err := tx.FunctionsByCodeSigning(Service, "csc-b", "", 10)
		same(t, names, []string{"f", "g"})
		if err != nil {
			return err
		}
		names, err = tx.FunctionsByCodeSigning(Service, "csc-b", "f", 10)
		same(t, names, []string{"g"})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunction(Key("g")) })
	Must(t, s, func(tx *store.Tx) error { return tx.SetFunctionCodeSigning(Key("f"), "") })
	Read(t, s, func(tx *store.Tx) error {
		id, err := tx.FunctionCodeSigning(Key("f"))
		same(t, id, "")
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteCodeSigningConfig(Service, "csc-b") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteCodeSigningConfig(Service, "csc-b") }), store.ErrNotFound)
}
