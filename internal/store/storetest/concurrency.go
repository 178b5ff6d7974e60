package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testReserved(t *testing.T, s *store.Store) {
	set := func(name string, n int) error {
		return s.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.SetReserved(ebb.Concurrency{FunctionKey: Key(name), Reserved: n})
		})
	}
	is(t, set("f", 3), store.ErrMissing)
	Must(t, s, func(tx *store.Tx) error {
		if err := Insert(tx, "f"); err != nil {
			return err
		}
		return Insert(tx, "g")
	})
	for name, n := range map[string]int{"f": 3, "g": 0} {
		is(t, set(name, 9), nil)
		is(t, set(name, n), nil)
	}
	read := func(sum int, want ...ebb.Concurrency) {
		t.Helper()
		Read(t, s, func(tx *store.Tx) error {
			n, err := tx.SumReserved()
			same(t, n, sum)
			if err != nil {
				return err
			}
			var all []ebb.Concurrency
			err = tx.AllReserved(func(c ebb.Concurrency) { all = append(all, c) })
			slices.SortFunc(all, func(a, b ebb.Concurrency) int { return strings.Compare(a.Name, b.Name) })
			same(t, all, want)
			return err
		})
	}
	read(3, ebb.Concurrency{FunctionKey: Key("f"), Reserved: 3}, ebb.Concurrency{FunctionKey: Key("g")})
	Read(t, s, func(tx *store.Tx) error {
		n, err := tx.Reserved(Key("g"))
		same(t, n, 0)
		_, none := tx.Reserved(Key("h"))
		is(t, none, store.ErrNotFound)
		return err
	})
	for range 2 { // none is no error
		Must(t, s, func(tx *store.Tx) error { return tx.DeleteReserved(Key("g")) })
	}
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunction(Key("f")) })
	read(0)
}

func testProvisioned(t *testing.T, s *store.Store) {
	p := func(name, qualifier string, n int) *ebb.Provisioned {
		return &ebb.Provisioned{FunctionKey: Key(name), Qualifier: qualifier, Executions: n, LastModified: At(int64(n))}
	}
	set := func(p *ebb.Provisioned) error {
		return s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetProvisioned(p) })
	}
	is(t, set(p("f", "1", 1)), store.ErrMissing)
	Must(t, s, func(tx *store.Tx) error {
		for _, name := range []string{"f", "g", "h"} {
			if err := Insert(tx, name); err != nil {
				return err
			}
		}
		return tx.SetReserved(ebb.Concurrency{FunctionKey: Key("h"), Reserved: 50})
	})
	for _, c := range []*ebb.Provisioned{p("f", "1", 9), p("f", "1", 2), p("f", "live", 3), p("g", "4", 5), p("h", "1", 7)} {
		is(t, set(c), nil)
	}
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Provisioned(Key("f"), "1")
		same(t, got, p("f", "1", 2))
		if err != nil {
			return err
		}
		all, err := tx.AllProvisioned()
		same(t, all, []*ebb.Provisioned{p("f", "1", 2), p("f", "live", 3), p("g", "4", 5), p("h", "1", 7)})
		if err != nil {
			return err
		}
		list, err := tx.FunctionProvisioned(Key("f"), "1", 10)
		same(t, list, []*ebb.Provisioned{p("f", "live", 3)})
		if err != nil {
			return err
		}
		function, unreserved, err := tx.SumProvisioned(Key("f"), "1")
		same(t, []int{function, unreserved}, []int{3, 5}) // h draws on what it has reserved
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteProvisioned(Key("f"), "1") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteProvisioned(Key("f"), "1") }), store.ErrNotFound)
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteFunction(Key("g")) })
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.Provisioned(Key("g"), "4")
		is(t, err, store.ErrNotFound)
		return nil
	})
}
