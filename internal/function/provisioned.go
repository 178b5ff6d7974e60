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
		return nil, invalid("Qualifier: Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	if n < 1 {
		return nil, invalid("ProvisionedConcurrentExecutions: %d is less than 1", n)
	}
	if v, err := f.Resolve(ctx, key, qualifier); err != nil {
		return nil, err
	} else if v.PerTenant {
		return nil, invalid("Qualifier: instances of a function with tenancy configuration cannot be made before their tenant is known")
	}
	p := &ebb.Provisioned{FunctionKey: key, Qualifier: qualifier, Executions: n, LastModified: f.now()}
	err := f.commit(ctx, key, func(tx *store.Tx) error {
		if err := f.checkProvisioned(tx, p); err != nil {
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

// checkProvisioned refuses more than the function has reserved, or than is left
// unreserved.
func (f *Functions) checkProvisioned(tx *store.Tx, p *ebb.Provisioned) error {
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
	sum, err := tx.SumReserved(p.Service)
	if err != nil {
		return err
	}
	if free := f.cfg.Concurrency - sum; function+others+p.Executions > free {
		return invalid("ProvisionedConcurrentExecutions: Specified ConcurrentExecutions for function is greater than "+
			"account's unreserved concurrency [%d].", free)
	}
	return nil
}

// Provisioned returns the configuration of a qualifier.
func (f *Functions) Provisioned(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Provisioned, error) {
	var p *ebb.Provisioned
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err = tx.Function(key); err != nil {
			return f.found(err, key, qualifier)
		}
		p, err = tx.Provisioned(key, qualifier)
		return foundProvisioned(err)
	})
	return p, err
}

// Unprovision takes the configuration of a qualifier away.
func (f *Functions) Unprovision(ctx context.Context, key ebb.FunctionKey, qualifier string) error {
	return f.commit(ctx, key, func(tx *store.Tx) error {
		if _, err := tx.Function(key); err != nil {
			return f.found(err, key, qualifier)
		}
		return foundProvisioned(tx.DeleteProvisioned(key, qualifier))
	})
}

// ListProvisioned returns up to max (at most MaxPage; 0 means that) configurations
// of a function, by qualifier, and the marker of the next page.
func (f *Functions) ListProvisioned(ctx context.Context, key ebb.FunctionKey, marker string, max int) (list []*ebb.Provisioned, next string, err error) {
	if marker != "" && !ebb.ValidQualifier(marker) {
		return nil, "", invalidMarker()
	}
	max = page(max)
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err = tx.Function(key); err != nil {
			return f.found(err, key, "")
		}
		list, err = tx.FunctionProvisioned(key, marker, max+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	list, more := cut(list, max)
	if more {
		next = list[max-1].Qualifier
	}
	return list, next, nil
}

// AllProvisioned returns every configuration there is.
func (f *Functions) AllProvisioned(ctx context.Context) (list []*ebb.Provisioned, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.AllProvisioned()
		return err
	})
	return list, err
}

func foundProvisioned(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ebb.Errorf(ebb.NotFound, ebb.TypeProvisionedNotFound, "No Provisioned Concurrency Config found for this function")
	}
	return err
}
