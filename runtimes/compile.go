package runtimes

import (
	"os"
	"path/filepath"
	"time"
)

// CompiledDir is where an instance finds what was compiled of its code. In the
// box that compiles it is written to preparedDir.
const CompiledDir = "/var/cache/code"

// compiledAge is how long what was compiled is kept after it was last used.
const compiledAge = 30 * 24 * time.Hour

// For is the preparation of one code, named by what it consists of.
func (p *Prepare) For(code string) *Prepare {
	of := *p
	of.Key += "/" + code
	of.Dir = filepath.Join(p.Dir, code)
	return &of
}

// Used notes that what was prepared is in use.
func (p *Prepare) Used() {
	now := time.Now()
	_ = os.Chtimes(p.Dir, now, now) // at worst it is made again
}

// tidyCodes removes what was compiled and not used for long.
func (p *Prepare) tidyCodes() {
	codes, err := os.ReadDir(p.Dir)
	if err != nil {
		return // nothing was ever compiled
	}
	for _, code := range codes {
		if info, err := code.Info(); err == nil && time.Since(info.ModTime()) > compiledAge {
			_ = os.RemoveAll(filepath.Join(p.Dir, code.Name())) // it only takes room
		}
	}
}
