package function

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/runtimes"
)

// Functions creates, changes and resolves functions. It is safe for concurrent
// use and keeps nothing in memory: every answer comes from the database.
type Functions struct {
	cfg      Config
	store    *store.Store
	packages *artifact.Store
	runtimes *runtimes.Catalog
	onChange []func(ebb.FunctionKey)

	onServiceChange []func(ebb.ServiceID)
	onRoleChange    []func()
}

// New returns Functions over an open store. The runtimes are those of this host.
func New(cfg Config, s *store.Store, p *artifact.Store, r *runtimes.Catalog) *Functions {
	return &Functions{cfg: cfg.withDefaults(), store: s, packages: p, runtimes: r}
}

// OnChange has fn called after every committed change to a function, its
// versions or its URLs, before the change is acknowledged. fn must be quick and
// must not call back. All OnChange calls come before the first request.
func (f *Functions) OnChange(fn func(ebb.FunctionKey)) { f.onChange = append(f.onChange, fn) }

// Create is a function to be. Zero values mean the default; Role is required,
// and either Runtime and Zip, with Handler if the runtime needs one, or ImageURI.
type Create struct {
	ebb.FunctionKey
	Runtime      string
	Handler      string
	Role         string
	Description  string
	MemoryMB     int
	TimeoutS     int
	TmpMB        int
	Architecture string
	Env          map[string]string
	Zip          []byte
	Object       *Object          // where the package is, instead of Zip
	ImageURI     string           // a container image instead of a package
	ImageConfig  *ebb.ImageConfig // with ImageURI; nil = as the image says
	Layers       []string         // ARNs of layer versions, the last one on top
	FileSystems  []ebb.FileSystem // folders by access points
	PerTenant    bool             // see ebb.Version; it stays as it is for ever
	Tags         map[string]string
	LogFormat    string // Text or JSON
	DeadLetter   string // ARN of a target of events that failed
	CodeSigning  string // id of a code signing configuration of the service
	Publish      bool   // make version 1 as well
}

