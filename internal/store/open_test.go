package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// filled returns the path of a closed database with rows on many pages.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ebb.db")
	s, err := store.Open(t.Context(), store.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Must(t, s, func(tx *store.Tx) error {
		if err := storetest.Insert(tx, "f"); err != nil {
			return err
		}
		for n := range int64(400) {
			if err := tx.InsertVersion(storetest.Version("f", n+1)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func execFile(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range statements {
		if _, err := db.Exec(st); err != nil {
			t.Fatalf("%s: %v", st, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func patch(t *testing.T, path string, at int64, with []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(with, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// files reads every file beside path.
func files(t *testing.T, path string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = b
	}
	return all
}

// later is what a later ebb leaves that took something away from this one.
var later = []string{
	"INSERT INTO goose_db_version (version_id, is_applied) VALUES (999999, true)",
	"UPDATE schema_floor SET floor = 999999",
}

func TestOpenRefusesAndOverwritesNothing(t *testing.T) {
	cases := map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"not a database": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("dear diary ", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ebb.TypeDatabaseBroken},
		"shorter than a header": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("SQL"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ebb.TypeDatabaseBroken},
		"zeroed": {func(t *testing.T, path string) { patch(t, path, 0, make([]byte, 4096)) }, ebb.TypeDatabaseBroken},
		"cut in half": {func(t *testing.T, path string) {
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, st.Size()/2); err != nil {
				t.Fatal(err)
			}
		}, ebb.TypeDatabaseBroken},
		"a page overwritten": {func(t *testing.T, path string) {
			patch(t, path, 20*4096, bytes.Repeat([]byte{0xa5}, 4096))
		}, ebb.TypeDatabaseBroken},
		"the schema overwritten": {func(t *testing.T, path string) {
			patch(t, path, 100, bytes.Repeat([]byte{0xa5}, 3000))
		}, ebb.TypeDatabaseBroken},
		"another program's": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			execFile(t, path, "CREATE TABLE song (title TEXT)", "INSERT INTO song VALUES ('la la')")
		}, ebb.TypeDatabaseBroken},
		"a later schema": {func(t *testing.T, path string) {
			execFile(t, path, later...)
		}, ebb.TypeDatabaseNewer},
	}
	good, err := os.ReadFile(filled(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ebb.db")
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, path)
			before := files(t, path)
			s, err := store.Open(t.Context(), store.Config{Path: path})
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if got := ebb.TypeOf(err); got != c.want {
				t.Fatalf("type %s (%v), want %s", got, err, c.want)
			}
			after := files(t, path)
			for name, was := range before {
				if !bytes.Equal(after[name], was) {
					t.Errorf("%s was changed", name)
				}
			}
			for name, is := range after {
				// SQLite may leave its empty side files.
				if _, was := before[name]; !was && strings.HasSuffix(name, "-wal") && len(is) > 0 {
					t.Errorf("%s was written", name)
				}
			}
		})
	}
}

// A later ebb that was killed has its last commits in the log only: neither
// that nor the database may be touched, and no checkpoint may run.
func TestOpenLeavesTheLogOfALaterSchema(t *testing.T) {
	path := filled(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range later {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	// A copy made while the log is full is what kill -9 leaves.
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %d bytes, %v", suffix, len(b), err)
		}
		if err := os.WriteFile(filepath.Join(dir, "ebb.db"+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left := filepath.Join(dir, "ebb.db")
	before := files(t, left)
	if _, err := store.Open(t.Context(), store.Config{Path: left}); ebb.TypeOf(err) != ebb.TypeDatabaseNewer {
		t.Fatalf("got %v", err)
	}
	after := files(t, left)
	for name, was := range before {
		if !bytes.Equal(after[name], was) {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestOpenAgain(t *testing.T) {
	path := filled(t)
	s := openAt(t, path)
	storetest.Read(t, s, func(tx *store.Tx) error {
		v, err := tx.LastVersion(storetest.Key("f"))
		if err == nil && v.Number != 400 {
			t.Errorf("last version is %d", v.Number)
		}
		return err
	})
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: others can read the functions' environment", st.Mode())
	}
}

// The first start may have ended at any point before the first commit.
func TestOpenUnfinishedFirstStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ebb.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path)
	storetest.Must(t, s, insert("f"))

	path = filepath.Join(t.TempDir(), "ebb.db")
	execFile(t, path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (a)", "DROP TABLE t")
	s = openAt(t, path)
	storetest.Must(t, s, insert("f"))
}

func TestOpenErrors(t *testing.T) {
	_, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "none", "ebb.db")})
	if ebb.KindOf(err) != ebb.Unavailable {
		t.Errorf("no folder: %v", err)
	}
	_, err = store.Open(t.Context(), store.Config{Path: t.TempDir()})
	if ebb.TypeOf(err) != ebb.TypeDatabaseBroken {
		t.Errorf("a folder: %v", err)
	}
	if _, err = store.Open(t.Context(), store.Config{}); ebb.TypeOf(err) != ebb.TypeConfigInvalid {
		t.Errorf("no path: %v", err)
	}
}

func TestOpenStrangePath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c=d&%41#é")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ebb.db")
	s := openAt(t, path)
	storetest.Must(t, s, insert("f"))
	if st, err := os.Stat(path); err != nil || st.Size() == 0 {
		t.Fatalf("the database is elsewhere: %v", err)
	}
	if err := s.Snapshot(t.Context(), filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
}

// The engine's settings are what the promises rest on.
func TestEngineSettings(t *testing.T) {
	s := open(t)
	storetest.Must(t, s, func(tx *store.Tx) error {
		for pragma, want := range map[string]int64{"synchronous": 2, "foreign_keys": 1} {
			got, err := tx.Count("PRAGMA " + pragma)
			if err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s is %d, want %d", pragma, got, want)
			}
		}
		wal, err := tx.Count("SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'")
		if wal != 1 {
			t.Error("the journal is not a write-ahead log")
		}
		return err
	})
	latest, err := store.LatestMigration()
	if err != nil || latest < 1 {
		t.Fatalf("latest migration %d: %v", latest, err)
	}
	storetest.Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Count("SELECT max(version_id) FROM goose_db_version")
		if got != latest {
			t.Errorf("schema is %d, want %d", got, latest)
		}
		return err
	})
}

func TestSnapshotWhileWriting(t *testing.T) {
	s := open(t)
	storetest.Must(t, s, insert("f-0"))
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan int)
	go func() {
		n := 1
		for ; ctx.Err() == nil; n++ {
			if err := s.Tx(t.Context(), insert("f-"+string(rune('a'+n%26))+strings.Repeat("x", n/26))); err != nil {
				t.Error(err)
				break
			}
		}
		stopped <- n
	}()
	dir := t.TempDir()
	var last int
	for i := range 5 {
		path := filepath.Join(dir, "copy"+string(rune('0'+i))+".db")
		if err := s.Snapshot(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		c := openAt(t, path)
		storetest.Read(t, c, func(tx *store.Tx) error {
			fs, err := tx.CountFunctions(storetest.Service)
			if err != nil {
				return err
			}
			vs, err := tx.Count("SELECT count(*) FROM version")
			if int64(fs) != vs || fs < last {
				t.Errorf("copy %d has %d functions and %d versions, the one before had %d", i, fs, vs, last)
			}
			last = fs
			return err
		})
	}
	cancel()
	if <-stopped < 2 {
		t.Fatal("nothing was written meanwhile")
	}
}

func TestSnapshotErrors(t *testing.T) {
	s := open(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "there")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Snapshot(t.Context(), path); err == nil {
		t.Error("overwrote a file")
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file was changed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path = filepath.Join(dir, "cancelled")
	if err := s.Snapshot(ctx, path); err == nil {
		t.Error("cancelled, but no error")
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("left something: %v", err)
	}
}
