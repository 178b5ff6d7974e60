package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// Create is a state machine to be.
type Create struct {
	ebb.StateMachineKey
	Type        string // "" = STANDARD
	Definition  string
	Role        string
	Logging     ebb.StateMachineLogging
	Tracing     bool
	Tags        map[string]string
	Publish     bool
	Description string // of the version
}

// MaxTags is how many tags a resource may have.
const MaxTags = 50

// CreateStateMachine makes a state machine, or answers the one that is there if
// it is the same. With Publish it makes a version too.
func (e *Engine) CreateStateMachine(ctx context.Context, c Create) (*ebb.StateMachine, *ebb.StateMachineVersion, error) {
	arn := ebb.StateMachineARN(e.cfg.Region, c.StateMachineKey, "")
	if c.Type == "" {
		c.Type = ebb.StateMachineStandard
	}
	switch {
	case !ebb.ValidStatesName(c.Name):
		return nil, nil, invalid(TypeInvalidName, "Invalid Name: '%s'", c.Name)
	case c.Description != "" && !c.Publish:
		return nil, nil, invalid(ebb.TypeValidation, "Version description can only be set when publish is true")
	case len(c.Tags) > MaxTags:
		return nil, nil, tooManyTags(arn)
	}
	if err := e.checkDefinition(c.Definition, c.Type); err != nil {
		return nil, nil, err
	}
	now := e.now()
	r := ebb.StateMachineRevision{
		StateMachineKey: c.StateMachineKey, ID: newID(), CreatedAt: now, Initial: true, Type: c.Type,
		Role: c.Role, Definition: c.Definition, Logging: c.Logging, Tracing: c.Tracing,
	}
	m := &ebb.StateMachine{StateMachineKey: c.StateMachineKey, Type: c.Type, CreatedAt: now, Tags: c.Tags, Revision: r}
	var v *ebb.StateMachineVersion
	err := e.store.Tx(ctx, func(tx *store.Tx) error {
		v = nil
		there, err := tx.StateMachine(c.StateMachineKey)
		if err == nil {
			if there.Deleting {
				return ebb.Errorf(ebb.Conflict, TypeStateMachineDeleting, "State Machine is being deleted: '%s'", arn)
			}
			if !same(there, m) {
				return ebb.Errorf(ebb.Conflict, TypeStateMachineAlreadyExists, "State Machine Already Exists: '%s'", arn)
			}
			m = there
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		} else if err := tx.InsertStateMachine(m); err != nil {
			return err
		}
		if !c.Publish {
			return nil
		}
		v, err = e.publish(tx, m, c.Description, now)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return m, v, nil
}

// same says whether b asks for what a is. Another role, or other tags, make no
// difference, and none in a.
func same(a, b *ebb.StateMachine) bool {
	x, y := a.Revision, b.Revision
	return a.Type == b.Type && x.Definition == y.Definition && x.Tracing == y.Tracing &&
		x.Logging.Level == y.Logging.Level && x.Logging.IncludeExecutionData == y.Logging.IncludeExecutionData &&
		slices.Equal(x.Logging.Destinations, y.Logging.Destinations)
}

func tooManyTags(arn string) error {
	return invalid(TypeTooManyTags, "Too many tags: a resource may have %d: '%s'", MaxTags, arn)
}

// checkDefinition refuses what is no state machine.
func (e *Engine) checkDefinition(definition, kind string) error {
	if refusal := asl.Refusal(e.Validate(definition, kind)); refusal != "" {
		return invalid(TypeInvalidDefinition, "%s", refusal)
	}
	return nil
}

// Validate lists what is wrong with a definition for a type of state machine.
func (e *Engine) Validate(definition, kind string) []asl.Diagnostic {
	m, problems := asl.Parse([]byte(definition), e.jsonata)
	if m != nil && kind == ebb.StateMachineExpress {
		problems = append(problems, m.NotExpress()...)
	}
	return problems
}

// Update is a change of a state machine. What is nil stays.
type Update struct {
	Definition  *string
	Role        *string
	Logging     *ebb.StateMachineLogging
	Tracing     *bool
	Publish     bool
	Description string
}

// UpdateStateMachine makes a new revision. Executions that run go on with theirs.
func (e *Engine) UpdateStateMachine(ctx context.Context, key ebb.StateMachineKey, u Update) (*ebb.StateMachine, *ebb.StateMachineVersion, error) {
	if u.Definition == nil && u.Role == nil && u.Logging == nil && u.Tracing == nil {
		return nil, nil, invalid(TypeMissingRequiredParameter, "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	}
	if u.Description != "" && !u.Publish {
		return nil, nil, invalid(ebb.TypeValidation, "Version description can only be set when publish is true")
	}
	m, err := e.StateMachine(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if u.Definition != nil {
		if err := e.checkDefinition(*u.Definition, m.Type); err != nil {
			return nil, nil, err
		}
	}
	now, id := e.now(), newID()
	var v *ebb.StateMachineVersion
	err = e.store.Tx(ctx, func(tx *store.Tx) (err error) {
		if m, err = tx.StateMachine(key); err != nil {
			return found(err, noStateMachine(ebb.StateMachineARN(e.cfg.Region, key, "")))
		}
		r := m.Revision
		r.ID, r.CreatedAt, r.Initial = id, now, false
		u.apply(&r)
		if err := tx.InsertStateMachineRevision(&r); err != nil {
			return err
		}
		if err := tx.SetStateMachineRevision(key, r.ID, m.Revision.ID); err != nil {
			if errors.Is(err, store.ErrChanged) {
				return ebb.Errorf(ebb.Conflict, TypeStateMachineDeleting, "State Machine is being deleted: '%s'", ebb.StateMachineARN(e.cfg.Region, key, ""))
			}
			return err
		}
		m.Revision = r
		if u.Publish {
			v, err = e.publish(tx, m, u.Description, now)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return m, v, nil
}

func (u *Update) apply(r *ebb.StateMachineRevision) {
	if u.Definition != nil {
		r.Definition = *u.Definition
	}
	if u.Role != nil {
		r.Role = *u.Role
	}
	if u.Logging != nil {
		r.Logging = *u.Logging
	}
	if u.Tracing != nil {
		r.Tracing = *u.Tracing
	}
}

// StateMachine returns a state machine.
func (e *Engine) StateMachine(ctx context.Context, key ebb.StateMachineKey) (m *ebb.StateMachine, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		m, err = tx.StateMachine(key)
		return found(err, noStateMachine(ebb.StateMachineARN(e.cfg.Region, key, "")))
	})
	return m, err
}

// Revision returns a revision of a state machine.
func (e *Engine) Revision(ctx context.Context, id string) (r *ebb.StateMachineRevision, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		r, err = tx.StateMachineRevision(id)
		return err
	})
	return r, err
}

// StateMachines lists up to limit state machines by name, after a name.
func (e *Engine) StateMachines(ctx context.Context, service ebb.ServiceID, after string, limit int) (ms []*ebb.StateMachine, more bool, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		ms, err = tx.StateMachines(service, after, limit+1)
		return err
	})
	ms, more = cut(ms, limit)
	return ms, more, err
}

// DeleteStateMachine removes a state machine, if it is there; while executions
// of it run they are stopped first.
func (e *Engine) DeleteStateMachine(ctx context.Context, key ebb.StateMachineKey) error {
	err := e.store.Tx(ctx, func(tx *store.Tx) error {
		xs, err := tx.Executions(store.ExecutionFilter{Service: key.Service, Machine: key.Name, Status: ebb.ExecutionRunning, Limit: 1})
		if err != nil {
			return err
		}
		if len(xs) == 0 {
			return tx.DeleteStateMachine(key)
		}
		if err := tx.SetStateMachineDeleting(key); err != nil {
			return err
		}
		return e.enqueue(tx, key.Service, queueStep, time.Time{}, work{Kind: workStop, Machine: key.Name})
	})
	if err == nil {
		e.queue.Wake(queueStep)
	}
	return found(err, nil)
}

// stopAll stops the executions of a state machine that is to go, and removes it
// with the last one.
func (e *Engine) stopAll(ctx context.Context, w work, service ebb.ServiceID) error {
	key := ebb.StateMachineKey{Service: service, Name: w.Machine}
	for {
		var xs []*ebb.Execution
		err := e.store.Tx(ctx, func(tx *store.Tx) (err error) {
			xs, err = tx.Executions(store.ExecutionFilter{Service: service, Machine: w.Machine, Status: ebb.ExecutionRunning, Limit: 100})
			if err != nil || len(xs) > 0 {
				return err
			}
			m, err := tx.StateMachine(key)
			if err != nil || !m.Deleting {
				return found(err, nil)
			}
			return tx.DeleteStateMachine(key)
		})
		if err != nil || len(xs) == 0 {
			return err
		}
		for _, x := range xs {
			if err := e.stop(ctx, x.ID, nil, nil); err != nil {
				return err
			}
		}
	}
}

// enqueue adds a message in a transaction.
func (e *Engine) enqueue(tx *store.Tx, service ebb.ServiceID, to string, at time.Time, w work) error {
	body, err := json.Marshal(w)
	if err != nil {
		return err
	}
	_, err = e.queue.Enqueue(tx, queue.Enqueue{Queue: to, Service: service, Group: w.Machine, Body: body, NotBefore: at})
	return err
}
