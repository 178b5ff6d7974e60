package store_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// expanded is what a later ebb may do to the schema: this one goes on with it.
var expanded = []string{
	"INSERT INTO goose_db_version (version_id, is_applied) VALUES (999999, true)",
	"CREATE TABLE later (id TEXT NOT NULL PRIMARY KEY)",
	"ALTER TABLE function ADD COLUMN later TEXT NOT NULL DEFAULT ''",
	"ALTER TABLE version ADD COLUMN later TEXT NOT NULL DEFAULT ''",
	"ALTER TABLE message ADD COLUMN later TEXT",
	"CREATE INDEX later_index ON version (later)",
}

// The previous binary runs on the schema that a later one has expanded: this
// one, on what its successors may do, passes the whole suite.
func TestSuiteOnExpandedSchema(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) *store.Store {
			path := filepath.Join(t.TempDir(), "ebb.db")
			if err := openAt(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			execFile(t, path, expanded...)
			return openAt(t, path)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) *store.Store {
			return openURL(t, postgrestest.Migrated(t, expanded...))
		})
	})
}

// A newer ebb expands the schema while this one runs, as in a rolling upgrade:
// what is prepared goes on working.
func TestSchemaGrowsMeanwhile(t *testing.T) {
	url := postgrestest.Database(t)
	s := openURL(t, url)
	storetest.Must(t, s, insert("before"))
	if !there(t, s, "before") {
		t.Fatal("not there")
	}
	query(t, url, expanded...)
	storetest.Must(t, s, insert("after"))
	if !there(t, s, "before") || !there(t, s, "after") {
		t.Fatal("not there")
	}
}

// Both folders of migrations have the same files and make the same tables, and
// PostgreSQL compares all text bytewise, as SQLite does.
func TestEnginesHaveOneSchema(t *testing.T) {
	var files [2][]string
	for i, folder := range []string{"sqlite", "postgres"} {
		var err error
		if files[i], err = fs.Glob(store.Migrations(), "migrations/"+folder+"/*.sql"); err != nil || len(files[i]) == 0 {
			t.Fatalf("%d files, %v", len(files[i]), err)
		}
		for j := range files[i] {
			files[i][j] = filepath.Base(files[i][j])
		}
	}
	if d := cmp.Diff(files[0], files[1]); d != "" {
		t.Errorf("migrations of sqlite (-) and postgres (+) differ:\n%s", d)
	}
	columns := func(s *store.Store, query string) (list []string) {
		storetest.Read(t, s, func(tx *store.Tx) (err error) {
			list, err = tx.Texts(query)
			return err
		})
		slices.Sort(list)
		return list
	}
	postgres := openPostgres(t)
	lite := columns(open(t), `SELECT t.name || '.' || c.name || ' ' || c.type FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND t.name <> 'goose_db_version'`)
	heavy := columns(postgres, `SELECT table_name || '.' || column_name || ' ' || CASE data_type
			WHEN 'bigint' THEN 'INTEGER' WHEN 'text' THEN 'TEXT' WHEN 'bytea' THEN 'BLOB' WHEN 'double precision' THEN 'REAL' ELSE data_type END
		FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'goose_db_version'`)
	if d := cmp.Diff(lite, heavy); d != "" {
		t.Errorf("columns of sqlite (-) and postgres (+) differ:\n%s", d)
	}
	for _, column := range columns(postgres, `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND data_type = 'text' AND coalesce(collation_name, '') <> 'C'`) {
		t.Errorf(`migrations/postgres: %s must be TEXT COLLATE "C"`, column)
	}
}

// Every migration only adds, in a way that statements of the release before do
// not notice: what is not used any more is taken away a release later.
func TestMigrationsOnlyExpand(t *testing.T) {
	takes := regexp.MustCompile(`(?i)\b(DROP|RENAME|ALTER COLUMN|SET NOT NULL|TRUNCATE|DELETE FROM)\b`)
	adds := regexp.MustCompile(`(?i)\bADD COLUMN\b[^;]*`)
	files, err := fs.Glob(store.Migrations(), "migrations/*/*.sql")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(store.Migrations(), file)
		if err != nil {
			t.Fatal(err)
		}
		up, _, both := strings.Cut(string(text), "-- +goose Down")
		if !both {
			t.Errorf("%s: has no way down", file)
		}
		up = regexp.MustCompile(`--.*`).ReplaceAllString(up, "")
		if found := takes.FindString(up); found != "" {
			t.Errorf("%s: %s takes away what the release before may use", file, found)
		}
		for _, column := range adds.FindAllString(up, -1) {
			upper := strings.ToUpper(column)
			if strings.Contains(upper, "NOT NULL") && !strings.Contains(upper, "DEFAULT") {
				t.Errorf("%s: an INSERT of the release before does not know of it: %s", file, column)
			}
		}
	}
}

// TestNewSchemaIsNotMigratedAgain: a database that was made at once is as one
// that came step by step; goose finds all of its migrations made.
func TestNewSchemaIsNotMigratedAgain(t *testing.T) {
	files, err := os.ReadDir("migrations/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			storetest.Read(t, open(t), func(tx *store.Tx) error {
				n, err := tx.Count("SELECT count(*) FROM goose_db_version WHERE is_applied")
				if err == nil && n != int64(len(files))+1 { // goose begins with a version 0
					t.Errorf("%d versions, want %d", n, len(files)+1)
				}
				return err
			})
		})
	}
}
