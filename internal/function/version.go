package function

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// UpdateCode is a new package for $LATEST.
type UpdateCode struct {
	ebb.FunctionKey
	Zip          []byte
	Object       *Object // where the package is, instead of Zip
	ImageURI     string  // instead of Zip, of a function with an image
	Architecture string  // "" = leave
	RevisionID   string  // "" = whatever is there
	Publish      bool    // publish a version as well, and return that
	DryRun       bool    // check everything, change nothing, return what it would be
}

// UpdateCode stores the package and makes it $LATEST's. Errors: Invalid,
// NotFound, PreconditionFailed; those of artifact.Store.Put; those of code that is
// not signed as the function's code signing configuration says.
func (f *Functions) UpdateCode(ctx context.Context, u UpdateCode) (*ebb.Version, error) {
	if u.Architecture != "" {
		if err := f.checkArchitecture(u.Architecture); err != nil {
			return nil, err
		}
	}
	var code ebb.Code
	var image *ebb.Image
	change := func(v *ebb.Version) error {
		if err := checkUpdateSource(v, &u); err != nil {
			return err
		}
		v.Code = code
		if v.IsImage() {
			found := *image // this may run again
			found.Config = v.Image.Config
			v.Image = &found
			if err := f.checkRun(v); err != nil {
				return err
			}
		}
		if u.Architecture != "" {
			v.Architecture = u.Architecture
		}
		return nil
	}
	// Refuse before storing a package for nobody.
	var preview *ebb.Version
	var rules *codeRules
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if preview, err = f.latest(tx, u.FunctionKey, u.RevisionID); err != nil {
			return err
		}
		if rules, err = f.rulesOf(tx, u.FunctionKey); err != nil {
			return err
		}
		return checkUpdateSource(preview, &u)
	})
	if err != nil {
		return nil, err
	}
	if code, image, err = f.updatedCode(ctx, &u, preview, rules); err != nil {
		return nil, err
	}
	if u.DryRun {
		return preview, change(preview)
	}
	return f.edit(ctx, u.FunctionKey, u.RevisionID, u.Publish, func(_ *store.Tx, v *ebb.Version) error { return change(v) })
}

// updatedCode stores the package or the image of an update, or with DryRun only
// checks it. image is nil of a function with a package.
func (f *Functions) updatedCode(ctx context.Context, u *UpdateCode, latest *ebb.Version, rules *codeRules) (code ebb.Code, image *ebb.Image, err error) {
	switch {
	case latest.IsImage() && u.DryRun:
		code, image, err = f.checkImage(ctx, u.ImageURI)
	case latest.IsImage():
		code, image, err = f.putImage(ctx, u.ImageURI)
	case u.DryRun:
		code, err = f.checkSourceOnly(ctx, u.Service, u.Zip, u.Object, f.inspections(rules)...)
	default:
		if code, err = f.putSource(ctx, u.Service, u.Zip, u.Object, f.inspections(rules)...); err == nil {
			err = f.checkUnpacked(ctx, code.Digest, latest.Layers)
		}
	}
	if err == nil && image != nil {
		err = f.checkAllowed(ctx, &ebb.Version{FunctionKey: u.FunctionKey, Env: latest.Env, Image: image})
	}
	return code, image, err
}

// UpdateConfig changes settings of $LATEST: a nil field stays as it is.
type UpdateConfig struct {
	ebb.FunctionKey
	RevisionID  string // "" = whatever is there
	Runtime     *string
	Handler     *string
	Role        *string
	Description *string
	MemoryMB    *int
	TimeoutS    *int
	TmpMB       *int
	Env         map[string]string // replaces all; empty but not nil = none
	LogFormat   *string
	DeadLetter  *string          // ARN of a target; "" = none
	ImageConfig *ebb.ImageConfig // replaces all overrides of a function with an image
	Layers      []string         // replaces all; empty but not nil = none
	FileSystems []ebb.FileSystem // replaces all; empty but not nil = none
}

