package store

import (
	"path/filepath"
	"runtime"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config says where the database is and how much of the machine it may use.
// The zero value of every field but Path means its default.
type Config struct {
	// Path of the database file. Its folder must exist; the file is made (mode
	// 0600) when missing. SQLite keeps PATH-wal and PATH-shm beside it.
	Path string
	// Readers is how many Reads may run at once. Default: the number of CPUs,
	// at least 2, at most 8. Each costs up to 2 MiB once used.
	Readers int
	// MaxGroup is how many fns may share one commit. Default 256.
	MaxGroup int
	// CheckBytes: an existing file up to this size is checked whole by Open
	// (SQLite's quick_check); of a larger one only the schema. Default 64 MiB.
	CheckBytes int64
}

func (c Config) withDefaults() (Config, error) {
	if c.Path == "" {
		return c, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "Path: missing")
	}
	abs, err := filepath.Abs(c.Path)
	if err != nil {
		return c, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "Path: %w", err)
	}
	c.Path = abs
	if c.Readers <= 0 {
		c.Readers = min(max(runtime.NumCPU(), 2), 8)
	}
	if c.MaxGroup <= 0 {
		c.MaxGroup = 256
	}
	if c.CheckBytes <= 0 {
		c.CheckBytes = 64 << 20
	}
	return c, nil
}
