package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/manifest"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// triggers makes the platform's triggers what a manifest says. What they start is
// there already.
func (d *deployment) triggers(ctx context.Context, m *manifest.Manifest) (done []deployed, err error) {
	for _, t := range m.AllTriggers() {
		if len(d.opt.only) > 0 && !slices.Contains(d.opt.only, t.Function) {
			continue
		}
		r, _, err := d.trigger(ctx, m, t)
		if err != nil {
			return done, err
		}
		d.show.line("trigger %s: %s", t.Name, r.text())
		done = append(done, *r)
	}
	return done, nil
}

// trigger creates or updates one trigger; changes are what differed.
func (d *deployment) trigger(ctx context.Context, m *manifest.Manifest, t *manifest.Trigger) (*deployed, []change, error) {
	r := &deployed{Trigger: t.Name, Action: actionUnchanged, Changed: []string{}, DryRun: d.opt.dryRun}
	if d.making {
		r.Action = actionCreated
		return r, nil, nil
	}
	want, err := d.wantedTrigger(m, t)
	if err != nil {
		return nil, nil, err
	}
	have, err := d.client.Trigger(ctx, t.Name)
	if e, ok := client.ErrorOf(err); ok && e.Status == http.StatusNotFound {
		r.Action = actionCreated
		if d.opt.dryRun {
			return r, nil, nil
		}
		_, err := d.client.CreateTrigger(ctx, t.Name, *want)
		return r, nil, inManifest(m, t, err)
	}
	if err != nil {
		return nil, nil, err
	}
	if t.Paused == nil {
		want.Paused = have.Paused
	}
	would, err := d.client.PreviewTrigger(ctx, t.Name, *want)
	if e, ok := client.ErrorOf(err); ok && e.Status == http.StatusNotFound && d.opt.dryRun {
		// What it is to start is not there yet: a deploy would make that first.
		would, err = &client.Trigger{TriggerSettings: *want}, nil
	}
	if err != nil {
		return nil, nil, inManifest(m, t, err)
	}
	changes, err := triggerChanges(&have.TriggerSettings, &would.TriggerSettings)
	if err != nil || len(changes) == 0 {
		return r, nil, err
	}
	for _, c := range changes {
		r.Changed = append(r.Changed, c.Key)
	}
	r.Action = actionUpdated
	if !d.opt.dryRun {
		_, err = d.client.UpdateTrigger(ctx, t.Name, *want, have.Revision)
	}
	return r, changes, inManifest(m, t, err)
}

// compareTriggers says what differs for the triggers of a manifest.
func (d *deployment) compareTriggers(ctx context.Context, m *manifest.Manifest) (all []difference, err error) {
	for _, t := range m.AllTriggers() {
		if len(d.opt.only) > 0 && !slices.Contains(d.opt.only, t.Function) {
			continue
		}
		r, changes, err := d.trigger(ctx, m, t)
		if err != nil {
			return nil, err
		}
		if r.Action != actionUnchanged {
			all = append(all, difference{Trigger: t.Name, Action: r.Action, Changes: append([]change{}, changes...)})
		}
	}
	return all, nil
}

// wantedTrigger is a trigger of a manifest as the platform is told of it.
func (d *deployment) wantedTrigger(m *manifest.Manifest, t *manifest.Trigger) (*client.TriggerSettings, error) {
	text, problems := t.Fill(standsFor(d.client.Config().Region, d.service, nil))
	if len(problems) > 0 {
		return nil, invalidDefinition(problems)
	}
	want := new(client.TriggerSettings)
	if err := json.Unmarshal(text, want); err != nil {
		return nil, usagef("%v", t.Problem(m.Path, err.Error()))
	}
	if t.Function != "" {
		want.Target = t.Function
		if t.Qualifier != "" {
			want.Target += ":" + t.Qualifier
		}
	}
	if t.Paused != nil {
		want.Paused = *t.Paused
	}
	return want, nil
}

// inManifest says of what the platform refuses where it stands in the file.
func inManifest(m *manifest.Manifest, t *manifest.Trigger, err error) error {
	e, ok := client.ErrorOf(err)
	if !ok || e.Status != http.StatusUnprocessableEntity && e.Status != http.StatusNotFound && e.Status != http.StatusConflict {
		return err
	}
	return invalidDefinition(manifest.Problems{t.Problem(m.Path, e.Message)})
}

// triggerChanges names what differs between two triggers, one level into the
// settings of a kind.
func triggerChanges(have, want *client.TriggerSettings) ([]change, error) {
	a, err := flat(have)
	if err != nil {
		return nil, err
	}
	b, err := flat(want)
	if err != nil {
		return nil, err
	}
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	var all []change
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if a[key] != b[key] {
			all = append(all, change{key, cmp.Or(a[key], "none"), cmp.Or(b[key], "none")})
		}
	}
	return all, nil
}

// flat is a trigger as keys and JSON.
func flat(s *client.TriggerSettings) (map[string]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, err
	}
	keys := map[string]string{}
	for name, value := range top {
		var below map[string]json.RawMessage
		if json.Unmarshal(value, &below) != nil || below == nil || name == "input" {
			keys[name] = canonical(value)
			continue
		}
		for under, value := range below {
			keys[name+"."+under] = canonical(value)
		}
	}
	return keys, nil
}

// canonical is JSON with the members of objects in order.
func canonical(value json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(value)
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return string(value)
	}
	return strings.TrimSpace(text.String())
}

// unnamedTriggers lists the triggers of the service that no manifest of the group
// names.
func (d *deployment) unnamedTriggers(ctx context.Context, group []*manifest.Manifest) (names []string, err error) {
	if d.making {
		return nil, nil
	}
	all, err := d.client.Triggers(ctx, "", "")
	for _, t := range all {
		named := slices.ContainsFunc(group, func(m *manifest.Manifest) bool {
			return slices.ContainsFunc(m.AllTriggers(), func(own *manifest.Trigger) bool { return own.Name == t.Name })
		})
		if !named {
			names = append(names, t.Name)
		}
	}
	return names, err
}

// pruneTriggers deletes triggers.
func (d *deployment) pruneTriggers(ctx context.Context, names []string) (done []deployed, err error) {
	for _, name := range names {
		r := deployed{Trigger: name, Action: actionDeleted, Changed: []string{}, DryRun: d.opt.dryRun}
		if !d.opt.dryRun {
			if err := d.client.DeleteTrigger(ctx, name); err != nil {
				return done, &named{"trigger " + name, err}
			}
		}
		d.show.line("trigger %s: %s", name, r.text())
		done = append(done, r)
	}
	return done, nil
}
