package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// query runs statements beside ebb.
func query(t testing.TB, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

const killOthers = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid()`

func unavailable(t *testing.T, err error) {
	t.Helper()
	var e *ebb.Error
	if !errors.As(err, &e) || e.Kind != ebb.Unavailable || e.Type != ebb.TypeServiceUnavailable || e.RetryAfter <= 0 {
		t.Fatalf("got %v, want an Unavailable with RetryAfter", err)
	}
}

// A connection that dies before COMMIT costs a second run, not an error.
func TestPostgresConnectionLostBeforeCommit(t *testing.T) {
	s := openPostgres(t)
	runs := 0
	storetest.Must(t, s, func(tx *store.Tx) error {
		runs++
		if err := storetest.Insert(tx, "f"); err != nil {
			return err
		}
		if runs == 1 {
			_ = tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())")
		}
		return storetest.Insert(tx, "g")
	})
	if runs != 2 || !there(t, s, "f") || !there(t, s, "g") || s.Stats().Retried != 1 {
		t.Fatalf("%d runs, %+v", runs, s.Stats())
	}
}

// One that dies every time is an error that says that nothing was changed.
func TestPostgresConnectionLostAgainAndAgain(t *testing.T) {
	s := openPostgres(t)
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		_ = storetest.Insert(tx, "f")
		return tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())")
	})
	unavailable(t, err)
	if errors.Is(err, store.ErrOutcomeUnknown) || there(t, s, "f") {
		t.Fatalf("got %v", err)
	}
	storetest.Must(t, s, insert("f"))
}

// After a restart of the server all idle connections are dead: nobody notices.
func TestPostgresIdleConnectionsDie(t *testing.T) {
	url := postgrestest.Database(t)
	s := openURL(t, url)
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range 8 { // several connections of each kind
			wg.Go(func() {
				if err := s.Tx(t.Context(), insert(fmt.Sprintf("f-%d-%d", round, i))); err != nil {
					t.Error(err)
				}
				if err := s.Read(t.Context(), func(tx *store.Tx) error {
					_, err := tx.CountFunctions(storetest.Service)
					return err
				}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		query(t, url, killOthers)
	}
}

// The answer to COMMIT is lost: nobody knows, and the caller is told so,
// whichever it was.
func TestPostgresCommitLost(t *testing.T) {
	for name, delivered := range map[string]bool{"delivered": true, "not delivered": false} {
		t.Run(name, func(t *testing.T) {
			p, url := behindProxy(t)
			s := openURL(t, url)
			runs := 0
			p.cutAt("COMMIT", delivered)
			err := s.Tx(t.Context(), func(tx *store.Tx) error { runs++; return storetest.Insert(tx, "f") })
			unavailable(t, err)
			if !errors.Is(err, store.ErrOutcomeUnknown) || runs != 1 {
				t.Fatalf("%d runs: %v", runs, err)
			}
			if there(t, s, "f") != delivered {
				t.Errorf("the function is there: %t", !delivered)
			}
		})
	}
}

func TestPostgresDownAndBack(t *testing.T) {
	p, url := behindProxy(t)
	s := openURL(t, url)
	storetest.Must(t, s, insert("before"))
	p.setDown(true)
	for range 3 {
		unavailable(t, s.Tx(t.Context(), insert("meanwhile")))
		unavailable(t, s.Read(t.Context(), func(*store.Tx) error { return nil }))
	}
	p.setDown(false)
	storetest.Must(t, s, insert("after"))
	if !there(t, s, "before") || there(t, s, "meanwhile") {
		t.Fatal("wrong functions are there")
	}
}

// What the server says of its disk, of its role and of its state is the
// platform's to word, and passes.
func TestPostgresFaults(t *testing.T) {
	for name, c := range map[string]struct {
		state string
		kind  ebb.Kind
	}{
		"disk full":   {"53100", ebb.Unavailable},
		"I/O":         {"58030", ebb.Unavailable},
		"a standby":   {"25006", ebb.Unavailable},
		"connections": {"53300", ebb.Unavailable},
		"timeout":     {"57014", ebb.Unavailable},
		"corrupted":   {"XX001", ebb.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			s := openPostgres(t)
			err := s.Tx(t.Context(), func(tx *store.Tx) error {
				_ = storetest.Insert(tx, "f")
				_ = tx.Exec("DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '" + c.state + "'; END $$")
				return nil // a fn that does not look must not pass for committed
			})
			if ebb.KindOf(err) != c.kind || (c.kind == ebb.Internal) != (ebb.TypeOf(err) == ebb.TypeDatabaseBroken) {
				t.Fatalf("got %v", err)
			}
			storetest.Must(t, s, insert("f"))
		})
	}
}

// A server that has become a standby is not written to, and not read for what
// decides: connections are made to primaries only.
func TestPostgresReadOnly(t *testing.T) {
	url := postgrestest.Database(t)
	s := openURL(t, url)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	query(t, url, "ALTER DATABASE "+name+" SET default_transaction_read_only = on", killOthers)
	unavailable(t, s.Tx(t.Context(), insert("f")))
	unavailable(t, s.Read(t.Context(), func(*store.Tx) error { return nil }))
	query(t, strings.Replace(url, "/"+name, "/postgres", 1), "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	storetest.Must(t, s, insert("f"))
}

// Durable is what ebb promises, whatever the server's default is.
func TestPostgresSettings(t *testing.T) {
	url := postgrestest.Database(t)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	query(t, url, "ALTER DATABASE "+name+" SET synchronous_commit = off")
	s := openURL(t, url)
	storetest.Must(t, s, func(tx *store.Tx) error {
		for setting, want := range map[string]string{
			"synchronous_commit": "on", "transaction_isolation": "serializable", "lock_timeout": "10s"} {
			n, err := tx.Count("SELECT count(*) WHERE current_setting(?) = ?", setting, want)
			if err != nil {
				return err
			}
			if n != 1 {
				t.Errorf("%s is not %s", setting, want)
			}
		}
		return nil
	})
}

func TestPostgresGoexit(t *testing.T) {
	s := openPostgres(t)
	err := s.Tx(t.Context(), func(tx *store.Tx) error { _ = storetest.Insert(tx, "gone"); runtime.Goexit(); return nil })
	if err == nil || there(t, s, "gone") {
		t.Fatalf("got %v", err)
	}
	for range 40 { // more than there are connections
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.Read(t.Context(), func(*store.Tx) error { runtime.Goexit(); return nil })
		}()
		<-ended
	}
	storetest.Must(t, s, insert("kept"))
}

func TestPostgresCancelledWhileRunning(t *testing.T) {
	s := openPostgres(t)
	ctx, cancel := context.WithCancel(t.Context())
	began, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	outcome := make(chan error)
	go func() {
		outcome <- s.Tx(ctx, func(tx *store.Tx) error {
			defer close(ended)
			close(began)
			<-release
			return storetest.Insert(tx, "f")
		})
	}()
	<-began
	cancel()
	err := <-outcome // while the fn is still running
	if !errors.Is(err, store.ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	<-ended
	if err := s.Close(); err != nil { // waits for it
		t.Error(err)
	}
}

// Processes that start together migrate one after the other.
func TestPostgresStartTogether(t *testing.T) {
	url := postgrestest.Database(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), store.Config{URL: url, Readers: 1, Writers: 1})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := openURL(t, url)
	storetest.Read(t, s, func(tx *store.Tx) error {
		twice, err := tx.Count("SELECT count(*) - count(DISTINCT version_id) FROM goose_db_version")
		if twice != 0 {
			t.Errorf("%d migrations ran twice", twice)
		}
		return err
	})
}

func TestPostgresOpenErrors(t *testing.T) {
	good := postgrestest.Database(t)
	u, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	edit := func(change func(u *url.URL)) store.Config {
		c := *u
		change(&c)
		return store.Config{URL: c.String()}
	}
	missing := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		cfg  store.Config
		want string
	}{
		"wrong password":  {edit(func(u *url.URL) { u.User = url.UserPassword("ebb", "secret-and-wrong") }), ebb.TypeConfigInvalid},
		"no such user":    {edit(func(u *url.URL) { u.User = url.UserPassword("nobody", password) }), ebb.TypeConfigInvalid},
		"no database":     {edit(func(u *url.URL) { u.Path = "/none" }), ebb.TypeConfigInvalid},
		"nobody listens":  {edit(func(u *url.URL) { u.Host = "127.0.0.1:1" }), ebb.TypeServiceUnavailable},
		"not a URL":       {store.Config{URL: "host=127.0.0.1 password=" + password}, ebb.TypeConfigInvalid},
		"broken URL":      {store.Config{URL: "postgres://ebb:" + password + "@[::1/x"}, ebb.TypeConfigInvalid},
		"another port":    {store.Config{URL: "postgres://ebb:" + password + "@h:port/x"}, ebb.TypeConfigInvalid},
		"sslmode":         {store.Config{URL: good + "&sslmode=often"}, ebb.TypeConfigInvalid},
		"no such file":    {store.Config{URL: good, PasswordFile: missing}, ebb.TypeServiceUnavailable},
		"file, no URL":    {store.Config{Path: "x", PasswordFile: missing}, ebb.TypeConfigInvalid},
		"negative number": {store.Config{URL: good, Writers: -1}, ebb.TypeConfigInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), c.cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if ebb.TypeOf(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			for _, secret := range []string{password, "secret-and-wrong"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells the password: %v", err)
				}
			}
		})
	}
}

func TestPostgresPasswordFile(t *testing.T) {
	u, err := url.Parse(postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username())
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]store.Config{
		"file":  {URL: u.String(), PasswordFile: file},
		"given": {URL: u.String(), Password: password},
	} {
		if cfg.SpellsPassword() {
			t.Errorf("%s: says that the URL has a password", name)
		}
		s, err := store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	u.RawQuery += "&password=" + password
	if cfg := (store.Config{URL: u.String()}); !cfg.SpellsPassword() {
		t.Error("a password in the query is not seen")
	}
}

func TestPostgresRefusesAForeignDatabase(t *testing.T) {
	url := postgrestest.Database(t)
	query(t, url, "CREATE TABLE song (title TEXT)")
	if _, err := store.Open(t.Context(), store.Config{URL: url}); ebb.TypeOf(err) != ebb.TypeDatabaseBroken {
		t.Fatalf("got %v", err)
	}
	query(t, url, "DROP TABLE song")
	storetest.Must(t, openURL(t, url), insert("f"))
	query(t, url, later...)
	if _, err := store.Open(t.Context(), store.Config{URL: url}); ebb.TypeOf(err) != ebb.TypeDatabaseNewer {
		t.Fatalf("got %v", err)
	}
}