// UpdateConfig makes the change and returns $LATEST. Only what is set is
// checked, so that a function whose runtime has left the host can be repaired.
// Errors: Invalid, NotFound, PreconditionFailed.
func (f *Functions) UpdateConfig(ctx context.Context, u UpdateConfig) (*ebb.Version, error) {
	err := f.checkUpdate(&u)
	if err == nil {
		err = f.checkReferences(ctx, u.Service, u.Env)
	}
	if err == nil {
		err = f.checkAllowed(ctx, &ebb.Version{FunctionKey: u.FunctionKey, Env: u.Env})
	}
	if err == nil && u.Role != nil {
		err = f.checkRoleExists(ctx, u.Service, *u.Role)
	}
	if err != nil {
		return nil, err
	}
	if err := f.checkNewLayers(ctx, &u); err != nil {
		return nil, err
	}
	return f.edit(ctx, u.FunctionKey, u.RevisionID, false, func(tx *store.Tx, v *ebb.Version) (err error) {
		if u.Layers != nil {
			if v.Layers, err = f.layers(tx, u.Service, u.Layers); err != nil {
				return err
			}
		}
		set(&v.Runtime, u.Runtime)
		set(&v.Handler, u.Handler)
		set(&v.Role, u.Role)
		set(&v.Description, u.Description)
		set(&v.MemoryMB, u.MemoryMB)
		set(&v.TimeoutS, u.TimeoutS)
		set(&v.TmpMB, u.TmpMB)
		set(&v.LogFormat, u.LogFormat)
		set(&v.DeadLetter, u.DeadLetter)
		if u.Env != nil {
			v.Env = someEnv(u.Env)
		}
		if u.FileSystems != nil {
			v.FileSystems = u.FileSystems
		}
		if u.Env != nil || u.FileSystems != nil {
			if err := f.checkRun(v); err != nil {
				return err
			}
		}
		if v.IsImage() {
			return updateImage(v, &u)
		}
		if u.ImageConfig != nil && !u.ImageConfig.Empty() {
			return invalid("ImageConfig: only a function with PackageType Image has one")
		}
		if u.Runtime != nil || u.Handler != nil || u.Env != nil {
			return f.checkHandler(v.Runtime, v.Handler, v.WebPort() > 0)
		}
		return nil
	})
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// someEnv keeps "no variables" in one form, so that versions compare.
func someEnv(env map[string]string) map[string]string {
	if len(env) == 0 {
		return nil
	}
	return maps.Clone(env)
}

// Publish asks for a version from $LATEST.
type Publish struct {
	ebb.FunctionKey
	CodeDigest  ebb.Digest // "" = whatever is there
	Description string     // "" = that of $LATEST
	RevisionID  string     // "" = whatever is there
}

// Publish makes $LATEST, as it is now, an immutable version and returns it. If
// the last published version has the same code and settings (descriptions
// aside), that one is returned and nothing changes.
func (f *Functions) Publish(ctx context.Context, p Publish) (*ebb.Version, error) {
	if err := checkDescription(p.Description); err != nil {
		return nil, err
	}
	var v *ebb.Version
	err := f.commit(ctx, p.FunctionKey, func(tx *store.Tx) error {
		latest, err := f.latest(tx, p.FunctionKey, p.RevisionID)
		if err != nil {
			return err
		}
		if p.CodeDigest != "" && p.CodeDigest != latest.Code.Digest {
			return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
				"CodeSha256: CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.",
				codeSHA256(p.CodeDigest), codeSHA256(latest.Code.Digest))
		}
		v, err = f.publish(tx, latest, p.Description)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Versions returns up to max (at most MaxPage; 0 means that) versions of a
// function, $LATEST first and then by number, and the marker of the next page.
func (f *Functions) Versions(ctx context.Context, key ebb.FunctionKey, marker string, max int) (vs []*ebb.Version, next string, err error) {
	after := int64(-1)
	if marker != "" {
		if after, err = strconv.ParseInt(marker, 10, 64); err != nil || after < 0 {
			return nil, "", invalidMarker()
		}
	}
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.Version, error) {
		if _, err := tx.Function(key); err != nil {
			return nil, f.found(err, key, "")
		}
		return tx.Versions(key, after, limit)
	}, func(last *ebb.Version) string { return strconv.FormatInt(last.Number, 10) })
}

// ListVersions is List with every version of every function, by name and number.
func (f *Functions) ListVersions(ctx context.Context, service ebb.ServiceID, marker string, max int) (vs []*ebb.Version, next string, err error) {
	name, after := "", int64(-1)
	if marker != "" {
		var number string
		name, number, _ = strings.Cut(marker, ":")
		if after, err = strconv.ParseInt(number, 10, 64); err != nil || after < 0 || !ebb.ValidFunctionName(name) {
			return nil, "", invalidMarker()
		}
	}
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.Version, error) {
		return tx.AllVersions(service, name, after, limit)
	}, func(last *ebb.Version) string { return last.Name + ":" + strconv.FormatInt(last.Number, 10) })
}

