package store

import (
	"errors"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config says which database it is and how much it may use. The zero value of
// every field but one of Path and URL means its default.
type Config struct {
	// Path of the SQLite file. Its folder must exist; the file is made (mode
	// 0600) when missing. SQLite keeps PATH-wal and PATH-shm beside it. Not used
	// with URL.
	Path string `yaml:"-"`
	// URL of a PostgreSQL database, postgres://USER@HOST:PORT/NAME?sslmode=…, as
	// libpq understands it. The database must exist.
	URL string `yaml:"url"`
	// Password for URL, if it is not in it.
	Password string `yaml:"-"`
	// PasswordFile holds the password, read whenever a connection is made.
	PasswordFile string `yaml:"passwordFile"`
	// Readers is how many Reads may run at once. Default: SQLite the number of
	// CPUs, at least 2, at most 8, each costs up to 2 MiB once used; PostgreSQL
	// 8. Each is a connection.
	Readers int `yaml:"readers"`
	// Writers is how many Txs may run at once in PostgreSQL, each a connection.
	// Default 16. SQLite has one writer.
	Writers int `yaml:"writers"`
	// Timeout is how long one try of a Tx, connecting included, may take with
	// PostgreSQL; a connection gets at most 5 s. Default 30 s.
	Timeout time.Duration `yaml:"timeout"`
	// Twice has every fn of Tx run twice, the first time in vain: for tests, which
	// so find fns that may not run again.
	Twice bool `yaml:"-"`
	// MaxGroup is how many fns may share one commit of SQLite. Default 256.
	MaxGroup int `yaml:"-"`
	// CheckBytes: an existing file up to this size is checked whole by Open
	// (SQLite's quick_check); of a larger one only the schema. Default 64 MiB.
	CheckBytes int64 `yaml:"-"`
}

// Validate reports the first field that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Readers < 0:
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "database.readers: must not be negative")
	case c.Writers < 0:
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "database.writers: must not be negative")
	case c.Timeout < 0:
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "database.timeout: must not be negative")
	case c.URL == "" && (c.PasswordFile != "" || c.Writers != 0 || c.Timeout != 0):
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"database: passwordFile, writers and timeout are for PostgreSQL; set database.url")
	case c.URL == "":
		return nil
	}
	_, err := c.parse()
	return err
}

// SpellsPassword reports whether URL itself holds a password.
func (c Config) SpellsPassword() bool {
	u, err := url.Parse(c.URL)
	if err != nil {
		return false
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password")
}

// parse reads URL. Its errors never hold a password.
func (c Config) parse() (*pgx.ConnConfig, error) {
	var pc *pgx.ConnConfig
	err := errors.New("it begins otherwise")
	if strings.HasPrefix(c.URL, "postgres://") || strings.HasPrefix(c.URL, "postgresql://") {
		pc, err = pgx.ParseConfig(c.URL)
	}
	if err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"database.url: must be like postgres://USER@HOST:PORT/NAME; %s", parseComplaint(err))
	}
	return pc, nil
}

func (c Config) withDefaults() (Config, error) {
	if err := c.Validate(); err != nil {
		return c, err
	}
	if c.URL == "" {
		if c.Path == "" {
			return c, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "Path: missing")
		}
		abs, err := filepath.Abs(c.Path)
		if err != nil {
			return c, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "Path: %w", err)
		}
		c.Path = abs
	}
	switch {
	case c.Readers > 0:
	case c.URL != "":
		c.Readers = 8
	default:
		c.Readers = min(max(runtime.NumCPU(), 2), 8)
	}
	if c.Writers == 0 {
		c.Writers = 16
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxGroup <= 0 {
		c.MaxGroup = 256
	}
	if c.CheckBytes <= 0 {
		c.CheckBytes = 64 << 20
	}
	return c, nil
}
