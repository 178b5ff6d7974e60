package function

import (
	"context"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// AllowLoops says whether a function may run in one chain of invocations as
// often as it likes, or is stopped as one that runs in a loop.
func (f *Functions) AllowLoops(ctx context.Context, key ebb.FunctionKey, allowed bool) error {
	return f.commit(ctx, key, func(tx *store.Tx) error {
		if _, err := tx.Function(key); err != nil {
			return f.found(err, key, "")
		}
		return tx.SetLoops(key, allowed)
	})
}

// Loops reports whether a function may run in a loop.
func (f *Functions) Loops(ctx context.Context, key ebb.FunctionKey) (allowed bool, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.Function(key); err != nil {
			return f.found(err, key, "")
		}
		allowed, err = tx.Loops(key)
		return err
	})
	return allowed, err
}
