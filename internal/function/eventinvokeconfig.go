package function

import (
	"context"
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// UpdateEvents changes how asynchronous invocations of a qualifier are done:
// what is nil stays, "" takes a destination away.
type UpdateEvents struct {
	ebb.FunctionKey
	Qualifier  string // "" = $LATEST
	MaxRetries *int
	MaxAgeS    *int
	OnSuccess  *string
	OnFailure  *string
}

// PutEvents replaces how asynchronous invocations of a qualifier are done.
// Errors: Invalid, naming the field; NotFound.
func (f *Functions) PutEvents(ctx context.Context, u UpdateEvents) (*ebb.EventInvokeConfig, error) {
	return f.changeEvents(ctx, u, func(*store.Tx) (*ebb.EventInvokeConfig, error) { return &ebb.EventInvokeConfig{}, nil })
}

// UpdateEvents changes how asynchronous invocations of a qualifier are done.
// Errors: Invalid, naming the field; NotFound, also where nothing was put yet.
func (f *Functions) UpdateEvents(ctx context.Context, u UpdateEvents) (*ebb.EventInvokeConfig, error) {
	return f.changeEvents(ctx, u, func(tx *store.Tx) (*ebb.EventInvokeConfig, error) {
		c, err := tx.EventInvokeConfig(u.FunctionKey, u.Qualifier)
		return c, f.foundEvents(err, u.FunctionKey, u.Qualifier)
	})
}

func (f *Functions) changeEvents(ctx context.Context, u UpdateEvents, was func(*store.Tx) (*ebb.EventInvokeConfig, error)) (*ebb.EventInvokeConfig, error) {
	if _, err := f.Resolve(ctx, u.FunctionKey, u.Qualifier); err != nil {
		return nil, err
	}
	if err := f.checkEvents(&u); err != nil {
		return nil, err
	}
	var c *ebb.EventInvokeConfig
	err := f.commit(ctx, u.FunctionKey, func(tx *store.Tx) (err error) {
		if c, err = was(tx); err != nil {
			return err
		}
		c.FunctionKey, c.Qualifier, c.LastModified = u.FunctionKey, u.Qualifier, f.now()
		if u.MaxRetries != nil {
			c.MaxRetries = u.MaxRetries
		}
		if u.MaxAgeS != nil {
			c.MaxAgeS = u.MaxAgeS
		}
		set(&c.OnSuccess, u.OnSuccess)
		set(&c.OnFailure, u.OnFailure)
		err = tx.PutEventInvokeConfig(c)
		if errors.Is(err, store.ErrMissing) {
			return f.found(store.ErrNotFound, u.FunctionKey, u.Qualifier)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// GetEvents returns how asynchronous invocations of a qualifier are done, where
// that was put.
func (f *Functions) GetEvents(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.EventInvokeConfig, error) {
	var c *ebb.EventInvokeConfig
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		c, err = tx.EventInvokeConfig(key, qualifier)
		return f.foundEvents(err, key, qualifier)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// DeleteEvents has asynchronous invocations of a qualifier done by the defaults.
func (f *Functions) DeleteEvents(ctx context.Context, key ebb.FunctionKey, qualifier string) error {
	return f.commit(ctx, key, func(tx *store.Tx) error {
		return f.foundEvents(tx.DeleteEventInvokeConfig(key, qualifier), key, qualifier)
	})
}

// ListEvents returns up to max (at most MaxPage; 0 means that) configurations of
// a function, by qualifier, and the marker of the next page.
func (f *Functions) ListEvents(ctx context.Context, key ebb.FunctionKey, marker string, max int) (cs []*ebb.EventInvokeConfig, next string, err error) {
	if marker != "" && !ebb.ValidQualifier(marker) {
		return nil, "", invalidMarker()
	}
	after := marker
	if marker == ebb.Latest {
		after = ""
	}
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.EventInvokeConfig, error) {
		if _, err := tx.Function(key); err != nil {
			return nil, f.found(err, key, "")
		}
		return tx.EventInvokeConfigs(key, marker == "", after, limit)
	}, func(last *ebb.EventInvokeConfig) string { return or(last.Qualifier, ebb.Latest) })
}

func (f *Functions) checkEvents(u *UpdateEvents) error {
	if u.MaxRetries != nil {
		if err := checkRange("MaximumRetryAttempts", *u.MaxRetries, ebb.MinMaxRetries, ebb.MaxMaxRetries, "retries"); err != nil {
			return err
		}
	}
	if u.MaxAgeS != nil {
		if err := checkRange("MaximumEventAgeInSeconds", *u.MaxAgeS, ebb.MinMaxAgeS, ebb.MaxMaxAgeS, "seconds"); err != nil {
			return err
		}
	}
	for field, arn := range map[string]*string{
		"DestinationConfig.OnSuccess.Destination": u.OnSuccess, "DestinationConfig.OnFailure.Destination": u.OnFailure,
	} {
		if arn == nil {
			continue
		}
		if err := f.checkTarget(u.FunctionKey, field, *arn); err != nil {
			return err
		}
	}
	return nil
}

// checkTarget refuses a destination that nothing could ever be delivered to; ""
// is none.
func (f *Functions) checkTarget(key ebb.FunctionKey, field, arn string) error {
	if arn == "" {
		return nil
	}
	t, err := ebb.ParseTarget(arn)
	if err == nil && t.Kind == ebb.TargetFunction && t.Function.Service == key.Service && t.Function.Name == key.Name {
		return invalid("%s: You can't specify the function as a destination for itself.", field)
	}
	if err == nil && f.cfg.CheckTarget != nil {
		err = f.cfg.CheckTarget(key, t)
	}
	var known *ebb.Error
	switch {
	case errors.As(err, &known):
		return ebb.Errorf(known.Kind, known.Type, "%s: %s", field, known.Message)
	case err != nil:
		return err
	case f.cfg.CheckTarget == nil:
		return invalid("%s: this platform delivers to no destinations", field)
	}
	return nil
}

func (f *Functions) foundEvents(err error, key ebb.FunctionKey, qualifier string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound,
		"The function %s doesn't have an EventInvokeConfig", ebb.FunctionARN(f.cfg.Region, key, or(qualifier, ebb.Latest)))
}
