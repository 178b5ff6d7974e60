package function

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Routing is the second version of an alias and its share. A Version of 0 means
// that there is none.
type Routing struct {
	Version int64
	Weight  float64 // 0 to 1
}

// CreateAlias is an alias to be.
type CreateAlias struct {
	ebb.FunctionKey
	Alias       string
	Version     int64 // 0 = $LATEST
	Description string
	Routing     Routing
}

// UpdateAlias changes an alias: what is nil stays.
type UpdateAlias struct {
	ebb.FunctionKey
	Alias       string
	Version     *int64
	Description *string
	Routing     *Routing
	RevisionID  string // "" = whatever is there
}

// CreateAlias gives a version a name. Errors: Invalid, NotFound, Conflict when
// the function has an alias of that name.
func (f *Functions) CreateAlias(ctx context.Context, c CreateAlias) (*ebb.Alias, error) {
	if !ebb.ValidAliasName(c.Alias) {
		return nil, invalid("Name: %.140q is not 1 to 128 letters, digits, - and _, or is a number", c.Alias)
	}
	if err := checkDescription(c.Description); err != nil {
		return nil, err
	}
	a := &ebb.Alias{
		FunctionKey: c.FunctionKey, Alias: c.Alias, Version: c.Version, Description: c.Description,
		Canary: c.Routing.Version, Weight: c.Routing.Weight, RevisionID: newRevision(), LastModified: f.now(),
	}
	err := f.commit(ctx, c.FunctionKey, func(tx *store.Tx) error {
		if err := f.checkAlias(tx, a); err != nil {
			return err
		}
		err := tx.InsertAlias(a)
		if errors.Is(err, store.ErrExists) {
			return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict,
				"Alias already exists: %s", ebb.FunctionARN(f.cfg.Region, a.FunctionKey, a.Alias))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// UpdateAlias makes the change and returns the alias. Invocations that begin
// after it returned see it.
func (f *Functions) UpdateAlias(ctx context.Context, u UpdateAlias) (*ebb.Alias, error) {
	if u.Description != nil {
		if err := checkDescription(*u.Description); err != nil {
			return nil, err
		}
	}
	var a *ebb.Alias
	err := f.commit(ctx, u.FunctionKey, func(tx *store.Tx) (err error) {
		if a, err = f.alias(tx, u.FunctionKey, u.Alias); err != nil {
			return err
		}
		was := a.RevisionID
		if u.RevisionID != "" && u.RevisionID != was {
			return stale()
		}
		set(&a.Version, u.Version)
		set(&a.Description, u.Description)
		if u.Routing != nil {
			a.Canary, a.Weight = u.Routing.Version, u.Routing.Weight
		}
		if err := f.checkAlias(tx, a); err != nil {
			return err
		}
		if a.Version == 0 {
			if _, err := tx.Provisioned(a.FunctionKey, a.Alias); err == nil {
				return unpublished()
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		a.RevisionID, a.LastModified = newRevision(), f.now()
		err = tx.UpdateAlias(a, was)
		if errors.Is(err, store.ErrChanged) {
			return stale()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// checkAlias checks where an alias leads.
func (f *Functions) checkAlias(tx *store.Tx, a *ebb.Alias) error {
	first, err := tx.Version(a.FunctionKey, a.Version)
	if err != nil {
		return f.found(err, a.FunctionKey, ebb.VersionQualifier(a.Version))
	}
	if a.Canary == 0 {
		a.Weight = 0
		return nil
	}
	switch {
	case a.Version == 0:
		return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
	case a.Canary == a.Version:
		return invalid("Invalid function version %d. Function version %d is already included in routing configuration.", a.Canary, a.Canary)
	case math.IsNaN(a.Weight) || a.Weight < 0 || a.Weight > 1:
		return invalid("RoutingConfig.AdditionalVersionWeights: %v is not between 0 and 1", a.Weight)
	}
	second, err := tx.Version(a.FunctionKey, a.Canary)
	if err != nil {
		return f.found(err, a.FunctionKey, ebb.VersionQualifier(a.Canary))
	}
	if first.Role != second.Role {
		return invalid("RoutingConfig.AdditionalVersionWeights: versions %d and %d have different roles; "+
			"the versions of an alias must have the same", a.Version, a.Canary)
	}
	return nil
}

// GetAlias returns one alias of a function, or NotFound.
func (f *Functions) GetAlias(ctx context.Context, key ebb.FunctionKey, alias string) (a *ebb.Alias, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		a, err = f.alias(tx, key, alias)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// ListAliases returns up to max (at most MaxPage; 0 means that) aliases of a
// function by name, and the marker of the next page. With version, only those
// that send invocations to it.
func (f *Functions) ListAliases(ctx context.Context, key ebb.FunctionKey, version *int64, marker string, max int) (as []*ebb.Alias, next string, err error) {
	if marker != "" && !ebb.ValidAliasName(marker) {
		return nil, "", invalidMarker()
	}
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.Alias, error) {
		if _, err := tx.Function(key); err != nil {
			return nil, f.found(err, key, "")
		}
		if version != nil {
			return tx.AliasesOf(key, *version, marker, limit)
		}
		return tx.Aliases(key, marker, limit)
	}, func(last *ebb.Alias) string { return last.Alias })
}

// DeleteAlias removes an alias with its URL, its policy and what else is its own. One that is not
// there is no error, as in the Lambda API.
func (f *Functions) DeleteAlias(ctx context.Context, key ebb.FunctionKey, alias string) error {
	return f.commit(ctx, key, func(tx *store.Tx) error {
		err := tx.DeleteAlias(key, alias)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return f.deleteQualifier(tx, key, alias)
	})
}

// deleteQualifier removes what belongs to a version or an alias that is gone.
func (f *Functions) deleteQualifier(tx *store.Tx, key ebb.FunctionKey, qualifier string) error {
	if err := tx.DeleteProvisioned(key, qualifier); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := tx.DeleteFunctionURL(key, qualifier); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := tx.DeleteEventInvokeConfig(key, qualifier); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return tx.DeleteFunctionPolicy(key, qualifier)
}

// deleteVersion removes a version that no alias points to, with its policy.
func (f *Functions) deleteVersion(tx *store.Tx, key ebb.FunctionKey, number int64) error {
	as, err := tx.AliasesOf(key, number, "", MaxPage)
	if err != nil {
		return err
	}
	if len(as) > 0 {
		names := make([]string, len(as))
		for i, a := range as {
			names[i] = a.Alias
		}
		return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict,
			"Unable to delete version because the following aliases reference it: [%s]", strings.Join(names, ", "))
	}
	if err := tx.DeleteVersion(key, number); err != nil {
		return f.found(err, key, ebb.VersionQualifier(number))
	}
	return f.deleteQualifier(tx, key, ebb.VersionQualifier(number))
}

func (f *Functions) alias(tx *store.Tx, key ebb.FunctionKey, alias string) (*ebb.Alias, error) {
	a, err := tx.Alias(key, alias)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound,
			"Cannot find alias arn: %s", ebb.FunctionARN(f.cfg.Region, key, alias))
	}
	return a, err
}

// Route is where invocations of a qualifier go.
type Route struct {
	Version *ebb.Version
	Canary  *ebb.Version // nil = all go to Version
	Weight  float64      // the share of Canary, 0 to 1
	Loops   bool         // the function may run in a loop
}

// Route returns where invocations of key with qualifier ("" is $LATEST) go. It
// reads the database: the caller caches, and drops what it keeps on OnChange.
func (f *Functions) Route(ctx context.Context, key ebb.FunctionKey, qualifier string) (r Route, err error) {
	if err := checkQualifier(qualifier); err != nil {
		return r, err
	}
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if r, err = f.route(tx, key, qualifier); err == nil {
			r.Loops, err = tx.Loops(key)
		}
		return err
	})
	if err != nil {
		return Route{}, err
	}
	return r, nil
}

// Resolve returns the version that key with qualifier ("" is $LATEST) means: of
// an alias its first one.
func (f *Functions) Resolve(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error) {
	r, err := f.Route(ctx, key, qualifier)
	return r.Version, err
}

// route reads a qualifier that checkQualifier let through.
func (f *Functions) route(tx *store.Tx, key ebb.FunctionKey, qualifier string) (r Route, err error) {
	if n, ok := ebb.ParseVersion(qualifier); ok {
		r.Version, err = tx.Version(key, n)
		return r, f.found(err, key, qualifier)
	}
	a, err := tx.Alias(key, qualifier)
	if err != nil {
		return r, f.found(err, key, qualifier)
	}
	if r.Version, err = tx.Version(key, a.Version); err != nil || a.Canary == 0 {
		return r, err
	}
	r.Weight = a.Weight
	r.Canary, err = tx.Version(key, a.Canary)
	return r, err
}

// checkQualifier checks a qualifier's shape.
func checkQualifier(qualifier string) error {
	if qualifier == "" || ebb.ValidQualifier(qualifier) {
		return nil
	}
	return invalid("Qualifier: %.140q is not $LATEST, a version number or an alias name", qualifier)
}
