package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func testChange(t *testing.T, s *store.Store) {
	changes := func(after int64, limit int) (cs []store.Change, last int64) {
		Read(t, s, func(tx *store.Tx) (err error) {
			if cs, err = tx.Changes(after, limit); err == nil {
				last, err = tx.LastChange()
			}
			return err
		})
		return cs, last
	}
	if cs, last := changes(0, 10); len(cs) != 0 || last != 0 {
		t.Fatalf("%v %d", cs, last)
	}
	for _, name := range []string{"a", "b", "a"} {
		Must(t, s, func(tx *store.Tx) error { return tx.TouchFunction(Key(name)) })
	}
	undone := errors.New("undone")
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.TouchFunction(Key("c")), undone)
	}), undone)
	Must(t, s, func(tx *store.Tx) error { return tx.Touch("key", "ä/b") })
	cs, last := changes(0, 10)
	var keys []ebb.FunctionKey
	for _, c := range cs {
		if key, ok := c.Function(); ok {
			keys = append(keys, key)
		}
	}
	same(t, keys, []ebb.FunctionKey{Key("b"), Key("a")})
	same(t, cs[2], store.Change{Kind: "key", ID: "ä/b", Seq: last})
	if one, _ := changes(cs[0].Seq, 1); len(one) != 1 || one[0] != cs[1] {
		t.Fatalf("after %d comes %v", cs[0].Seq, one)
	}
}

// Whoever reads on from the last number it saw misses nothing, however many
// change things meanwhile.
func testChangeOrder(t *testing.T, s *store.Store) {
	const callers, each = 6, 10
	var writers sync.WaitGroup
	for c := range callers {
		writers.Go(func() {
			for i := range each {
				key := Key(string(rune('a'+c)) + string(rune('a'+i)))
				if err := s.Tx(t.Context(), func(tx *store.Tx) error { return tx.TouchFunction(key) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	seen, after, last := map[string]bool{}, int64(0), false
	for !last {
		select {
		case <-done:
			last = true // once more
		default:
		}
		Read(t, s, func(tx *store.Tx) error {
			cs, err := tx.Changes(after, 1000)
			for _, c := range cs {
				seen[c.ID], after = true, c.Seq
			}
			return err
		})
	}
	if len(seen) != callers*each {
		t.Fatalf("saw %d of %d changes", len(seen), callers*each)
	}
}
