package workflow

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// publish makes the state machine's revision a version, unless it is the last
// one already.
func (e *Engine) publish(tx *store.Tx, m *ebb.StateMachine, description string, now time.Time) (*ebb.StateMachineVersion, error) {
	last, err := tx.StateMachineVersions(m.StateMachineKey, math.MaxInt64, 1)
	if err != nil {
		return nil, err
	}
	if len(last) > 0 && last[0].Revision == m.Revision.ID {
		if description != "" && last[0].Description != description {
			return nil, ebb.Errorf(ebb.Conflict, TypeConflict, "Version already exists with a different description: version %d", last[0].Number)
		}
		return last[0], nil
	}
	if len(last) > 0 && last[0].Number >= maxVersions {
		all, err := tx.StateMachineVersions(m.StateMachineKey, math.MaxInt64, maxVersions)
		if err != nil {
			return nil, err
		}
		if len(all) >= maxVersions {
			return nil, quota("versions", maxVersions)
		}
	}
	n, err := tx.NextStateMachineVersion(m.StateMachineKey)
	if err != nil {
		return nil, err
	}
	v := &ebb.StateMachineVersion{StateMachineKey: m.StateMachineKey, Number: n, Revision: m.Revision.ID, Description: description, CreatedAt: now}
	return v, tx.InsertStateMachineVersion(v)
}

// How many versions and aliases a state machine may have.
const (
	maxVersions = 1000
	maxAliases  = 100
)

func quota(of string, n int) error {
	return ebb.Errorf(ebb.Invalid, TypeServiceQuotaExceeded, "A state machine may have %d %s", n, of)
}

// Publish makes the current revision a version; revision, unless it is "", must
// be the current one.
func (e *Engine) Publish(ctx context.Context, key ebb.StateMachineKey, revision, description string) (v *ebb.StateMachineVersion, err error) {
	now := e.now()
	err = e.store.Tx(ctx, func(tx *store.Tx) error {
		m, err := tx.StateMachine(key)
		if err != nil {
			return found(err, noStateMachine(ebb.StateMachineARN(e.cfg.Region, key, "")))
		}
		if revision != "" && revision != RevisionID(&m.Revision) {
			return ebb.Errorf(ebb.Conflict, TypeConflict, "Failed to publish the State Machine version for revision %s. The current State Machine revision is %s.", revision, RevisionID(&m.Revision))
		}
		v, err = e.publish(tx, m, description, now)
		return err
	})
	return v, err
}

// RevisionID is what the API calls a revision.
func RevisionID(r *ebb.StateMachineRevision) string {
	if r.Initial {
		return "INITIAL"
	}
	return r.ID
}

// Version returns a version.
func (e *Engine) Version(ctx context.Context, key ebb.StateMachineKey, number int64) (v *ebb.StateMachineVersion, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		v, err = tx.StateMachineVersion(key, number)
		return found(err, noStateMachine(ebb.StateMachineARN(e.cfg.Region, key, strconv.FormatInt(number, 10))))
	})
	return v, err
}

// Versions lists up to limit versions below a number, the newest first.
func (e *Engine) Versions(ctx context.Context, key ebb.StateMachineKey, before int64, limit int) (vs []*ebb.StateMachineVersion, more bool, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		vs, err = tx.StateMachineVersions(key, before, limit+1)
		return err
	})
	vs, more = cut(vs, limit)
	return vs, more, err
}

// DeleteVersion removes a version that no alias points to, if it is there.
func (e *Engine) DeleteVersion(ctx context.Context, key ebb.StateMachineKey, number int64) error {
	err := e.store.Tx(ctx, func(tx *store.Tx) error {
		as, err := tx.StateMachineAliases(key, "", maxAliases)
		if err != nil {
			return err
		}
		var named []string
		for _, a := range as {
			if routesTo(a, number) {
				named = append(named, a.Alias)
			}
		}
		if len(named) > 0 {
			return ebb.Errorf(ebb.Conflict, TypeConflict, "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: %v", named)
		}
		return tx.DeleteStateMachineVersion(key, number)
	})
	return found(err, nil)
}

// Alias returns an alias.
func (e *Engine) Alias(ctx context.Context, key ebb.StateMachineKey, name string) (a *ebb.StateMachineAlias, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		a, err = tx.StateMachineAlias(key, name)
		return found(err, noResource(ebb.StateMachineARN(e.cfg.Region, key, name)))
	})
	return a, err
}

// AliasPlace is an alias's place in the order in which they are listed.
type AliasPlace struct {
	Created time.Time
	Alias   string
}

func (p AliasPlace) compare(q AliasPlace) int {
	return cmp.Or(q.Created.Compare(p.Created), strings.Compare(p.Alias, q.Alias))
}

