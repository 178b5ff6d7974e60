package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

func postgresDialect() *dialect {
	return &dialect{
		migrations: "postgres",
		goose:      goose.DialectPostgres,
		migrated:   "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'goose_db_version'",
		fault:      postgresFault,
		constraint: postgresConstraint,
		skipLocked: " FOR UPDATE SKIP LOCKED",
		clock:      "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
		notify:     "SELECT pg_notify('" + changeChannel + "', '')",
		hint:       "SELECT pg_notify('" + hintChannel + "', ?)",
	}
}

// changeChannel is where processes hear that others changed something, hintChannel
// in which queue there is something to do.
const (
	changeChannel = "ebb_change"
	hintChannel   = "ebb_hint"
)

// errConnection marks whatever went wrong with a connection that is closed now.
type errConnection struct{ cause error }

func (e *errConnection) Error() string { return fmt.Sprintf("connection lost: %v", e.cause) }
func (e *errConnection) Unwrap() error { return e.cause }

// postgresFault sorts by SQLSTATE, whose first two characters are a class.
func postgresFault(err error) fault {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return stateFault(e)
	}
	if _, ok := errors.AsType[*errConnection](err); ok {
		return faultLost
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return faultDisk
	}
	return faultNone
}

func stateFault(e *pgconn.PgError) fault {
	switch e.Code {
	case "40001", "40P01", // serialization failure, deadlock
		"26000": // a prepared statement that somebody deallocated
		return faultRetry
	case "0A000":
		// Another process has just migrated; the statement is prepared anew.
		if strings.Contains(e.Message, "cached plan") {
			return faultRetry
		}
		return faultCaller
	case "53100": // disk full
		return faultFull
	case "XX001", "XX002": // data or index corrupted
		return faultBroken
	case "57P01", "57P02", "57P03", "57P05": // shutting down, crashed, starting up, idle
		return faultLost
	case "55P03", "57014", "25006", "58030", "58P01": // lock or statement timeout, a standby, I/O
		return faultDisk
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08": // connection
		return faultLost
	case "28", "3D", "53": // not let in, no such database, out of resources
		return faultDisk
	}
	return faultCaller
}

func postgresConstraint(err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil
	}
	switch e.Code {
	case "23505":
		return ErrExists
	case "23503":
		return ErrMissing
	default:
		return nil
	}
}

// rebind turns ? into $1, $2, …, but for those in quotes.
func rebind(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	n, quoted := 0, false
	for _, r := range query {
		switch {
		case r == '\'':
			quoted = !quoted
		case r == '?' && !quoted:
			n++
			fmt.Fprintf(&b, "$%d", n)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// parseComplaint is what is wrong with a connection string, without the string.
func parseComplaint(err error) string {
	if e, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		err = errors.Unwrap(e)
	}
	if err == nil {
		return "it cannot be read"
	}
	text := err.Error()
	// net/url repeats what it was given.
	if i := strings.Index(text, `"`); i >= 0 {
		if j := strings.LastIndex(text, `"`); j > i {
			text = text[:i] + "it" + text[j+1:]
		}
	}
	return text
}
