package store_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// With Twice every fn runs twice, and what it did the first time is undone: what
// a statement changed, that one failed, and what was to come after the commit.
func TestTwice(t *testing.T) {
	for name, cfg := range map[string]func(*testing.T) store.Config{
		"sqlite": func(t *testing.T) store.Config {
			return store.Config{Path: filepath.Join(t.TempDir(), "ebb.db"), Twice: true}
		},
		"postgres": func(t *testing.T) store.Config { return store.Config{URL: postgrestest.Migrated(t), Twice: true} },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), cfg(t))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			runs, after := 0, 0
			storetest.Must(t, s, func(tx *store.Tx) error {
				if runs++; runs == 1 {
					if err := storetest.Insert(tx, "first"); err != nil {
						return err
					}
					err := storetest.Insert(tx, "first")
					if !errors.Is(err, store.ErrExists) {
						t.Errorf("got %v", err)
					}
					tx.AfterCommit(func() { after++ })
					return err
				}
				tx.AfterCommit(func() { after++ })
				return storetest.Insert(tx, "second")
			})
			if runs != 2 || after != 1 {
				t.Errorf("%d runs, %d calls after the commit", runs, after)
			}
			storetest.Read(t, s, func(tx *store.Tx) error {
				if _, err := tx.Function(storetest.Key("first")); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("what was done in vain is there: %v", err)
				}
				_, err := tx.Function(storetest.Key("second"))
				return err
			})
			fails := errors.New("fails")
			if err := s.Tx(t.Context(), func(*store.Tx) error { return fails }); !errors.Is(err, fails) {
				t.Errorf("a fn's own error is %v", err)
			}
		})
	}
}
