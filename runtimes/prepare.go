package runtimes

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// preparedDir is where a box finds what was prepared for its runtime.
const preparedDir = "/var/cache/runtime"

// prepare is Prepare as catalog.json has it.
type prepare struct {
	Since string   `json:"since"` // version of the interpreter
	Argv  []string `json:"argv"`
	Files []string `json:"files"`
	Adds  []string `json:"adds"` // to argv, in the place of {prepared}
}

// Prepare is a command that is run once for an interpreter and leaves files
// with which its starts are faster. They depend on the interpreter, on the
// bootstrap, and on where the command saw them; they are kept across starts of ebb.
type Prepare struct {
	Key   string   // tells preparations apart: a runtime's several names have one
	Argv  []string // see Command
	Adds  []string // to the runtime's own Argv once it is done
	Files []string // what it leaves
	Dir   string   // where that is kept on the host; in the box preparedDir
}

func (p *prepare) of(interpreter probed, argv []string, fill *strings.Replacer, bootstraps string) *Prepare {
	done := &Prepare{Files: p.Files}
	for _, a := range argv {
		done.Argv = append(done.Argv, fill.Replace(a))
	}
	for _, a := range p.Adds {
		done.Adds = append(done.Adds, fill.Replace(a))
	}
	sum := sha256.Sum256([]byte(strings.Join(append(slices.Clone(done.Argv),
		interpreter.Executable, interpreter.Version, interpreter.Build, filepath.Base(bootstraps)), "\x00")))
	done.Key = hex.EncodeToString(sum[:])[:16]
	return done
}

// within is the preparation of the same runtime inside an image.
func (p *Prepare) within(root, prepared string) *Prepare {
	also := *p
	sum := sha256.Sum256([]byte(p.Key + "\x00" + root))
	also.Key = hex.EncodeToString(sum[:])[:16]
	also.Dir = filepath.Join(prepared, also.Key)
	return &also
}

// keepPrepared makes a place for what runtimes prepare.
func (c *Catalog) keepPrepared() error {
	for _, r := range c.runtimes {
		if r.Compile != nil {
			r.Compile.Dir = filepath.Join(c.prepared, r.Compile.Key)
		}
		p := r.Prepare
		if p == nil || p.Dir != "" { // an alias shares it
			continue
		}
		p.Dir = filepath.Join(c.prepared, p.Key)
		if err := os.MkdirAll(p.Dir, 0o755); err != nil {
			return err
		}
	}
	for _, r := range c.runtimes {
		if r.Prepare != nil {
			r.Mounts = append(r.Mounts, Mount{Source: r.Prepare.Dir, Target: preparedDir})
		}
	}
	return nil
}

// Tidy removes what was prepared for runtimes that are no more. Call it when all
// are known.
func (c *Catalog) Tidy() error {
	old, err := os.ReadDir(c.prepared)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever prepared
	}
	if err != nil {
		return err
	}
	used := make(map[string]bool)
	for _, id := range c.IDs() {
		r, ok := c.Lookup(id)
		if ok && r.Prepare != nil {
			used[r.Prepare.Key] = true
		}
		if ok && r.Compile != nil {
			used[r.Compile.Key] = true
			r.Compile.tidyCodes()
		}
	}
	for _, d := range old {
		if !used[d.Name()] {
			_ = os.RemoveAll(filepath.Join(c.prepared, d.Name())) // it only takes room
		}
	}
	return nil
}

// Command is what is to be run in a box that has the runtime's mounts but Dir
// writable instead of what was prepared. path is as in Runtime.Command.
func (p *Prepare) Command(path func(string) string) []string {
	r := &Runtime{Argv: p.Argv}
	return r.Command(0, path)
}

// Begin makes a directory for the command to write to, as the mount of the box
// that it needs. Every uid may write there.
func (p *Prepare) Begin() (Mount, error) {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return Mount{}, err
	}
	dir, err := os.MkdirTemp(p.Dir, ".new-*")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	return Mount{Source: dir, Target: preparedDir}, err
}

// Finish keeps what the command left in the mount of Begin, if keep is true, and
// removes the directory. path is the one that Command was called with.
func (p *Prepare) Finish(m Mount, keep bool, path func(string) string) error {
	defer func() { _ = os.RemoveAll(m.Source) }() // it only takes room
	if !keep {
		return nil
	}
	// Those that are there may be of another view; the stamp says that all are of one.
	if err := os.Remove(p.stamp()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, file := range p.Files {
		if err := p.keep(filepath.Join(m.Source, file)); err != nil {
			return err
		}
	}
	return writeFile(p.stamp(), []byte(p.view(path)))
}

// keep moves one file to where it is kept.
func (p *Prepare) keep(made string) error {
	if st, err := os.Lstat(made); err != nil || !st.Mode().IsRegular() {
		return fmt.Errorf("%s was not made: %w", filepath.Base(made), err)
	}
	if err := os.Chown(made, os.Getuid(), os.Getgid()); err != nil {
		return err
	}
	if err := os.Chmod(made, 0o444); err != nil {
		return err
	}
	return os.Rename(made, filepath.Join(p.Dir, filepath.Base(made)))
}

// Done reports whether there is nothing left to do.
func (p *Prepare) Done(path func(string) string) bool { return p.ready(path) }

// ready reports whether the files are there and were made where path leads to.
func (p *Prepare) ready(path func(string) string) bool {
	if p == nil {
		return false
	}
	view, err := os.ReadFile(p.stamp())
	return err == nil && string(view) == p.view(path)
}

func (p *Prepare) stamp() string { return filepath.Join(p.Dir, "made-with") }

// view is how the command sees the box: the files are only good for the same.
func (p *Prepare) view(path func(string) string) string {
	return path(bootstrapDir)
}
