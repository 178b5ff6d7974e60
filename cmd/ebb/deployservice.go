package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/manifest"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// serviceName is the service that a manifest names, "" if none.
func serviceName(m *manifest.Manifest) string {
	if m.Service == nil {
		return ""
	}
	return m.Service.Name
}

// byService groups manifests by their service, in the order in which they were
// given. The one with settings comes first in its group.
func byService(all []*manifest.Manifest) (groups [][]*manifest.Manifest) {
	at := map[string]int{}
	for _, m := range all {
		name := serviceName(m)
		i, ok := at[name]
		if !ok {
			i = len(groups)
			at[name] = i
			groups = append(groups, nil)
		}
		if m.Service != nil && m.Service.Settings {
			groups[i] = slices.Insert(groups[i], 0, m)
		} else {
			groups[i] = append(groups[i], m)
		}
	}
	return groups
}

// deployTo connects for the service that a manifest speaks of, and makes that
// what the manifest says. s is nil where it speaks of none.
func (a *app) deployTo(ctx context.Context, s *manifest.Service, opt deployOptions, show *progress) (*deployment, error) {
	service := a.chosen()
	if s != nil {
		if service != "" && service != s.Name {
			return nil, usagef("--service: %s, but ebb.yaml says service: %s", service, s.Name)
		}
		service = s.Name
	}
	c, err := a.connectAs(service)
	if err != nil {
		return nil, err
	}
	d := &deployment{client: c, lambda: c.Lambda(), opt: opt, show: show, built: map[string]bool{}, published: map[string]string{}}
	if s != nil && s.Settings {
		err = d.describeService(ctx, a, s)
	}
	if err == nil && !d.making {
		var own *client.Service
		if own, err = c.Service(ctx, client.Self); err == nil {
			d.service = ebb.ServiceID(own.ID)
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return d, nil
}

// describeService makes the platform's service what the manifest says.
func (d *deployment) describeService(ctx context.Context, a *app, s *manifest.Service) error {
	// The service may not be there yet: this is asked without acting for it.
	plain, err := a.connectAs("")
	if err != nil {
		return err
	}
	defer plain.Close()
	have, err := plain.Service(ctx, s.Name)
	if e, ok := client.ErrorOf(err); ok && e.Status == 404 {
		d.show.line("service %s: %s", s.Name, dry(d.opt.dryRun, actionCreated))
		if d.making = d.opt.dryRun; d.making {
			return nil
		}
		_, err := plain.CreateService(ctx, wantedService(s, true))
		return err
	}
	if err != nil {
		return err
	}
	changed := serviceDifferences(s, have)
	if len(changed) == 0 {
		return nil
	}
	d.show.line("service %s: %s (%s)", s.Name, dry(d.opt.dryRun, actionUpdated), strings.Join(changed, ", "))
	if d.opt.dryRun {
		return nil
	}
	_, err = plain.UpdateService(ctx, s.Name, wantedService(s, false))
	return err
}

func dry(run bool, action string) string {
	if run {
		return "to be " + action
	}
	return action
}

// wantedService is all of what a manifest says about a service.
func wantedService(s *manifest.Service, fresh bool) client.ServiceChange {
	quota, env := wireQuota(s.Quota), s.Env
	if env == nil {
		env = map[string]string{}
	}
	c := client.ServiceChange{Description: &s.Description, Env: env, LogRetentionDays: &s.LogRetentionDays, Egress: new(egressText(s)), Quota: &quota}
	if fresh {
		c.Name = &s.Name
	}
	return c
}

func wireQuota(q ebb.Quota) client.Quota {
	return client.Quota{Concurrency: q.Concurrency, MemoryMB: q.MemoryMB, RequestsPerSecond: q.Rate, Functions: q.Functions, Events: q.Events, CodeStorageMB: q.CodeStorageMB}
}

func egressText(s *manifest.Service) string {
	if s.Egress == nil {
		return "any"
	}
	return s.Egress.String()
}

// serviceDifferences names the settings in which the manifest and the platform
// differ.
func serviceDifferences(s *manifest.Service, have *client.Service) (names []string) {
	for _, d := range []struct {
		key     string
		differs bool
	}{
		{"description", s.Description != have.Description},
		{"env", !maps.Equal(s.Env, have.Env)},
		{"logRetentionDays", s.LogRetentionDays != have.LogRetentionDays},
		{"egress", egressText(s) != have.Egress},
		{"quota", wireQuota(s.Quota) != have.Quota},
	} {
		if d.differs {
			names = append(names, d.key)
		}
	}
	return names
}

// unnamed lists the functions of the service that no manifest of the group names.
func (d *deployment) unnamed(ctx context.Context, group []*manifest.Manifest) (names []string, err error) {
	if d.making {
		return nil, nil
	}
	all, err := listFunctions(ctx, d.client)
	for _, f := range all {
		if !slices.ContainsFunc(group, func(m *manifest.Manifest) bool { return m.Function(f.Name) != nil }) {
			names = append(names, f.Name)
		}
	}
	return names, err
}

// prune deletes the triggers and functions of the service that no manifest of the group names.
func (a *app) prune(ctx context.Context, d *deployment, group []*manifest.Manifest) (done []deployed, err error) {
	names, err := d.unnamed(ctx, group)
	if err != nil {
		return nil, err
	}
	triggers, err := d.unnamedTriggers(ctx, group)
	if err != nil || len(names)+len(triggers) == 0 {
		return nil, err
	}
	if !d.opt.yes && !d.opt.dryRun {
		all := slices.Clone(names)
		for _, t := range triggers {
			all = append(all, "trigger "+t)
		}
		if !terminal(a.in) {
			return nil, usagef("--prune: would delete %s; say --yes if that is right", strings.Join(all, ", "))
		}
		if !a.confirm("delete " + strings.Join(all, ", ") + "?") {
			return nil, usagef("nothing was deleted")
		}
	}
	if done, err = d.pruneTriggers(ctx, triggers); err != nil {
		return done, err
	}
	for _, name := range names {
		r := deployed{Function: name, Action: actionDeleted, Changed: []string{}, DryRun: d.opt.dryRun}
		if !d.opt.dryRun {
			if _, err := d.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name}); err != nil {
				return done, &named{name, err}
			}
		}
		d.show.line("%s: %s", name, r.text())
		done = append(done, r)
	}
	return done, nil
}