// Create stores and unpacks the package, then makes the function. It returns
// $LATEST, or with Publish the published version; both are Active. Errors:
// Invalid, naming the field; Conflict when the name is taken; those of
// artifact.Store.Put; those of code that is not signed as CodeSigning says.
func (f *Functions) Create(ctx context.Context, c Create) (*ebb.Version, error) {
	v, err := f.newVersion(&c)
	if err == nil {
		err = f.checkReferences(ctx, c.Service, c.Env)
	}
	if err == nil {
		err = f.checkRoleExists(ctx, c.Service, c.Role)
	}
	if err == nil {
		err = f.checkAllowed(ctx, v)
	}
	if err != nil {
		return nil, err
	}
	rules, err := f.admitNew(ctx, &c)
	if err != nil {
		return nil, err
	}
	if err := f.putCode(ctx, &c, v, rules); err != nil {
		return nil, err
	}
	if err := f.checkLayers(ctx, c.Service, c.Layers, v.Code.Digest, rules); err != nil {
		return nil, err
	}
	v.LastModified = f.now()
	made := &ebb.Function{FunctionKey: c.FunctionKey, CreatedAt: v.LastModified, Tags: c.Tags}
	answer := v
	err = f.commit(ctx, c.FunctionKey, func(tx *store.Tx) error {
		var err error
		if v.Layers, err = f.layers(tx, c.Service, c.Layers); err != nil {
			return err
		}
		answer = v
		if err := f.insert(tx, made, v, c.CodeSigning); err != nil {
			return err
		}
		if !c.Publish {
			return nil
		}
		answer, err = f.publish(tx, v, "")
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// admitNew refuses a taken name, and one too many, before a package is stored for
// it. It returns what the function's code is held to.
func (f *Functions) admitNew(ctx context.Context, c *Create) (rules *codeRules, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if err := f.admitFunction(tx, c.Service); err != nil {
			return err
		}
		if rules, err = f.codeRules(tx, c.FunctionKey, c.CodeSigning); err != nil {
			return err
		}
		_, err = tx.Function(c.FunctionKey)
		switch {
		case err == nil:
			return exists(c.FunctionKey)
		case errors.Is(err, store.ErrNotFound):
			return nil
		}
		return err
	})
	return rules, err
}

// putCode stores the package or the image, and enters it in v.
func (f *Functions) putCode(ctx context.Context, c *Create, v *ebb.Version, rules *codeRules) (err error) {
	if !v.IsImage() {
		v.Code, err = f.putSource(ctx, c.Service, c.Zip, c.Object, f.inspections(rules)...)
		return err
	}
	overrides := v.Image.Config
	if v.Code, v.Image, err = f.putImage(ctx, c.ImageURI); err != nil {
		return err
	}
	v.Image.Config = overrides
	if err := f.checkRun(v); err != nil { // the image may have settings
		return err
	}
	return f.checkAllowed(ctx, v)
}

// insert writes a new function with its $LATEST.
func (f *Functions) insert(tx *store.Tx, made *ebb.Function, latest *ebb.Version, codeSigning string) error {
	if err := f.admitFunction(tx, made.Service); err != nil {
		return err
	}
	if err := tx.InsertFunction(made); err != nil {
		if errors.Is(err, store.ErrExists) {
			return exists(made.FunctionKey)
		}
		return err
	}
	if err := tx.InsertVersion(latest); err != nil {
		return err
	}
	if codeSigning == "" {
		return nil
	}
	if err := tx.SetFunctionCodeSigning(made.FunctionKey, codeSigning); err != nil {
		return foundForFunction(err, codeSigning)
	}
	return nil
}

// Get returns a function and the version that qualifier names ("" is $LATEST);
// of an alias its first one.
func (f *Functions) Get(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Function, *ebb.Version, error) {
	if err := checkQualifier(qualifier); err != nil {
		return nil, nil, err
	}
	var fn *ebb.Function
	var r Route
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if fn, err = tx.Function(key); err != nil {
			return f.found(err, key, "")
		}
		r, err = f.route(tx, key, qualifier)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return fn, r.Version, nil
}

// List returns up to max (at most MaxPage; 0 means that) functions of a service
// as their $LATEST, by name, and the marker of the next page, "" on the last.
func (f *Functions) List(ctx context.Context, service ebb.ServiceID, marker string, max int) (vs []*ebb.Version, next string, err error) {
	if marker != "" && !ebb.ValidFunctionName(marker) {
		return nil, "", invalidMarker()
	}
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.Version, error) {
		return tx.LatestVersions(service, marker, limit)
	}, func(last *ebb.Version) string { return last.Name })
}

// Delete removes one published version, unless an alias points to it, or with
// qualifier "" the function with all its versions, aliases, URLs and policies.
// What runs now may end; packages nobody uses any more are left to collection.
func (f *Functions) Delete(ctx context.Context, key ebb.FunctionKey, qualifier string) error {
	if qualifier == ebb.Latest {
		return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"Qualifier: $LATEST version cannot be deleted without deleting the function.")
	}
	if err := checkQualifier(qualifier); err != nil {
		return err
	}
	n, ok := ebb.ParseVersion(qualifier)
	if !ok {
		return invalid("Qualifier: Deletion of aliases is not currently supported. (DeleteAlias does it)")
	}
	return f.commit(ctx, key, func(tx *store.Tx) error {
		if n == 0 {
			return f.found(tx.DeleteFunction(key), key, "")
		}
		return f.deleteVersion(tx, key, n)
	})
}

// Tag adds or replaces tags of a function; the others stay.
func (f *Functions) Tag(ctx context.Context, key ebb.FunctionKey, tags map[string]string) error {
	return f.editTags(ctx, key, func(have map[string]string) { maps.Copy(have, tags) })
}

// Untag removes the tags with these names; names that are not there do not matter.
func (f *Functions) Untag(ctx context.Context, key ebb.FunctionKey, names []string) error {
	return f.editTags(ctx, key, func(have map[string]string) {
		for _, n := range names {
			delete(have, n)
		}
	})
}

