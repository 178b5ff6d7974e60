package function

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// CodeSigning is a code signing configuration to be, or a change of one, in which
// what is nil stays.
type CodeSigning struct {
	Service     ebb.ServiceID
	ID          string // "" = a new one
	Description *string
	Publishers  []string // ARNs
	Enforce     *bool
	Tags        map[string]string // of a new one
}

// PutCodeSigning makes or changes a code signing configuration. A change counts
// from the next deploy of a function on. Errors: Invalid, naming the field;
// NotFound.
func (f *Functions) PutCodeSigning(ctx context.Context, c CodeSigning) (*ebb.CodeSigningConfig, error) {
	if c.Description != nil {
		if err := checkDescription(*c.Description); err != nil {
			return nil, err
		}
	}
	if err := checkTags(c.Tags); err != nil {
		return nil, err
	}
	id := "csc-" + strings.ToLower(rand.Text())[:17]
	return f.editCodeSigning(ctx, c.Service, func(tx *store.Tx) (*ebb.CodeSigningConfig, error) {
		made := &ebb.CodeSigningConfig{Service: c.Service, ID: id, Tags: maps.Clone(c.Tags)}
		if c.ID != "" {
			var err error
			if made, err = f.codeSigning(tx, c.Service, c.ID); err != nil {
				return nil, err
			}
		}
		if c.Publishers != nil || c.ID == "" {
			if err := f.checkPublishers(tx, c.Service, c.Publishers); err != nil {
				return nil, err
			}
			made.Publishers = c.Publishers
		}
		set(&made.Description, c.Description)
		set(&made.Enforce, c.Enforce)
		made.LastModified = f.now()
		return made, nil
	})
}

// TagCodeSigning adds or replaces tags of a code signing configuration and takes
// those named in without away.
func (f *Functions) TagCodeSigning(ctx context.Context, service ebb.ServiceID, id string, tags map[string]string, without []string) error {
	_, err := f.editCodeSigning(ctx, service, func(tx *store.Tx) (*ebb.CodeSigningConfig, error) {
		c, err := f.codeSigning(tx, service, id)
		if err != nil {
			return nil, err
		}
		all := map[string]string{}
		maps.Copy(all, c.Tags)
		maps.Copy(all, tags)
		maps.DeleteFunc(all, func(name, _ string) bool { return slices.Contains(without, name) })
		c.Tags = all
		return c, checkTags(all)
	})
	return err
}

func (f *Functions) editCodeSigning(ctx context.Context, service ebb.ServiceID, edit func(*store.Tx) (*ebb.CodeSigningConfig, error)) (c *ebb.CodeSigningConfig, err error) {
	if !service.Valid() {
		return nil, invalid("service: %q is not a service id", service)
	}
	err = f.store.Tx(ctx, func(tx *store.Tx) (err error) {
		if c, err = edit(tx); err != nil {
			return err
		}
		return tx.PutCodeSigningConfig(c)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// GetCodeSigning returns a code signing configuration, or NotFound.
func (f *Functions) GetCodeSigning(ctx context.Context, service ebb.ServiceID, id string) (c *ebb.CodeSigningConfig, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		c, err = f.codeSigning(tx, service, id)
		return err
	})
	return c, err
}

// ListCodeSigning returns up to max (at most MaxPage; 0 means that) code signing
// configurations of a service, by id, and the marker of the next page.
func (f *Functions) ListCodeSigning(ctx context.Context, service ebb.ServiceID, marker string, max int) (all []*ebb.CodeSigningConfig, next string, err error) {
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.CodeSigningConfig, error) {
		return tx.CodeSigningConfigs(service, marker, limit)
	}, func(last *ebb.CodeSigningConfig) string { return last.ID })
}

// DeleteCodeSigning removes a code signing configuration, unless functions have it.
func (f *Functions) DeleteCodeSigning(ctx context.Context, service ebb.ServiceID, id string) error {
	return f.store.Tx(ctx, func(tx *store.Tx) error {
		if _, err := f.codeSigning(tx, service, id); err != nil {
			return err
		}
		users, err := tx.FunctionsByCodeSigning(service, id, "", 1)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict,
				"The code signing configuration cannot be deleted: functions have it, %s among them.", users[0])
		}
		return tx.DeleteCodeSigningConfig(service, id)
	})
}

// CodeSigningFunctions returns up to max (at most MaxPage; 0 means that) names of
// the functions that have a code signing configuration, and the next page's marker.
func (f *Functions) CodeSigningFunctions(ctx context.Context, service ebb.ServiceID, id, marker string, max int) (names []string, next string, err error) {
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]string, error) {
		if _, err := f.codeSigning(tx, service, id); err != nil {
			return nil, err
		}
		return tx.FunctionsByCodeSigning(service, id, marker, limit)
	}, func(last string) string { return last })
}

// SignCode has the code of a function be signed as a configuration of its service
// says, from its next deploy on; with id "" as anybody likes. NotFound;
// CodeSigningConfigNotFoundException.
func (f *Functions) SignCode(ctx context.Context, key ebb.FunctionKey, id string) error {
	return f.store.Tx(ctx, func(tx *store.Tx) error {
		v, err := f.latest(tx, key, "")
		switch {
		case err != nil:
			return err
		case v.IsImage():
			return invalid(msgImageNoSigning)
		}
		return foundForFunction(tx.SetFunctionCodeSigning(key, id), id)
	})
}

// CodeSigningOf returns the id of a function's code signing configuration, or "".
func (f *Functions) CodeSigningOf(ctx context.Context, key ebb.FunctionKey) (id string, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.Function(key); err != nil {
			return f.found(err, key, "")
		}
		id, err = tx.FunctionCodeSigning(key)
		return err
	})
	return id, err
}

func (f *Functions) codeSigning(tx *store.Tx, service ebb.ServiceID, id string) (*ebb.CodeSigningConfig, error) {
	c, err := tx.CodeSigningConfig(service, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound,
			"The Lambda code signing configuration %s can not be found.", ebb.CodeSigningARN(f.cfg.Region, service, id))
	}
	return c, err
}

// foundForFunction words what a function gets that names a configuration which is
// not there.
func foundForFunction(err error, id string) error {
	if errors.Is(err, store.ErrMissing) || errors.Is(err, store.ErrNotFound) {
		return ebb.Errorf(ebb.NotFound, ebb.TypeCodeSigningNotFound, "The code signing configuration cannot be found. Check that the provided configuration is not deleted: %s.", id)
	}
	return err
}
