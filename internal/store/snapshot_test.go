package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// content is every row of every table, but for what migrations write.
func content(t *testing.T, s *store.Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	storetest.Read(t, s, func(tx *store.Tx) error {
		for table, rows := range map[string]string{
			"function":     "SELECT service || name || created_at || tags FROM function ORDER BY 1",
			"version":      "SELECT service || name || number || settings || code_digest FROM version ORDER BY 1",
			"function_url": "SELECT id || service || qualifier || cors FROM function_url ORDER BY 1",
			"change":       "SELECT kind || id || seq FROM change ORDER BY 1",
			"counter":      "SELECT '' || last FROM change_counter",
			"lease":        "SELECT name || node || epoch FROM lease ORDER BY 1",
		} {
			texts, err := tx.Texts(rows)
			if err != nil {
				return err
			}
			all[table] = texts
		}
		return nil
	})
	return all
}

func fill(t *testing.T, s *store.Store) {
	t.Helper()
	storetest.Must(t, s, func(tx *store.Tx) error {
		for _, name := range []string{"a", "B", "ä", "日本"} {
			if err := storetest.Insert(tx, name); err != nil {
				return err
			}
			if err := tx.TouchFunction(storetest.Key(name)); err != nil {
				return err
			}
			if err := tx.InsertFunctionURL(&ebb.FunctionURL{FunctionKey: storetest.Key(name), ID: "id" + name}); err != nil {
				return err
			}
		}
		if _, _, err := tx.AcquireLease("l", "n", storetest.At(0), storetest.At(1)); err != nil {
			return err
		}
		return tx.InsertMessage(&ebb.Message{MessageKey: ebb.MessageKey{Queue: "q", Service: storetest.Service, ID: "m"},
			Body: []byte{0, 255, 1, '\''}, Due: storetest.At(1), EnqueuedAt: storetest.At(0)})
	})
}

// What PostgreSQL holds can be backed up while it works, restored into SQLite by
// opening the copy, and into an empty PostgreSQL; and the other way round.
func TestSnapshotGoesIntoEveryEngine(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			fill(t, s)
			want := content(t, s)
			path := filepath.Join(t.TempDir(), "copy.db")
			if err := s.Snapshot(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
				t.Fatalf("%v %v", entries, err)
			}
			loaded := openPostgres(t)
			if err := loaded.Load(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			for where, made := range map[string]*store.Store{"postgres": loaded, "sqlite": openAt(t, path)} {
				if d := cmp.Diff(want, content(t, made)); d != "" {
					t.Errorf("%s differs:\n%s", where, d)
				}
				storetest.Must(t, made, func(tx *store.Tx) error {
					m, err := tx.Message(ebb.MessageKey{Queue: "q", Service: storetest.Service, ID: "m"})
					if err == nil && string(m.Body) != "\x00\xff\x01'" {
						t.Errorf("%s: body is %q", where, m.Body)
					}
					if err == nil {
						err = storetest.Insert(tx, "next")
					}
					return err
				})
			}
			if err := loaded.Load(t.Context(), path); ebb.KindOf(err) != ebb.Conflict {
				t.Errorf("loaded over what was there: %v", err)
			}
			if there(t, loaded, "a") != true || len(content(t, loaded)["function"]) != 5 {
				t.Error("a refused load changed something")
			}
		})
	}
}

func TestSnapshotOfALaterSchema(t *testing.T) {
	url := postgrestest.Database(t)
	s := openURL(t, url)
	query(t, url, expanded...)
	path := filepath.Join(t.TempDir(), "copy.db")
	err := s.Snapshot(t.Context(), path)
	if ebb.TypeOf(err) != ebb.TypeDatabaseNewer || !strings.Contains(err.Error(), "later") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("left something: %v", err)
	}
}
