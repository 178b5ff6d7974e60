package runtimes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Image is an unpacked container image, as the root of a runtime.
type Image struct {
	Root string   // the tree, on the host
	Env  []string // KEY=VALUE of the image
}

// Interpreter is what of an image runs functions; the zero value if the family
// needs none.
type Interpreter struct {
	Version    string
	Build      string // tells apart interpreters of one version; may be ""
	Executable string // path in the image
}

// Probe is a command that asks an interpreter what it is: to be run in a box
// whose root is the image, with the mounts read-only.
type Probe struct {
	Argv   []string
	Env    []string
	Mounts []Mount
}

// FamilyOf names the family that an identifier belongs to by its spelling, for
// example python for python3.13; "" if there is none.
func (c *Catalog) FamilyOf(id string) (name string) {
	for _, f := range c.families {
		if strings.HasPrefix(id, f.Name) && len(f.Name) > len(name) {
			name = f.Name
		}
	}
	return name
}

// Families lists the families that a runtime may be of.
func (c *Catalog) Families() (names []string) {
	for _, f := range c.families {
		names = append(names, f.Name)
	}
	return names
}

// Find looks in an image for what runs functions of a family: the interpreter of
// which id speaks, or the first that works if id names no version. ask runs a
// Probe and returns what it prints. The error says what was looked for, and why
// what was found does not do.
func (c *Catalog) Find(ctx context.Context, id, name string, img Image, ask func(context.Context, Probe) ([]byte, error)) (Interpreter, error) {
	f := c.family(name)
	if f == nil {
		return Interpreter{}, fmt.Errorf("%q is none of %s", name, strings.Join(c.Families(), ", "))
	}
	if len(f.Probe) == 0 {
		return Interpreter{}, nil
	}
	var reasons []error
	for _, command := range f.inImage(img) {
		p, err := c.askImage(ctx, f, img, command, ask)
		switch {
		case ctx.Err() != nil:
			return Interpreter{}, ctx.Err()
		case err != nil:
			reasons = append(reasons, fmt.Errorf("%s: %w", command, err))
		case compareVersions(p.Version, f.Oldest) < 0 || !path.IsAbs(p.Executable):
			reasons = append(reasons, fmt.Errorf("%s: version %s is older than %s", command, p.Version, f.Oldest))
		case f.versioned(id) && f.idOf(p.Version) != id:
			reasons = append(reasons, fmt.Errorf("%s: version %s is not %s", command, p.Version, id))
		default:
			return Interpreter{Version: p.Version, Build: p.Build, Executable: p.Executable}, nil
		}
	}
	if len(reasons) == 0 {
		return Interpreter{}, fmt.Errorf("there is no %s in its PATH or where it usually is", strings.Join(f.Commands, " or "))
	}
	return Interpreter{}, errors.Join(reasons...)
}

// askImage runs the family's probe with one command of the image.
func (c *Catalog) askImage(ctx context.Context, f *family, img Image, command string, ask func(context.Context, Probe) ([]byte, error)) (p probed, err error) {
	probe := Probe{Argv: []string{command}, Env: img.Env, Mounts: f.bootstrapMounts(c.bootstraps)}
	for _, arg := range f.Probe {
		probe.Argv = append(probe.Argv, strings.ReplaceAll(arg, "{bootstrap}", bootstrapDir))
	}
	said, err := ask(ctx, probe)
	if err != nil {
		return p, err
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n") // warnings come before
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &p); err != nil || p.Version == "" {
		return p, fmt.Errorf("it does not say what it is: %.200q", said)
	}
	return p, nil
}

// versioned reports whether id speaks of one version of the family.
func (f *family) versioned(id string) bool {
	rest, ok := strings.CutPrefix(id, f.Name)
	return ok && id != f.Default && strings.ContainsAny(rest[:min(1, len(rest))], "0123456789")
}

// defaultPath is where an image that says nothing has its programs.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// inImage lists commands of an image that may be the family's interpreter, as
// paths in the image: those of its PATH first.
func (f *family) inImage(img Image) (found []string) {
	dirs := defaultPath
	for _, kv := range img.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			dirs = value
		}
	}
	var patterns []string
	for _, command := range f.Commands {
		for _, dir := range filepath.SplitList(dirs) {
			patterns = append(patterns, path.Join("/", dir, command))
		}
	}
	for _, place := range f.Places {
		if path.IsAbs(place) {
			patterns = append(patterns, place)
		}
	}
	for _, pattern := range patterns {
		for _, p := range glob(img.Root + pattern) {
			inside := strings.TrimPrefix(p, img.Root)
			// A link is followed in the box: on the host it may lead elsewhere.
			if st, err := os.Lstat(p); err == nil && !st.IsDir() && !slices.Contains(found, inside) && len(found) < maxCandidates {
				found = append(found, inside)
			}
		}
	}
	return found
}

// Add makes id a runtime of the family that runs with an image's programs, or
// replaces the one of that name. It takes precedence over what the host has.
func (c *Catalog) Add(id, name string, img Image, in Interpreter) error {
	f := c.family(name)
	if f == nil {
		return fmt.Errorf("runtime %s: this ebb knows no family %q", id, name)
	}
	r := f.runtime(id, probed{Version: in.Version, Build: in.Build, Executable: in.Executable}, c.bootstraps)
	r.Root, r.Zygote = img.Root, nil
	r.Env = append(slices.Clone(img.Env), r.Env...)
	if r.Compile != nil {
		r.Compile = r.Compile.within(img.Root, c.prepared)
	}
	if r.Prepare != nil {
		r.Prepare = r.Prepare.within(img.Root, c.prepared)
		if err := os.MkdirAll(r.Prepare.Dir, 0o755); err != nil {
			return fmt.Errorf("runtime %s: %w", id, err)
		}
		r.Mounts = append(r.Mounts, Mount{Source: r.Prepare.Dir, Target: preparedDir})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.added[id] = r
	c.list()
	return nil
}

// Remove takes away what Add made. What the host has of that name is there again.
func (c *Catalog) Remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.added, id)
	c.list()
}

// OfHost returns the host's own runtime of that identifier.
func (c *Catalog) OfHost(id string) (*Runtime, bool) {
	c.wait()
	r, ok := c.runtimes[id]
	return r, ok
}

func (c *Catalog) family(name string) *family {
	for i := range c.families {
		if c.families[i].Name == name {
			return &c.families[i]
		}
	}
	return nil
}
