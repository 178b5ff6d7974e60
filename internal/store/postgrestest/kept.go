package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ebb-faas/ebb/internal/store"
)

// schema is where the tables of kept databases are, and seed has the rows that they
// begin with.
const (
	schema = "ebb"
	seed   = "seed"
)

// kept is a database that tests have one after the other, each as the first one
// had it: that is much quicker than to make tables anew.
type kept struct {
	url   string
	conn  *pgx.Conn // remembers how the tables look, which is most of the work
	looks string
}

// Migrated is Database with the store's tables and what alter does to them, but not
// a new one: one that another test had, emptied. The tables are in a schema of
// their own: what names a schema, or forgets that there may be others, shows. A
// test that changes tables itself asks for a Database.
func Migrated(t testing.TB, alter ...string) string {
	t.Helper()
	kind := strings.Join(alter, ";")
	k, err := take(context.Background(), kind, alter)
	skip(t, err)
	t.Cleanup(func() {
		if err := k.giveBack(context.Background(), kind); err != nil {
			t.Error(err)
		}
	})
	return k.url
}

// take takes a kept database that no test has, or makes one.
func take(ctx context.Context, kind string, alter []string) (*kept, error) {
	shared.Lock()
	if free := shared.kept[kind]; len(free) > 0 {
		k := free[len(free)-1]
		shared.kept[kind] = free[:len(free)-1]
		shared.Unlock()
		return k, nil
	}
	shared.Unlock()
	url, _, err := Make(ctx)
	if err != nil {
		return nil, err
	}
	k := &kept{url: url + "&search_path=" + schema}
	if k.conn, err = pgx.Connect(ctx, k.url); err != nil {
		return nil, err
	}
	if _, err := k.conn.Exec(ctx, "CREATE SCHEMA "+schema); err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, store.Config{URL: k.url})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	for _, statement := range append(alter, keepSeed) {
		if _, err := k.conn.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	k.looks, err = k.look(ctx)
	return k, err
}

// tables begins a block of PL/pgSQL with every table of a schema.
const tables = `DO $$
DECLARE name TEXT; used BOOLEAN;
BEGIN
	FOR name IN SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = '%s'::regnamespace AND relkind = 'r' LOOP`

// keepSeed copies the tables that have rows.
var keepSeed = `CREATE SCHEMA ` + seed + `; ` + fmt.Sprintf(tables, schema) + `
		EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO used;
		IF used THEN
			EXECUTE 'CREATE TABLE ` + seed + `.' || name || ' AS TABLE ' || name;
		END IF;
	END LOOP;
END $$`

// empty has the tables have the rows that they began with. Rows may name rows that
// go before them, so that foreign keys are not looked at.
var empty = `SET session_replication_role = replica; ` + fmt.Sprintf(tables, schema) + `
		EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO used;
		IF used THEN
			EXECUTE 'DELETE FROM ' || name;
		END IF;
	END LOOP;
	FOR name IN SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = '` + seed + `'::regnamespace AND relkind = 'r' LOOP
		EXECUTE 'INSERT INTO ' || name || ' TABLE ` + seed + `.' || name;
	END LOOP;
END $$`

// alone has all others leave.
const alone = `SET statement_timeout = '60s'; DO $$
BEGIN
	WHILE (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()) > 0 LOOP
		PERFORM pg_sleep(0.002), pg_stat_clear_snapshot();
	END LOOP;
END $$`

// look is how the tables look.
func (k *kept) look(ctx context.Context) (looks string, err error) {
	err = k.conn.QueryRow(ctx, `SELECT md5(string_agg(format('%s %s %s %s %s', attrelid, attnum, attname, atttypid, attnotnull), ',' ORDER BY attrelid, attnum))
		FROM pg_attribute WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = $1::regnamespace)`, schema).Scan(&looks)
	return looks, err
}

// giveBack has the next test find the database as this one did. Whoever is still
// connected, a process that was killed for example, is gone before.
func (k *kept) giveBack(ctx context.Context, kind string) error {
	if _, err := k.conn.Exec(ctx, alone); err != nil {
		return err
	}
	switch looks, err := k.look(ctx); {
	case err != nil:
		return err
	case looks != k.looks:
		return errors.New("postgrestest: the test changed the tables of a database that others have after it: it needs a Database")
	}
	if _, err := k.conn.Exec(ctx, empty); err != nil {
		return err
	}
	shared.Lock()
	defer shared.Unlock()
	shared.kept[kind] = append(shared.kept[kind], k)
	return nil
}
