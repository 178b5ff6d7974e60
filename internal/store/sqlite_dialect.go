package store

import (
	"errors"
	"net/url"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

func sqliteDialect() *dialect {
	return &dialect{
		migrations: "sqlite",
		goose:      goose.DialectSQLite3,
		migrated:   "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version'",
		fault:      sqliteFault,
		constraint: sqliteConstraint,
	}
}

func sqliteFault(err error) fault {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return faultNone
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return faultFull
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY,
		sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM,
		sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT:
		return faultDisk
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return faultBroken
	default:
		return faultCaller
	}
}

func sqliteConstraint(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return nil
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return ErrExists
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return ErrMissing
	default:
		return nil
	}
}

// sqliteName is the data source name of path with the given settings.
func sqliteName(path string, settings url.Values) string {
	return (&url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}).String()
}

// writerSettings: WAL with synchronous=FULL makes every commit durable before
// it is acknowledged. The cache (KiB, taken as it fills) holds the pages that many
// thousands of timers or messages are spread over; a checkpoint (pages) comes
// seldom enough that one changed again and again is copied once.
func writerSettings() url.Values {
	return url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)",
			"foreign_keys(1)", "journal_size_limit(67108864)", "cache_size(-16384)", "wal_autocheckpoint(4000)"},
	}
}

func readerSettings() url.Values {
	return url.Values{"_pragma": {"busy_timeout(5000)", "query_only(1)"}}
}

// inspectSettings opens a file that may not be ours: nothing in it is changed,
// not even by the checkpoint that closing the last connection would make.
func inspectSettings() url.Values {
	return url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}}
}
