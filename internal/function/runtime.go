package function

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/runtimes"
)

// AddRuntime is a runtime to be added.
type AddRuntime struct {
	ID       string // what functions will name
	Family   string // "" = as the ID is spelled
	ImageURI string
}

var runtimeRE = regexp.MustCompile(`^[a-z][a-z0-9._-]*$`)

// AddRuntime fetches an image, finds what in it runs functions, and makes that a
// runtime; one that was added under the ID before is replaced. Instances that run
// keep what they started with. Errors: Invalid, naming the field; those of
// fetching an image.
func (f *Functions) AddRuntime(ctx context.Context, a AddRuntime) (*ebb.Runtime, error) {
	if !runtimeRE.MatchString(a.ID) || len(a.ID) > ebb.MaxRuntimeID {
		return nil, invalid("id: %.140q is not 1 to %d letters, digits, dots, dashes and underscores, a small letter first", a.ID, ebb.MaxRuntimeID)
	}
	if a.Family == "" {
		a.Family = f.runtimes.FamilyOf(a.ID)
	}
	if known := f.runtimes.Families(); !slices.Contains(known, a.Family) {
		return nil, invalid("family: %.140q is none of %s; a name that begins with one needs no family", a.Family, strings.Join(known, ", "))
	}
	if a.ImageURI == "" {
		return nil, missing("image")
	}
	if f.cfg.Probe == nil {
		return nil, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented, "This platform does not run container images")
	}
	code, image, err := f.putImage(ctx, a.ImageURI)
	if err != nil {
		return nil, err
	}
	r := &ebb.Runtime{ID: a.ID, Family: a.Family, ImageURI: a.ImageURI, Resolved: image.Resolved, Digest: code.Digest, AddedAt: f.now()}
	tree, err := f.image(ctx, r)
	if err != nil {
		return nil, err
	}
	in, err := f.runtimes.Find(ctx, a.ID, a.Family, tree, func(ctx context.Context, p runtimes.Probe) ([]byte, error) {
		return f.cfg.Probe(ctx, tree.Root, p)
	})
	if err != nil {
		return nil, invalid("image: %s cannot be %s: %v", a.ImageURI, a.ID, err)
	}
	r.Version, r.Build, r.Executable = in.Version, in.Build, in.Executable
	if err := f.store.Tx(ctx, func(tx *store.Tx) error { return tx.PutRuntime(r) }); err != nil {
		return nil, err
	}
	return r, f.runtimes.Add(r.ID, r.Family, tree, in)
}

// image is the tree of a runtime's image, and notes its environment in r.
func (f *Functions) image(ctx context.Context, r *ebb.Runtime) (runtimes.Image, error) {
	img, root, err := f.packages.Image(ctx, r.Digest)
	if err != nil {
		return runtimes.Image{}, err
	}
	r.Env = img.Config.Env
	return runtimes.Image{Root: root, Env: r.Env}, nil
}

// AddedRuntimes returns the runtimes that were added, by ID.
func (f *Functions) AddedRuntimes(ctx context.Context) (rs []*ebb.Runtime, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		rs, err = tx.AddedRuntimes()
		return err
	})
	return rs, err
}

// LoadRuntimes tells the catalog of the runtimes that were added. One whose
// image is missing is left out; the error names all of those.
func (f *Functions) LoadRuntimes(ctx context.Context) error {
	rs, err := f.AddedRuntimes(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range rs {
		tree, err := f.image(ctx, r)
		if err == nil {
			err = f.runtimes.Add(r.ID, r.Family, tree, runtimes.Interpreter{Version: r.Version, Build: r.Build, Executable: r.Executable})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("runtime %s of %s: %w", r.ID, r.Resolved, err))
		}
	}
	return errors.Join(errs...)
}

// someUsers is how many functions an error names.
const someUsers = 5

// RuntimeVersion names what functions of a runtime run with from their next start
// on: its id, the interpreter's version, and of one from an image which image. It
// is the id alone if there is no such runtime, or as long as nobody knows.
func (f *Functions) RuntimeVersion(id string) string {
	if !f.runtimes.Known() {
		return id
	}
	r, ok := f.runtimes.Lookup(id)
	name := id
	if ok && r.Version != "" {
		name += ":" + r.Version
	}
	if ok && r.Root != "" {
		name += "@" + path.Base(r.Root)
	}
	return name
}

// RemoveRuntime takes away a runtime that was added. It is refused while a
// function needs it: one whose runtime the host has too does not.
func (f *Functions) RemoveRuntime(ctx context.Context, id string) error {
	_, spare := f.runtimes.OfHost(id)
	err := f.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteRuntime(id); err != nil {
			return err
		}
		users, err := tx.RuntimeUsers(id, someUsers)
		if err != nil || spare || len(users) == 0 {
			return err
		}
		return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "Runtime %s is used by %s", id, namesOf(users))
	})
	if errors.Is(err, store.ErrNotFound) {
		return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Runtime not found: %s was not added from an image", id)
	}
	if err == nil {
		f.runtimes.Remove(id)
	}
	return err
}

// namesOf lists functions for people.
func namesOf(keys []ebb.FunctionKey) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	text := strings.Join(names, ", ")
	if len(keys) == someUsers {
		text += " and maybe more"
	}
	return text
}
