package function

import (
	"context"
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// unreservedShare is the part of all concurrency that no function can reserve: a
// tenth, as AWS keeps 100 of an account's 1,000.
const unreservedShare = 10

// MinUnreserved is how much of a service's concurrency cannot be reserved.
func (f *Functions) MinUnreserved() int { return f.cfg.Concurrency / unreservedShare }

// Reserve lets a function have at most n invocations in flight, and keeps room
// for as many; 0 stops it. Errors: Invalid where the others would be left too
// little, or the function has more provisioned; NotFound.
func (f *Functions) Reserve(ctx context.Context, key ebb.FunctionKey, n int) error {
	if n < 0 {
		return invalid("ReservedConcurrentExecutions: %d is negative", n)
	}
	return f.commit(ctx, key, func(tx *store.Tx) error {
		had, err := tx.Reserved(key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		sum, err := tx.SumReserved()
		if err != nil {
			return err
		}
		if least := f.MinUnreserved(); f.cfg.Concurrency-(sum-had+n) < least && n > had {
			return invalid("ReservedConcurrentExecutions: Specified ReservedConcurrentExecutions for function decreases "+
				"account's UnreservedConcurrentExecution below its minimum value of [%d].", least)
		}
		provisioned, _, err := tx.SumProvisioned(key, "")
		if err != nil {
			return err
		}
		if n < provisioned {
			return invalid("ReservedConcurrentExecutions: ReservedConcurrentExecutions [%d] should not be lower than "+
				"function's total provisioned concurrency [%d].", n, provisioned)
		}
		err = tx.SetReserved(ebb.Concurrency{FunctionKey: key, Reserved: n})
		if errors.Is(err, store.ErrMissing) {
			return f.found(store.ErrNotFound, key, "")
		}
		return err
	})
}

// Unreserve takes a function's own limit away. None is no error.
func (f *Functions) Unreserve(ctx context.Context, key ebb.FunctionKey) error {
	return f.commit(ctx, key, func(tx *store.Tx) error {
		if _, err := tx.Function(key); err != nil {
			return f.found(err, key, "")
		}
		return tx.DeleteReserved(key)
	})
}

// Reserved returns what a function has reserved, or none.
func (f *Functions) Reserved(ctx context.Context, key ebb.FunctionKey) (n int, some bool, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.Function(key); err != nil {
			return f.found(err, key, "")
		}
		n, err = tx.Reserved(key)
		if some = err == nil; errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return n, some, err
}

// AllReserved returns what every function has reserved that has.
func (f *Functions) AllReserved(ctx context.Context) (list []ebb.Concurrency, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		return tx.AllReserved(func(c ebb.Concurrency) { list = append(list, c) })
	})
	return list, err
}
