package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// difference is one thing that 'ebb deploy' would do.
type difference struct {
	Function string   `json:"function"` // "" of a layer, a workflow or a trigger
	Layer    string   `json:"layer,omitempty"`
	Workflow string   `json:"workflow,omitempty"`
	Trigger  string   `json:"trigger,omitempty"`
	Role     string   `json:"role,omitempty"`
	Action   string   `json:"action"` // created, updated, or unnamed: on the platform, in no ebb.yaml
	Changes  []change `json:"changes"`
}

// change is one setting of a function.
type change struct {
	Key  string `json:"key"`  // in ebb.yaml
	Have string `json:"have"` // on the platform
	Want string `json:"want"` // in ebb.yaml
}

// actionUnnamed is a function that 'ebb deploy --prune' would delete.
const actionUnnamed = "unnamed"

// diffVerb tells what deploy would change.
func (a *app) diffVerb() *cobra.Command {
	var only []string
	cmd := &cobra.Command{
		Use:   "diff [FOLDER|FILE]...",
		Short: "Show what deploy would change",
		Long: "Diff builds and packs the functions of an ebb.yaml as deploy does, compares them with the\n" +
			"platform and changes nothing. Values of secrets are not known to it: a reference is compared.",
		Example: "  ebb diff\n  ebb diff services/hello -o json",
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) == 0 {
				given = []string{"."}
			}
			return a.diff(cmd.Context(), given, only)
		},
	}
	cmd.Flags().StringSliceVar(&only, "only", nil, "compare only the functions and workflows of these `NAMES`, separated by commas")
	return cmd
}

func (a *app) diff(ctx context.Context, paths, only []string) error {
	manifests, err := loadManifests(paths, only)
	if err != nil {
		return err
	}
	all := []difference{}
	show := newProgress(a.errs)
	err = func() error {
		for _, group := range byService(manifests) {
			d, err := a.deployTo(ctx, group[0].Service, deployOptions{only: only, dryRun: true}, show)
			if err != nil {
				return err
			}
			found, err := d.compare(ctx, group)
			d.client.Close()
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		return nil
	}()
	show.wait()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, f := range all {
		rows = append(rows, []string{f.text()})
		for _, c := range f.Changes {
			rows = append(rows, []string{"  " + c.Key + ": " + c.Have + " → " + c.Want})
		}
	}
	if len(all) == 0 && a.output == outTable {
		a.note("nothing differs")
	}
	return a.print(all, nil, rows)
}

func (f *difference) text() string {
	switch {
	case f.Layer != "":
		return "~ layer " + f.Layer
	case f.Role != "" && f.Action == actionCreated:
		return "+ role " + f.Role
	case f.Role != "":
		return "~ role " + f.Role
	case f.Workflow != "" && f.Action == actionCreated:
		return "+ workflow " + f.Workflow
	case f.Workflow != "":
		return "~ workflow " + f.Workflow
	case f.Trigger != "" && f.Action == actionCreated:
		return "+ trigger " + f.Trigger
	case f.Trigger != "" && f.Action == actionUnnamed:
		return "- trigger " + f.Trigger + " (in no ebb.yaml; deploy --prune deletes it)"
	case f.Trigger != "":
		return "~ trigger " + f.Trigger
	case f.Action == actionCreated:
		return "+ " + f.Function
	case f.Action == actionUnnamed:
		return "- " + f.Function + " (in no ebb.yaml; deploy --prune deletes it)"
	}
	return "~ " + f.Function
}

// compare says what differs for the functions of manifests of one service.
func (d *deployment) compare(ctx context.Context, group []*manifest.Manifest) (all []difference, err error) {
	for _, m := range group {
		for _, of := range []func(context.Context, *manifest.Manifest) ([]difference, error){
			d.compareRoles, d.compareLayers, d.compareFunctions, d.compareWorkflows, d.compareTriggers,
		} {
			found, err := of(ctx, m)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	if len(d.opt.only) > 0 {
		return all, nil
	}
	triggers, err := d.unnamedTriggers(ctx, group)
	if err != nil {
		return nil, err
	}
	for _, name := range triggers {
		all = append(all, difference{Trigger: name, Action: actionUnnamed, Changes: []change{}})
	}
	names, err := d.unnamed(ctx, group)
	for _, name := range names {
		all = append(all, difference{Function: name, Action: actionUnnamed, Changes: []change{}})
	}
	return all, err
}

func (d *deployment) compareRoles(ctx context.Context, m *manifest.Manifest) (all []difference, err error) {
	roles, err := d.roles(ctx, m)
	for _, r := range roles {
		if r.Action != actionUnchanged {
			all = append(all, difference{Role: r.Role, Action: r.Action, Changes: []change{}})
		}
	}
	return all, err
}

func (d *deployment) compareLayers(ctx context.Context, m *manifest.Manifest) (all []difference, err error) {
	layers, err := d.layers(ctx, m)
	for _, r := range layers {
		if r.Action != actionUnchanged {
			all = append(all, difference{Layer: r.Layer, Action: r.Action, Changes: []change{}})
		}
	}
	return all, err
}

func (d *deployment) compareFunctions(ctx context.Context, m *manifest.Manifest) (all []difference, err error) {
	for i := range m.Functions {
		f := &m.Functions[i]
		if len(d.opt.only) > 0 && !slices.Contains(d.opt.only, f.Name) {
			continue
		}
		r, err := d.function(ctx, m, f)
		if err != nil {
			return nil, &named{f.Name, err}
		}
		if r.Action == actionUnchanged {
			continue
		}
		found := difference{Function: f.Name, Action: r.Action, Changes: []change{}}
		if r.Action == actionUpdated {
			if found.Changes, err = d.changes(ctx, f, r); err != nil {
				return nil, &named{f.Name, err}
			}
		}
		all = append(all, found)
	}
	return all, nil
}

func (d *deployment) compareWorkflows(ctx context.Context, m *manifest.Manifest) (all []difference, err error) {
	workflows, err := d.workflows(ctx, m)
	if err != nil {
		return nil, err
	}
	for _, r := range workflows {
		if r.Action == actionUnchanged {
			continue
		}
		found, err := d.workflowChanges(ctx, m, &r)
		if err != nil {
			return nil, &named{r.Workflow, err}
		}
		all = append(all, found)
	}
	return all, nil
}

// changes tells both sides of what deploy named.
func (d *deployment) changes(ctx context.Context, f *manifest.Function, r *deployed) ([]change, error) {
	live, err := d.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &f.Name})
	if _, gone := errors.AsType[*types.ResourceNotFoundException](err); gone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := []change{}
	for _, key := range r.Changed {
		switch key {
		case "env":
			all = append(all, tableChanges("env.", environment(live.Configuration), f.Env)...)
		case "tags":
			all = append(all, tableChanges("tags.", live.Tags, f.Tags)...)
		default:
			have, want := d.sides(key, f, live, r)
			all = append(all, change{key, cmp.Or(have, "none"), cmp.Or(want, "none")})
		}
	}
	return all, nil
}

func environment(c *types.FunctionConfiguration) map[string]string {
	if c.Environment == nil {
		return nil
	}
	return c.Environment.Variables
}

// tableChanges compares two tables, name by name.
func tableChanges(prefix string, have, want map[string]string) (all []change) {
	names := maps.Clone(have)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, want)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, was := have[name]
		fresh, is := want[name]
		switch {
		case was && is && old == fresh:
		case !was:
			all = append(all, change{prefix + name, "none", strconv.Quote(fresh)})
		case !is:
			all = append(all, change{prefix + name, strconv.Quote(old), "none"})
		default:
			all = append(all, change{prefix + name, strconv.Quote(old), strconv.Quote(fresh)})
		}
	}
	return all
}

