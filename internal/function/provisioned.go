package function

import (
	"context"
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Provision has n instances' worth of invocations of a published version kept
// ready. Errors: Invalid for $LATEST and for more than there is; NotFound.
func (f *Functions) Provision(ctx context.Context, key ebb.FunctionKey, qualifier string, n int) (*ebb.Provisioned, error) {
	if qualifier == "" || qualifier == ebb.Latest {
		return nil, unpublished()
	}
	if n < 1 {
		return nil, invalid("ProvisionedConcurrentExecutions: %d is less than 1", n)
	}
	v, err := f.Resolve(ctx, key, qualifier)
	if err != nil {
		return nil, err
	}
	if v.PerTenant {
		return nil, invalid("Qualifier: instances of a function with tenancy configuration cannot be made before their tenant is known")
	}
	p := &ebb.Provisioned{FunctionKey: key, Qualifier: qualifier, Executions: n, LastModified: f.now()}
	err = f.commit(ctx, key, func(tx *store.Tx) error {
		if err := f.checkProvisioned(tx, p, v.Concurrency()); err != nil {
			return err
		}
		err := tx.SetProvisioned(p)
		if errors.Is(err, store.ErrMissing) {
			return f.found(store.ErrNotFound, key, qualifier)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// checkProvisioned refuses a version twice, by its number and by an alias, and
// more than the function has reserved; where it has not, more than the node would
// give it, or than leaves the others something. An instance has so many places.
func (f *Functions) checkProvisioned(tx *store.Tx, p *ebb.Provisioned, places int) error {
	if err := checkProvisionedOnce(tx, p); err != nil {
		return err
	}
	function, others, err := tx.SumProvisioned(p.FunctionKey, p.Qualifier)
	if err != nil {
		return err
	}
	reserved, err := tx.Reserved(p.FunctionKey)
	switch {
	case err == nil:
		if function+p.Executions > reserved {
			return invalid("ProvisionedConcurrentExecutions: Requested Provisioned Concurrency should not be greater "+
				"than the reservedConcurrentExecution for function: %d of %d", function+p.Executions, reserved)
		}
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	sum, err := tx.SumReserved()
	if err != nil {
		return err
	}
	instances := (function + p.Executions + places - 1) / places
	if most := f.cfg.InstancesPerFunction; instances > most {
		return invalid("ProvisionedConcurrentExecutions: %d would be %d instances, and a function that has reserved no concurrency "+
			"may have %d on a node (pool.maxPerFunction); reserve as much first", function+p.Executions, instances, most)
	}
	if free := f.cfg.Concurrency - sum - f.MinUnreserved(); function+others+p.Executions > free {
		return invalid("ProvisionedConcurrentExecutions: Specified ConcurrentExecutions for function is greater than "+
			"account's unreserved concurrency [%d].", free)
	}
	return nil
}

// checkProvisionedOnce refuses an alias of a version that has a configuration of
// its own, and a version whose alias has one: who gets the instances would be
// left to chance.
func checkProvisionedOnce(tx *store.Tx, p *ebb.Provisioned) error {
	number, isVersion := ebb.ParseVersion(p.Qualifier)
	if !isVersion {
		a, err := tx.Alias(p.FunctionKey, p.Qualifier)
		switch {
		case err != nil:
			return err
		case a.Version == 0:
			return unpublished()
		}
		return refuseProvisioned(tx, p.FunctionKey, ebb.VersionQualifier(a.Version),
			"Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
	}
	as, err := tx.AliasesOf(p.FunctionKey, number, "", MaxPage)
	if err != nil {
		return err
	}
	for _, a := range as {
		err := refuseProvisioned(tx, p.FunctionKey, a.Alias, "Version is pointed by a Provisioned Concurrency alias")
		if err != nil {
			return err
		}
	}
	return nil
}

func unpublished() error {
	return invalid("Qualifier: Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
}

// refuseProvisioned is a conflict if a qualifier has a configuration.
func refuseProvisioned(tx *store.Tx, key ebb.FunctionKey, qualifier, why string) error {
	_, err := tx.Provisioned(key, qualifier)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "%s", why)
	}
	return err
}

// Provisioned returns the configuration of a qualifier. Errors: Invalid for what
// is neither a published version nor an alias; NotFound.
func (f *Functions) Provisioned(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Provisioned, error) {
	var p *ebb.Provisioned
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if err := f.provisionable(tx, key, qualifier); err != nil {
			return err
		}
		p, err = tx.Provisioned(key, qualifier)
		if errors.Is(err, store.ErrNotFound) {
			return ebb.Errorf(ebb.NotFound, ebb.TypeProvisionedNotFound, "No Provisioned Concurrency Config found for this function")
		}
		return err
	})
	return p, err
}

// Unprovision takes the configuration of a qualifier away. None is no error, as
// in the Lambda API.
func (f *Functions) Unprovision(ctx context.Context, key ebb.FunctionKey, qualifier string) error {
	return f.commit(ctx, key, func(tx *store.Tx) error {
		if err := f.provisionable(tx, key, qualifier); err != nil {
			return err
		}
		if err := tx.DeleteProvisioned(key, qualifier); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
}

// provisionable checks that a qualifier is a published version or an alias.
func (f *Functions) provisionable(tx *store.Tx, key ebb.FunctionKey, qualifier string) error {
	if qualifier == "" || qualifier == ebb.Latest {
		return invalid("Qualifier: The function resource provided must be an alias or a published version.")
	}
	if _, isVersion := ebb.ParseVersion(qualifier); !isVersion {
		_, err := f.alias(tx, key, qualifier)
		return err
	}
	_, err := f.route(tx, key, qualifier)
	return err
}

// ListProvisioned returns up to max (at most MaxPage; 0 means that) configurations
// of a function, by qualifier, and the marker of the next page.
func (f *Functions) ListProvisioned(ctx context.Context, key ebb.FunctionKey, marker string, max int) (list []*ebb.Provisioned, next string, err error) {
	if marker != "" && !ebb.ValidQualifier(marker) {
		return nil, "", invalidMarker()
	}
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.Provisioned, error) {
		if _, err := tx.Function(key); err != nil {
			return nil, f.found(err, key, "")
		}
		return tx.FunctionProvisioned(key, marker, limit)
	}, func(last *ebb.Provisioned) string { return last.Qualifier })
}

// AllProvisioned returns every configuration there is.
func (f *Functions) AllProvisioned(ctx context.Context) (list []*ebb.Provisioned, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.AllProvisioned()
		return err
	})
	return list, err
}