// latest reads $LATEST and checks that it still is the revision asked for.
func (f *Functions) latest(tx *store.Tx, key ebb.FunctionKey, revision string) (*ebb.Version, error) {
	v, err := tx.Version(key, 0)
	if err != nil {
		return nil, f.found(err, key, "")
	}
	if revision != "" && revision != v.RevisionID {
		return nil, stale()
	}
	return v, nil
}

func stale() error {
	return ebb.Errorf(ebb.PreconditionFailed, ebb.TypePreconditionFailed,
		"RevisionId: The Revision Id provided does not match the latest Revision Id. "+
			"Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
}

// edit changes $LATEST in one transaction; change must be pure.
func (f *Functions) edit(ctx context.Context, key ebb.FunctionKey, revision string, publish bool, change func(*store.Tx, *ebb.Version) error) (*ebb.Version, error) {
	var answer *ebb.Version
	err := f.commit(ctx, key, func(tx *store.Tx) error {
		v, err := f.latest(tx, key, revision)
		if err != nil {
			return err
		}
		was := v.RevisionID
		if err := change(tx, v); err != nil {
			return err
		}
		v.RevisionID, v.LastModified = newRevision(), f.now()
		v.State, v.StateReason, v.UpdateStatus = ebb.StateActive, "", ebb.UpdateSuccessful
		if err := tx.UpdateVersion(v, was); err != nil {
			if errors.Is(err, store.ErrChanged) {
				return stale()
			}
			return err
		}
		answer = v
		if publish {
			answer, err = f.publish(tx, v, "")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// publish adds a version like latest, unless the last one is like it already.
func (f *Functions) publish(tx *store.Tx, latest *ebb.Version, description string) (*ebb.Version, error) {
	last, err := tx.LastVersion(latest.FunctionKey)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, err
	case sameContent(last, latest):
		return last, nil
	}
	v := *latest
	if v.Number, err = tx.NextVersionNumber(latest.FunctionKey); err != nil {
		return nil, err
	}
	if description != "" {
		v.Description = description
	}
	v.RevisionID, v.LastModified = newRevision(), f.now()
	return &v, tx.InsertVersion(&v)
}

// sameContent compares what a version runs with, not what it is called.
func sameContent(a, b *ebb.Version) bool {
	return a.Code == b.Code && sameImageConfig(a, b) && a.Runtime == b.Runtime && a.Handler == b.Handler && a.Role == b.Role &&
		a.MemoryMB == b.MemoryMB && a.TimeoutS == b.TimeoutS && a.TmpMB == b.TmpMB &&
		a.Architecture == b.Architecture && a.PackageType == b.PackageType &&
		a.LogFormat == b.LogFormat && sameLayers(a, b) && a.PerTenant == b.PerTenant && a.DeadLetter == b.DeadLetter &&
		slices.Equal(a.FileSystems, b.FileSystems) && maps.Equal(a.Env, b.Env)
}

// codeSHA256 spells a digest as the Lambda API does: base64.
func codeSHA256(d ebb.Digest) string {
	b, err := hex.DecodeString(string(d))
	if err != nil {
		return string(d)
	}
	return base64.StdEncoding.EncodeToString(b)
}