func (f *Functions) editTags(ctx context.Context, key ebb.FunctionKey, edit func(map[string]string)) error {
	return f.commit(ctx, key, func(tx *store.Tx) error {
		fn, err := tx.Function(key)
		if err != nil {
			return f.found(err, key, "")
		}
		edit(fn.Tags)
		if err := checkTags(fn.Tags); err != nil {
			return err
		}
		return tx.SetTags(key, fn.Tags)
	})
}

// Usage is what a service's functions take of its quotas.
type Usage struct {
	Functions int
	CodeBytes int64 // packages, zipped, each counted once
	Reserved  int   // concurrency that functions have for themselves, those of other services too
}

// Usage counts a service's functions and packages.
func (f *Functions) Usage(ctx context.Context, service ebb.ServiceID) (u Usage, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if u.Functions, err = tx.CountFunctions(service); err != nil {
			return err
		}
		if u.Reserved, err = tx.SumReserved(); err != nil {
			return err
		}
		u.CodeBytes, _, err = tx.CodeBytes(service, "")
		return err
	})
	return u, err
}

// Limits returns the configuration in force, defaults filled in.
func (f *Functions) Limits() Config { return f.cfg }

// Use is a runtime that some version names, with that version's memory.
type Use struct {
	Runtime  string
	MemoryMB int
}

// Runtimes lists the runtimes that versions name, once for each size of memory.
func (f *Functions) Runtimes(ctx context.Context) (uses []Use, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) error {
		uses = nil
		return tx.Runtimes(func(runtime string, memoryMB int) { uses = append(uses, Use{runtime, memoryMB}) })
	})
	return uses, err
}

// Digests returns every package and layer in use, for artifact.Store.Collect. A package
// whose function is just being made is not among them: Collect's grace period
// is for those.
func (f *Functions) Digests(ctx context.Context) (map[ebb.Digest]bool, error) {
	used := make(map[ebb.Digest]bool)
	err := f.store.Read(ctx, func(tx *store.Tx) error {
		keep := func(d ebb.Digest) { used[d] = true }
		if err := tx.CodeDigests(keep); err != nil {
			return err
		}
		return tx.LayerDigests(keep)
	})
	return used, err
}

// checkStorage refuses a package for which a service has no room.
func (f *Functions) checkStorage(ctx context.Context, service ebb.ServiceID, code ebb.Code) error {
	return f.store.Read(ctx, func(tx *store.Tx) error {
		most, err := f.codeStorageMB(tx, service)
		if err != nil {
			return err
		}
		used, among, err := tx.CodeBytes(service, code.Digest)
		if err == nil && !among && used+code.Size > most<<20 {
			return ebb.Errorf(ebb.QuotaExceeded, ebb.TypeCodeStorageExceeded,
				"Code storage limit exceeded: the packages of service %s take %d bytes of %d MB; this one has %d bytes.",
				service, used, most, code.Size)
		}
		return err
	})
}

// commit runs a change to key and tells of it. The caller's leaving does not cut
// it short: between "committed" and "told" nobody may hold an old version for new.
func (f *Functions) commit(ctx context.Context, key ebb.FunctionKey, fn func(*store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "nothing was changed: %w", err)
	}
	err := f.store.Tx(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.TouchFunction(key) // other nodes hear of it too
	})
	if err == nil || errors.Is(err, store.ErrOutcomeUnknown) {
		for _, tell := range f.onChange {
			tell(key)
		}
	}
	return err
}

// now is the time as the database keeps it, so that what a call returns is what
// a later one reads.
func (f *Functions) now() time.Time { return f.cfg.Now().UTC().Truncate(time.Millisecond) }

func newRevision() string { return uuid.NewString() }

func exists(key ebb.FunctionKey) error {
	return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "Function already exist: %s", key.Name)
}

// found words store.ErrNotFound; every other error passes.
func (f *Functions) found(err error, key ebb.FunctionKey, qualifier string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound,
		"Function not found: %s", ebb.FunctionARN(f.cfg.Region, key, qualifier))
}

func invalidMarker() error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "Marker: not one that a list returned")
}