// sides is a setting on the platform and in the manifest, as text.
func (d *deployment) sides(key string, f *manifest.Function, live *lambda.GetFunctionOutput, r *deployed) (have, want string) {
	c := live.Configuration
	number := func(p *int32, unit string) string { return fmt.Sprintf("%d%s", aws.ToInt32(p), unit) }
	switch key {
	case "code":
		return short(aws.ToString(c.CodeSha256)), short(r.CodeSHA256)
	case "architecture":
		return fmt.Sprint(c.Architectures), f.Architecture
	case "runtime":
		return string(c.Runtime), f.Runtime
	case "handler":
		return aws.ToString(c.Handler), f.Handler
	case "role":
		return aws.ToString(c.Role), f.RoleARN(d.service)
	case "description":
		return aws.ToString(c.Description), f.Description
	case "memory":
		return number(c.MemorySize, " MB"), strconv.Itoa(f.MemoryMB) + " MB"
	case "timeout":
		return number(c.Timeout, " s"), strconv.Itoa(f.TimeoutS) + " s"
	case "tmp":
		if c.EphemeralStorage == nil {
			return "", strconv.Itoa(f.TmpMB) + " MB"
		}
		return number(c.EphemeralStorage.Size, " MB"), strconv.Itoa(f.TmpMB) + " MB"
	case "logFormat":
		if c.LoggingConfig == nil {
			return manifest.LogText, f.LogFormat
		}
		return string(c.LoggingConfig.LogFormat), f.LogFormat
	}
	return "as it is", "as ebb.yaml has it"
}

// short is enough of a digest to tell it from others.
func short(digest string) string { return strings.TrimSuffix(digest[:min(12, len(digest))], "=") }