// Aliases lists up to limit aliases, the newest first, after a place, unless it is
// zero: all of them, or those that lead to a version.
func (e *Engine) Aliases(ctx context.Context, key ebb.StateMachineKey, version int64, after AliasPlace, limit int) (as []*ebb.StateMachineAlias, more bool, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.StateMachine(key); err != nil {
			return found(err, noStateMachine(ebb.StateMachineARN(e.cfg.Region, key, "")))
		}
		as, err = tx.StateMachineAliases(key, "", maxAliases)
		return err
	})
	as = slices.DeleteFunc(as, func(a *ebb.StateMachineAlias) bool {
		return version != 0 && !routesTo(a, version) || after.Alias != "" && AliasPlace{a.CreatedAt, a.Alias}.compare(after) <= 0
	})
	slices.SortFunc(as, func(a, b *ebb.StateMachineAlias) int {
		return AliasPlace{a.CreatedAt, a.Alias}.compare(AliasPlace{b.CreatedAt, b.Alias})
	})
	as, more = cut(as, limit)
	return as, more, err
}

func routesTo(a *ebb.StateMachineAlias, version int64) bool {
	return slices.ContainsFunc(a.Routing, func(r ebb.StateMachineRoute) bool { return r.Version == version })
}

// CreateAlias makes an alias, or answers the one that is there if it is the same.
func (e *Engine) CreateAlias(ctx context.Context, want *ebb.StateMachineAlias) (a *ebb.StateMachineAlias, err error) {
	now := e.now()
	err = e.store.Tx(ctx, func(tx *store.Tx) error {
		a = want
		if err := e.checkRouting(tx, want); err != nil {
			return err
		}
		all, err := tx.StateMachineAliases(want.StateMachineKey, "", maxAliases)
		if err != nil {
			return err
		}
		for _, there := range all {
			switch {
			case there.Alias != want.Alias:
			case there.Description != want.Description || !slices.Equal(there.Routing, want.Routing):
				return ebb.Errorf(ebb.Conflict, TypeConflict, "Failed to create alias because an alias with the same name and a different routing configuration already exists.")
			default:
				a = there
				return nil
			}
		}
		if len(all) >= maxAliases {
			return quota("aliases", maxAliases)
		}
		want.CreatedAt, want.UpdatedAt = now, now
		return tx.InsertStateMachineAlias(want)
	})
	return a, err
}

// UpdateAlias changes an alias; what is nil stays.
func (e *Engine) UpdateAlias(ctx context.Context, key ebb.StateMachineKey, name string, description *string, routing []ebb.StateMachineRoute) (a *ebb.StateMachineAlias, err error) {
	err = e.store.Tx(ctx, func(tx *store.Tx) (err error) {
		if a, err = tx.StateMachineAlias(key, name); err != nil {
			return found(err, noResource(ebb.StateMachineARN(e.cfg.Region, key, name)))
		}
		if description != nil {
			a.Description = *description
		}
		if routing != nil {
			a.Routing = routing
		}
		if err := e.checkRouting(tx, a); err != nil {
			return err
		}
		a.UpdatedAt = e.now()
		return tx.UpdateStateMachineAlias(a)
	})
	return a, err
}

// checkRouting refuses versions that are not there.
func (e *Engine) checkRouting(tx *store.Tx, a *ebb.StateMachineAlias) error {
	for _, r := range a.Routing {
		if _, err := tx.StateMachineVersion(a.StateMachineKey, r.Version); err != nil {
			return found(err, noResource(ebb.StateMachineARN(e.cfg.Region, a.StateMachineKey, strconv.FormatInt(r.Version, 10))))
		}
	}
	return nil
}

// DeleteAlias removes an alias.
func (e *Engine) DeleteAlias(ctx context.Context, key ebb.StateMachineKey, name string) error {
	err := e.store.Tx(ctx, func(tx *store.Tx) error { return tx.DeleteStateMachineAlias(key, name) })
	return found(err, noResource(ebb.StateMachineARN(e.cfg.Region, key, name)))
}

// Tags returns the tags of a state machine or an activity.
func (e *Engine) Tags(ctx context.Context, arn ebb.StatesARN) (tags map[string]string, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		tags, err = e.tags(tx, arn)
		return err
	})
	return tags, err
}

// EditTags changes the tags of a state machine or an activity.
func (e *Engine) EditTags(ctx context.Context, arn ebb.StatesARN, edit func(map[string]string)) error {
	return e.store.Tx(ctx, func(tx *store.Tx) error {
		tags, err := e.tags(tx, arn)
		if err != nil {
			return err
		}
		tags = maps.Clone(tags)
		edit(tags)
		if len(tags) > MaxTags {
			return tooManyTags(arn.String())
		}
		if arn.Kind == "activity" {
			return tx.SetActivityTags(arn.Service, arn.Name, tags)
		}
		key, _ := arn.Key()
		return tx.SetStateMachineTags(key, tags)
	})
}

func (e *Engine) tags(tx *store.Tx, arn ebb.StatesARN) (map[string]string, error) {
	switch arn.Kind {
	case "activity":
		a, err := tx.Activity(arn.Service, arn.Name)
		if err != nil {
			return nil, found(err, noResource(arn.String()))
		}
		return a.Tags, nil
	case "stateMachine":
		key, _ := arn.Key()
		m, err := tx.StateMachine(key)
		if err != nil || arn.Rest != "" {
			return nil, found(missing(err), noResource(arn.String()))
		}
		return m.Tags, nil
	}
	return nil, InvalidARN(arn.String())
}

func missing(err error) error {
	if err == nil {
		return store.ErrNotFound
	}
	return err
}
